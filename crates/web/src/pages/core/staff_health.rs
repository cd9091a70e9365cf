//! Health of the platform: the doctor's findings.

use askama::Template;
use axum::{extract::State, response::Response};

use super::staff_overview::{FindingLine, PlatformSummary};
use crate::{
    app::App,
    extract::permissions::StaffMember,
    http_error::HttpError,
    ui::{self, frame::Frame},
};

/// `/staff/health`
#[derive(Template)]
#[template(path = "core/staff_health.html")]
pub struct HealthPage {
    /// Layout of the page.
    pub frame: Frame,
    /// What needs attention, worst first.
    pub problems: Vec<FindingLine>,
    /// What is as it should be.
    pub passed: Vec<FindingLine>,
}

/// `GET /staff/health`
pub async fn show(State(app): State<App>, StaffMember(cx): StaffMember, frame: Frame) -> Result<Response, HttpError> {
    let summary = app.summary.get(cx.now, || PlatformSummary::compute(app.control.clone())).await?;
    let (problems, passed) = summary.findings();
    Ok(ui::ok(&HealthPage { frame, problems, passed }))
}
