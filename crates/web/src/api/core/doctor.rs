//! The doctor: checks of everything the platform depends on.

use axum::{Json, extract::State};

use super::{dto, problem::Problem};
use crate::{app::App, extract::permissions::StaffMember, http_error::HttpError};

/// Check everything that the platform depends on (staff).
#[utoipa::path(
    get, path = "/api/v1/doctor", tag = "Platform",
    responses((status = 200, body = Vec<dto::Finding>), (status = 403, body = Problem)),
)]
pub async fn doctor(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
) -> Result<Json<Vec<dto::Finding>>, HttpError> {
    let findings = app.control.doctor(&cx).await?;
    Ok(Json(findings.into_iter().map(Into::into).collect()))
}
