//! A subscription, for staff: how it stands, and payments that were received.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_core::RequestContext;
use stoa_model::id::SubscriptionId;

use super::{SubscriptionLine, staff_subscriptions::PaymentForm};
use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        id::Id,
        permissions::{Administrator, StaffMember},
    },
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
        time,
    },
};

/// `/staff/subscriptions/{id}`
#[derive(Template)]
#[template(path = "billing/staff_subscription.html")]
pub struct StaffSubscriptionPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// What was done, if something was.
    pub done: Option<&'static str>,
    /// The subscription.
    pub line: SubscriptionLine,
    /// Who collects.
    pub provider: &'static str,
    /// When it began.
    pub created: String,
    /// The amount of a period.
    pub amount: String,
    /// What it entitled its site to, the latest first.
    pub history: Vec<EntitlementLine>,
    /// What staff write down of a payment.
    pub reference: Field,
    /// Whether the viewer may change it.
    pub may_change: bool,
}

/// What a site was entitled to during a time.
pub struct EntitlementLine {
    /// To what, in words.
    pub access: &'static str,
    /// From when to when.
    pub period: String,
    /// Why.
    pub cause: String,
}

/// Query of the page.
#[derive(Deserialize)]
pub struct SubscriptionQuery {
    #[serde(default)]
    done: String,
}

/// `GET /staff/subscriptions/{id}`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Id(id): Id<SubscriptionId>,
    frame: Frame,
    Query(query): Query<SubscriptionQuery>,
) -> Result<Response, HttpError> {
    let done = match query.done.as_str() {
        "paid" => Some("The payment was marked."),
        "cancelled" => Some("The subscription was cancelled. It ends with the period that is paid."),
        "kept" => Some("The subscription goes on."),
        _ => None,
    };
    Ok(ui::ok(&StaffSubscriptionPage { done, ..build(&app, &cx, id, frame, Problems::default()).await? }))
}

/// `POST /staff/subscriptions/{id}/pay`
pub async fn pay(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<SubscriptionId>,
    frame: Frame,
    Form(form): Form<PaymentForm>,
) -> Result<Response, HttpError> {
    let outcome = app.control.billing.mark_paid(&cx, id, form.into()).await.map(drop);
    finish(&app, &cx, id, frame, outcome, "paid").await
}

/// `POST /staff/subscriptions/{id}/cancel`
pub async fn cancel(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<SubscriptionId>,
    frame: Frame,
) -> Result<Response, HttpError> {
    let outcome = app.control.billing.cancel_subscription(&cx, id).await.map(drop);
    finish(&app, &cx, id, frame, outcome, "cancelled").await
}

/// `POST /staff/subscriptions/{id}/keep`
pub async fn keep(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<SubscriptionId>,
    frame: Frame,
) -> Result<Response, HttpError> {
    let outcome = app.control.billing.keep_subscription(&cx, id).await.map(drop);
    finish(&app, &cx, id, frame, outcome, "kept").await
}

async fn finish(
    app: &App,
    cx: &RequestContext,
    id: SubscriptionId,
    frame: Frame,
    outcome: stoa_core::Result<()>,
    done: &str,
) -> Result<Response, HttpError> {
    match outcome {
        Ok(()) => Ok(ui::see_other(&format!("/staff/subscriptions/{id}?done={done}"))),
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let response = form_errors.response();
            Ok(response.page(&build(app, cx, id, frame, form_errors.problems).await?))
        }
    }
}

async fn build(
    app: &App,
    cx: &RequestContext,
    id: SubscriptionId,
    frame: Frame,
    problems: Problems,
) -> Result<StaffSubscriptionPage, HttpError> {
    let of = app.control.billing.subscription(cx, id).await?;
    let history = app.control.billing.entitlements(cx, id).await?;
    let line = |entitlement: stoa_billing::view::EntitlementView| EntitlementLine {
        access: entitlement.access.label(),
        period: match entitlement.to {
            Some(to) => format!("{} to {}", time::date_time(entitlement.from), time::date_time(to)),
            None => format!("since {}", time::date_time(entitlement.from)),
        },
        cause: entitlement.cause,
    };
    let may_change = frame.is_admin();
    Ok(StaffSubscriptionPage {
        frame,
        done: None,
        provider: of.provider.label(),
        created: time::day(of.created_at),
        amount: of.money.to_string(),
        history: history.into_iter().map(line).collect(),
        reference: Field::text("reference", "Reference", "")
            .hint("What helps to find the payment again, such as the bank’s reference.")
            .fill("off")
            .optional()
            .with(&problems),
        line: SubscriptionLine::new(of),
        problems,
        may_change,
    })
}
