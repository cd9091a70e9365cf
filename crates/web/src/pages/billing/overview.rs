//! What a customer pays for: subscriptions, orders that wait for their payment, payments.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_billing::view::{CheckoutView, PaymentView};
use stoa_core::RequestContext;
use stoa_model::id::SubscriptionId;

use super::SubscriptionLine;
use crate::{
    app::App,
    extract::{body::Query, id::Id, permissions::Customer},
    http_error::HttpError,
    ui::{
        self,
        field::Problems,
        form_errors::FormErrors,
        frame::Frame,
        time::{self, Moment},
    },
};

/// `/billing`
#[derive(Template)]
#[template(path = "billing/overview.html")]
pub struct BillingPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// What was done, if something was.
    pub done: Option<&'static str>,
    /// The subscriptions.
    pub subscriptions: Vec<SubscriptionLine>,
    /// Orders that wait for their payment.
    pub orders: Vec<OrderLine>,
    /// Payments.
    pub payments: Vec<PaymentLine>,
    /// How to pay what the operator collects.
    pub instructions: String,
    /// Where customers get help.
    pub support: Option<String>,
    /// Whether anything of that is owed.
    pub owes_by_hand: bool,
    /// Whether cards and invoices are at Stripe.
    pub has_card: bool,
}

/// An order that waits for its payment, as shown.
pub struct OrderLine {
    /// Its id.
    pub id: String,
    /// The address that is reserved.
    pub hostname: String,
    /// The plan's name.
    pub plan: String,
    /// The price in words.
    pub price: String,
    /// Who orders.
    pub email: String,
    /// What to write on the transfer.
    pub reference: String,
    /// Until when the address is reserved.
    pub until: String,
    /// Whether it is for a site that there is already.
    pub is_for_site: bool,
}

impl OrderLine {
    /// An order.
    pub fn new(of: CheckoutView) -> Self {
        Self {
            id: of.id.to_string(),
            hostname: of.hostname,
            plan: of.plan,
            price: of.price,
            email: of.email,
            reference: of.reference,
            until: time::day(of.expires_at),
            is_for_site: of.is_for_site,
        }
    }
}

/// A payment, as shown.
pub struct PaymentLine {
    /// How much.
    pub amount: String,
    /// What staff wrote down.
    pub reference: String,
    /// The period that it pays for.
    pub period: String,
    /// When it was paid.
    pub paid: Moment,
}

impl PaymentLine {
    fn new(of: PaymentView, cx: &RequestContext) -> Self {
        let start = time::day(of.period_start);
        Self {
            amount: of.money.to_string(),
            reference: of.reference,
            period: of.period_end.map_or_else(|| start.clone(), |end| format!("{start} to {}", time::day(end))),
            paid: time::moment(of.paid_at, cx.now),
        }
    }
}

/// Query of the page.
#[derive(Deserialize)]
pub struct BillingQuery {
    #[serde(default)]
    done: String,
}

/// `GET /billing`
pub async fn show(
    State(app): State<App>,
    Customer(cx): Customer,
    frame: Frame,
    Query(query): Query<BillingQuery>,
) -> Result<Response, HttpError> {
    let done = match query.done.as_str() {
        "cancelled" => Some("The subscription was cancelled. The site runs until the end of the period that is paid."),
        "kept" => Some("The subscription goes on."),
        "changed" => Some("The plan was changed. The site gets its new limits now."),
        "order-cancelled" => Some("The order was cancelled, and nothing will be charged."),
        _ => None,
    };
    Ok(ui::ok(&BillingPage { done, ..build(&app, &cx, frame, Problems::default()).await? }))
}

async fn build(app: &App, cx: &RequestContext, frame: Frame, problems: Problems) -> Result<BillingPage, HttpError> {
    let billing = &app.control.billing;
    let subscriptions: Vec<_> = billing.own_subscriptions(cx).await?.into_iter().map(SubscriptionLine::new).collect();
    let owes_by_hand = subscriptions.iter().any(|line| line.is_owed && line.is_manual);
    let orders = billing.open_checkouts(cx).await?.into_iter().map(OrderLine::new).collect();
    let payments = billing.own_payments(cx).await?.into_iter().map(|payment| PaymentLine::new(payment, cx)).collect();
    let support = app.control.settings().support_email.as_ref().map(ToString::to_string);
    let instructions = app.control.settings().billing.payment_instructions.clone();
    Ok(BillingPage {
        frame,
        problems,
        done: None,
        subscriptions,
        orders,
        payments,
        instructions,
        support,
        owes_by_hand,
        has_card: billing.has_customer_portal(cx).await?,
    })
}

/// `GET /billing/card`: on to Stripe's page of cards and invoices. A link, as forms may lead to no other site.
pub async fn card(State(app): State<App>, Customer(cx): Customer, frame: Frame) -> Result<Response, HttpError> {
    match app.control.billing.customer_portal(&cx).await {
        Ok(url) => Ok(ui::see_other(&url)),
        Err(error) => finish(&app, &cx, frame, Err(error), "").await,
    }
}

/// `POST /billing/subscriptions/{id}/cancel`
pub async fn cancel(
    State(app): State<App>,
    Customer(cx): Customer,
    Id(id): Id<SubscriptionId>,
    frame: Frame,
) -> Result<Response, HttpError> {
    let outcome = app.control.billing.cancel_subscription(&cx, id).await.map(drop);
    finish(&app, &cx, frame, outcome, "cancelled").await
}

/// `POST /billing/subscriptions/{id}/keep`
pub async fn keep(
    State(app): State<App>,
    Customer(cx): Customer,
    Id(id): Id<SubscriptionId>,
    frame: Frame,
) -> Result<Response, HttpError> {
    let outcome = app.control.billing.keep_subscription(&cx, id).await.map(drop);
    finish(&app, &cx, frame, outcome, "kept").await
}

async fn finish(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    outcome: stoa_core::Result<()>,
    done: &str,
) -> Result<Response, HttpError> {
    match outcome {
        Ok(()) => Ok(ui::see_other(&format!("/billing?done={done}"))),
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let response = form_errors.response();
            Ok(response.page(&build(app, cx, frame, form_errors.problems).await?))
        }
    }
}
