//! What a site stores.

#![allow(unused_qualifications, reason = "utoipa's derive macro generates them")]

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

/// Get what a site stores: now, by volume and by day.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/storage", tag = "Sites",
    params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::Storage), (status = 404, body = Problem)),
)]
pub async fn show(State(app): State<App>, access: AccessibleSite) -> Result<Json<dto::Storage>, HttpError> {
    Ok(Json(app.control.sites.storage(&access.cx, access.site.id).await?.into()))
}

/// Change how much a site may store (admin).
#[utoipa::path(
    put, path = "/api/v1/sites/{id}/storage", tag = "Sites", request_body = dto::NewStorageLimit,
    params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::Storage), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub async fn limit(
    State(app): State<App>,
    Administrator(cx): Administrator,
    access: AccessibleSite,
    body::Json(new): body::Json<dto::NewStorageLimit>,
) -> Result<Json<dto::Storage>, HttpError> {
    Ok(Json(app.control.sites.set_storage_limit(&cx, access.site.id, new.limit).await?.into()))
}
