//! The price list.

use askama::Template;
use axum::{extract::State, response::Response};

use super::PlanCard;
use crate::{
    app::App,
    extract::permissions::Caller,
    http_error::HttpError,
    ui::{self, frame::Frame},
};

/// `/pricing`
#[derive(Template)]
#[template(path = "billing/pricing.html")]
pub struct PricingPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The plans of each kind of site.
    pub groups: Vec<PlanGroup>,
}

/// The plans of a kind of site.
pub struct PlanGroup {
    /// What it is.
    pub title: String,
    /// The plans.
    pub plans: Vec<PlanCard>,
}

/// `GET /pricing`
pub async fn show(State(app): State<App>, Caller(cx): Caller, frame: Frame) -> Result<Response, HttpError> {
    let plans = app.control.billing.price_list().await?;
    let blueprints = app.control.sites.list_blueprints(&cx).await?;
    let groups = blueprints.into_iter().map(|blueprint| PlanGroup {
        plans: plans.iter().filter(|plan| plan.blueprint == blueprint.name).map(PlanCard::new).collect(),
        title: blueprint.title,
    });
    let groups = groups.filter(|group| !group.plans.is_empty()).collect();
    Ok(ui::ok(&PricingPage { frame, groups }))
}
