//! A site's traffic, and the limits for its visitors.

#![allow(unused_qualifications, reason = "utoipa's derive macro generates them")]

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto;
use crate::{
    api::core::problem::Problem,
    app::App,
    extract::{
        body::{self, Query},
        permissions::{AccessibleSite, Administrator},
    },
    http_error::HttpError,
};

/// Period.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TrafficQuery {
    /// Hours, 1 to 744, the current one included; 24 by default.
    hours: Option<u32>,
}

/// Get a site's traffic by hour, oldest first, hours without requests included.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/traffic", tag = "Sites",
    params(("id" = String, Path, description = "Site"), TrafficQuery),
    responses((status = 200, body = Vec<dto::TrafficHour>), (status = 404, body = Problem)),
)]
pub async fn hours(
    State(app): State<App>,
    access: AccessibleSite,
    Query(TrafficQuery { hours }): Query<TrafficQuery>,
) -> Result<Json<Vec<dto::TrafficHour>>, HttpError> {
    let traffic = app.control.sites.traffic(&access.cx, access.site.id, hours.unwrap_or(24).clamp(1, 744)).await?;
    Ok(Json(traffic.into_iter().map(Into::into).collect()))
}

/// Change the limits for a site's visitors (admin).
#[utoipa::path(
    put, path = "/api/v1/sites/{id}/limits", tag = "Sites", request_body = dto::NewLimits,
    params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::Limits), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub async fn limits(
    State(app): State<App>,
    Administrator(cx): Administrator,
    access: AccessibleSite,
    body::Json(new): body::Json<dto::NewLimits>,
) -> Result<Json<dto::Limits>, HttpError> {
    Ok(Json(app.control.sites.set_edge_limits(&cx, access.site.id, new.into()).await?.into()))
}
