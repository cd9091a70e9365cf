//! Suspending a site, and resuming it.

use axum::{Json, extract::State};

use super::dto;
use crate::{
    api::core::problem::Problem,
    app::App,
    extract::{
        body,
        permissions::{AccessibleSite, Administrator},
    },
    http_error::HttpError,
};

/// Suspend a site (admin).
///
/// Visitors see a page that says so, and its containers are stopped. Suspending it again for the same reason replaces
/// the note.
#[utoipa::path(
    post, path = "/api/v1/sites/{id}/suspend", operation_id = "suspend_site", tag = "Sites",
    request_body = dto::NewSuspension, params(("id" = String, Path, description = "Site")),
    responses(
        (status = 200, body = dto::Site), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem),
    ),
)]
pub async fn suspend(
    State(app): State<App>,
    Administrator(cx): Administrator,
    access: AccessibleSite,
    body::Json(new): body::Json<dto::NewSuspension>,
) -> Result<Json<dto::Site>, HttpError> {
    Ok(Json(app.control.sites.suspend(&cx, access.site.id, new.into()).await?.into()))
}

/// End one suspension of a site, or all (admin).
///
/// After the last one, a site that ran before starts again; `job` is the job that starts it.
#[utoipa::path(
    post, path = "/api/v1/sites/{id}/resume", operation_id = "resume_site", tag = "Sites",
    request_body = dto::EndedSuspension, params(("id" = String, Path, description = "Site")),
    responses(
        (status = 200, body = dto::Site), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem),
    ),
)]
pub async fn resume(
    State(app): State<App>,
    Administrator(cx): Administrator,
    access: AccessibleSite,
    body::Json(ended): body::Json<dto::EndedSuspension>,
) -> Result<Json<dto::Site>, HttpError> {
    Ok(Json(app.control.sites.resume(&cx, access.site.id, ended.reason).await?.into()))
}
