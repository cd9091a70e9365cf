//! What can be ordered, and under which address.

use axum::{
    Json,
    extract::{Path, State},
};

use super::dto;
use crate::{
    api::core::problem::Problem,
    app::App,
    extract::rights::{Caller, LoggedIn},
    fault::Fault,
};

/// The blueprints to order from.
#[utoipa::path(
    get, path = "/api/v1/blueprints", tag = "Platform",
    responses((status = 200, body = Vec<dto::Blueprint>), (status = 401, body = Problem)),
)]
pub async fn blueprints(State(app): State<App>, LoggedIn(cx): LoggedIn) -> Result<Json<Vec<dto::Blueprint>>, Fault> {
    let blueprints = app.control.blueprints(&cx).await?;
    Ok(Json(blueprints.into_iter().map(Into::into).collect()))
}

/// Whether an address can be had.
#[utoipa::path(
    get, path = "/api/v1/addresses/{subdomain}", tag = "Platform", security(()),
    params(("subdomain" = String, Path, description = "The label, as typed.")),
    responses((status = 200, body = dto::Address)),
)]
pub async fn address(
    State(app): State<App>,
    Caller(cx): Caller,
    Path(subdomain): Path<String>,
) -> Result<Json<dto::Address>, Fault> {
    Ok(Json(app.control.address_check(&cx, &subdomain).await?.into()))
}
