//! How the platform does.

use axum::{Json, extract::State};

use super::{dto, problem::Problem};
use crate::{app::App, extract::rights::StaffMember, fault::Fault};

/// Everything that the platform needs, looked at (staff).
#[utoipa::path(
    get, path = "/api/v1/doctor", tag = "Platform",
    responses((status = 200, body = Vec<dto::Finding>), (status = 403, body = Problem)),
)]
pub async fn doctor(State(app): State<App>, StaffMember(cx): StaffMember) -> Result<Json<Vec<dto::Finding>>, Fault> {
    let findings = app.control.doctor(&cx).await?;
    Ok(Json(findings.into_iter().map(Into::into).collect()))
}
