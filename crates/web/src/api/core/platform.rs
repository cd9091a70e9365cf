//! What can be ordered, under which address, and how the platform does.

use axum::{
    Json,
    extract::{Path, State},
};

use super::{problem::Problem, shape};
use crate::{
    app::App,
    extract::rights::{Caller, LoggedIn, StaffMember},
    fault::Fault,
};

/// The blueprints to order from.
#[utoipa::path(
    get, path = "/api/v1/blueprints", tag = "Platform",
    responses((status = 200, body = Vec<shape::Blueprint>), (status = 401, body = Problem)),
)]
pub async fn blueprints(State(app): State<App>, LoggedIn(cx): LoggedIn) -> Result<Json<Vec<shape::Blueprint>>, Fault> {
    let blueprints = app.control.blueprints(&cx).await?;
    Ok(Json(blueprints.into_iter().map(Into::into).collect()))
}

/// Whether an address can be had.
#[utoipa::path(
    get, path = "/api/v1/addresses/{subdomain}", tag = "Platform", security(()),
    params(("subdomain" = String, Path, description = "The label, as typed.")),
    responses((status = 200, body = shape::Address)),
)]
pub async fn address(
    State(app): State<App>,
    Caller(cx): Caller,
    Path(subdomain): Path<String>,
) -> Result<Json<shape::Address>, Fault> {
    Ok(Json(app.control.address_check(&cx, &subdomain).await?.into()))
}

/// Everything that the platform needs, looked at (staff).
#[utoipa::path(
    get, path = "/api/v1/doctor", tag = "Platform",
    responses((status = 200, body = Vec<shape::Finding>), (status = 403, body = Problem)),
)]
pub async fn doctor(State(app): State<App>, StaffMember(cx): StaffMember) -> Result<Json<Vec<shape::Finding>>, Fault> {
    let findings = app.control.doctor(&cx).await?;
    Ok(Json(findings.into_iter().map(Into::into).collect()))
}
