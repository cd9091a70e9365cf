//! What a site's visitors use of the edge, and what they may use.

#![allow(unused_qualifications, reason = "the macro that describes parameters writes some")]

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto;
use crate::{
    api::core::problem::Problem,
    app::App,
    extract::{
        body::{self, Query as Asked},
        rights::{Administrator, OwnSite},
    },
    fault::Fault,
};

/// How far back.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Back {
    /// Hours, 1 to 744, the present one included; 24 without it.
    hours: Option<u32>,
}

/// What a site has served, by the hour, oldest first; quiet hours too.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/traffic", tag = "Sites",
    params(("id" = String, Path, description = "Site"), Back),
    responses((status = 200, body = Vec<dto::TrafficHour>), (status = 404, body = Problem)),
)]
pub async fn hours(
    State(app): State<App>,
    own: OwnSite,
    Asked(Back { hours }): Asked<Back>,
) -> Result<Json<Vec<dto::TrafficHour>>, Fault> {
    let traffic = app.control.site_traffic(&own.cx, own.site.id, hours.unwrap_or(24).clamp(1, 744)).await?;
    Ok(Json(traffic.into_iter().map(Into::into).collect()))
}

/// Change what a site's visitors may use of the edge (admin).
#[utoipa::path(
    put, path = "/api/v1/sites/{id}/limits", tag = "Sites", request_body = dto::NewLimits,
    params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::Limits), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub async fn limits(
    State(app): State<App>,
    Administrator(cx): Administrator,
    own: OwnSite,
    body::Json(new): body::Json<dto::NewLimits>,
) -> Result<Json<dto::Limits>, Fault> {
    Ok(Json(app.control.site_limits(&cx, own.site.id, new.into()).await?.into()))
}
