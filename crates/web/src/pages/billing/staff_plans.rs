//! All plans, for staff.

use askama::Template;
use axum::{extract::State, response::Response};
use stoa_billing::view::PlanView;

use crate::{
    app::App,
    extract::permissions::StaffMember,
    http_error::HttpError,
    ui::{self, frame::Frame},
};

/// `/staff/plans`
#[derive(Template)]
#[template(path = "billing/staff_plans.html")]
pub struct StaffPlansPage {
    /// Layout of the page.
    pub frame: Frame,
    /// All plans.
    pub plans: Vec<PlanView>,
    /// Whether the viewer may change them.
    pub may_change: bool,
}

/// `GET /staff/plans`
pub async fn show(State(app): State<App>, StaffMember(cx): StaffMember, frame: Frame) -> Result<Response, HttpError> {
    let plans = app.control.billing.list_plans(&cx).await?;
    let may_change = frame.is_admin();
    Ok(ui::ok(&StaffPlansPage { frame, plans, may_change }))
}
