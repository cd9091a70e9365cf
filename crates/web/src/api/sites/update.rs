//! Updating sites to another version of their blueprint.

use axum::{Json, extract::State, http::StatusCode};

use super::dto;
use crate::{
    api::core::{dto::StartedJob, problem::Problem},
    app::App,
    extract::{
        body,
        permissions::{AccessibleSite, StaffMember},
    },
    http_error::HttpError,
};

/// Update a running site to another version of its blueprint.
///
/// The site also gets the images that are installed now. If the new version fails, the job restores the previous one.
#[utoipa::path(
    post, path = "/api/v1/sites/{id}/update", operation_id = "update_site", tag = "Sites",
    request_body = dto::NewVersion, params(("id" = String, Path, description = "Site")),
    responses(
        (status = 202, body = StartedJob), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    ),
)]
pub async fn update(
    State(app): State<App>,
    access: AccessibleSite,
    body::Json(new): body::Json<dto::NewVersion>,
) -> Result<(StatusCode, Json<StartedJob>), HttpError> {
    let job = app.control.sites.update(&access.cx, access.site.id, new.into()).await?;
    Ok((StatusCode::ACCEPTED, Json(StartedJob { job })))
}

/// List the sites that an update would change (staff).
///
/// Their blueprint has a newer version, or one of their images has changed.
#[utoipa::path(
    get, path = "/api/v1/blueprints/outdated", operation_id = "list_outdated_sites", tag = "Platform",
    responses((status = 200, body = Vec<dto::OutdatedSite>), (status = 403, body = Problem), (status = 503, body = Problem)),
)]
pub async fn outdated(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
) -> Result<Json<Vec<dto::OutdatedSite>>, HttpError> {
    let outdated = app.control.sites.list_outdated(&cx).await?;
    Ok(Json(outdated.into_iter().map(Into::into).collect()))
}
