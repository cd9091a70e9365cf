//! Another plan for a site: what there is, what it would mean, and the change.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_billing::{ChangePreview, Changed};
use stoa_core::RequestContext;
use stoa_model::id::SubscriptionId;

use super::{PlanCard, SubscriptionLine};
use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        id::Id,
        permissions::Customer,
    },
    http_error::HttpError,
    ui::{self, field::Problems, form_errors::FormErrors, frame::Frame, time},
};

/// `/billing/subscriptions/{id}/plan`
#[derive(Template)]
#[template(path = "billing/change_plan.html")]
pub struct ChangePlanPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// The subscription.
    pub line: SubscriptionLine,
    /// The plans that there are.
    pub plans: Vec<PlanOption>,
    /// What the chosen one would mean.
    pub offer: Option<Offer>,
}

/// A plan that can be chosen.
pub struct PlanOption {
    /// Its card.
    pub card: PlanCard,
    /// What the page is asked for with each price: short name and interval.
    pub choices: Vec<(String, String)>,
    /// Whether the site is on it.
    pub is_present: bool,
}

/// What a change would mean, in words.
pub struct Offer {
    /// The plan's name.
    pub plan: String,
    /// Its price.
    pub price: String,
    /// What buys it.
    pub choice: String,
    /// What is charged now, if anything is, or what is kept for the next invoices.
    pub due: Option<String>,
    /// What that consists of.
    pub lines: Vec<(String, String)>,
    /// When the next payment is due.
    pub next: String,
    /// The time for which it was computed, in milliseconds since 1970.
    pub at: i64,
}

impl Offer {
    fn new(of: ChangePreview) -> Self {
        let due = of.due.map(|money| match money.minor {
            _ if of.is_paid_first => format!("You pay {money} on the next page."),
            0 => "Nothing is charged now.".to_owned(),
            minor if minor < 0 => {
                let kept = stoa_model::billing::money::Money { minor: -minor, ..money };
                format!("Nothing is charged now. {kept} is kept for your next invoices.")
            }
            _ => format!("{money} is charged now."),
        });
        Self {
            due,
            lines: of.lines.into_iter().map(|line| (line.text, line.money.to_string())).collect(),
            next: match of.paid_until {
                Some(end) => format!("The next payment is due on {}.", time::day(end)),
                None => "It is free: no payment is due.".to_owned(),
            },
            plan: of.plan,
            price: of.price,
            choice: of.choice,
            at: of.at.as_millisecond(),
        }
    }
}

/// What was chosen.
#[derive(Deserialize)]
pub struct ChangeQuery {
    #[serde(default)]
    plan: String,
}

/// What is accepted.
#[derive(Deserialize)]
pub struct ChangeForm {
    #[serde(default)]
    plan: String,
    #[serde(default)]
    at: i64,
}

/// `GET /billing/subscriptions/{id}/plan`
pub async fn show(
    State(app): State<App>,
    Customer(cx): Customer,
    Id(id): Id<SubscriptionId>,
    frame: Frame,
    Query(query): Query<ChangeQuery>,
) -> Result<Response, HttpError> {
    if query.plan.is_empty() {
        return Ok(ui::ok(&build(&app, &cx, id, frame, Problems::default()).await?));
    }
    match app.control.billing.preview_change(&cx, id, &query.plan).await {
        Ok(preview) => {
            let offer = Some(Offer::new(preview));
            Ok(ui::ok(&ChangePlanPage { offer, ..build(&app, &cx, id, frame, Problems::default()).await? }))
        }
        Err(error) => refused(&app, &cx, id, frame, error).await,
    }
}

/// `POST /billing/subscriptions/{id}/plan`
pub async fn submit(
    State(app): State<App>,
    Customer(cx): Customer,
    Id(id): Id<SubscriptionId>,
    frame: Frame,
    Form(form): Form<ChangeForm>,
) -> Result<Response, HttpError> {
    let at = Timestamp::from_millisecond(form.at).unwrap_or(Timestamp::UNIX_EPOCH);
    match app.control.billing.change_plan(&cx, id, &form.plan, at).await {
        Ok(Changed::Now(_)) => Ok(ui::see_other("/billing?done=changed")),
        Ok(Changed::Checkout(order)) => Ok(ui::see_other(&format!("/billing/orders/{}?pay=1", order.id))),
        Err(error) => refused(&app, &cx, id, frame, error).await,
    }
}

async fn refused(
    app: &App,
    cx: &RequestContext,
    id: SubscriptionId,
    frame: Frame,
    error: stoa_core::Error,
) -> Result<Response, HttpError> {
    let form_errors = FormErrors::try_from(error)?;
    let response = form_errors.response();
    Ok(response.page(&build(app, cx, id, frame, form_errors.problems).await?))
}

async fn build(
    app: &App,
    cx: &RequestContext,
    id: SubscriptionId,
    frame: Frame,
    problems: Problems,
) -> Result<ChangePlanPage, HttpError> {
    let billing = &app.control.billing;
    let line = SubscriptionLine::new(billing.subscription(cx, id).await?);
    let plans = billing.other_plans(cx, id).await?;
    let option = |plan: &stoa_billing::view::PlanView| PlanOption {
        card: PlanCard::new(plan),
        choices: plan
            .prices
            .iter()
            // The price that is paid already can't be chosen again.
            .filter(|price| line.has_ended || !(plan.name == line.plan && price.text == line.price))
            .map(|price| (price.choice.clone(), price.text.clone()))
            .collect(),
        is_present: plan.name == line.plan,
    };
    let plans = plans.iter().map(option).collect();
    Ok(ChangePlanPage { frame, problems, line, plans, offer: None })
}
