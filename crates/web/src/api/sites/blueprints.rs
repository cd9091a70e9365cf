//! Blueprints, and whether an address is available.

use axum::{
    Json,
    extract::{Path, State},
};

use super::dto;
use crate::{
    api::core::problem::Problem,
    app::App,
    extract::permissions::{Caller, LoggedIn},
    http_error::HttpError,
};

/// List the blueprints to order from.
#[utoipa::path(
    get, path = "/api/v1/blueprints", tag = "Platform",
    responses((status = 200, body = Vec<dto::Blueprint>), (status = 401, body = Problem)),
)]
pub async fn blueprints(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
) -> Result<Json<Vec<dto::Blueprint>>, HttpError> {
    let blueprints = app.control.sites.list_blueprints(&cx).await?;
    Ok(Json(blueprints.into_iter().map(Into::into).collect()))
}

/// Check whether an address is available.
#[utoipa::path(
    get, path = "/api/v1/addresses/{subdomain}", tag = "Platform", security(()),
    params(("subdomain" = String, Path, description = "The subdomain, as typed.")),
    responses((status = 200, body = dto::AddressCheck)),
)]
pub async fn address(
    State(app): State<App>,
    Caller(cx): Caller,
    Path(subdomain): Path<String>,
) -> Result<Json<dto::AddressCheck>, HttpError> {
    Ok(Json(app.control.sites.check_address(&cx, &subdomain).await?.into()))
}
