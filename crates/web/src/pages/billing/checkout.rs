//! An order that waits for its first payment: how to pay, and how to cancel.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_billing::view::CheckoutView;
use stoa_model::id::CheckoutId;

use super::overview::OrderLine;
use crate::{
    app::App,
    extract::{body::Query, id::Id, permissions::Customer},
    http_error::HttpError,
    ui::{self, field::Problems, form_errors::FormErrors, frame::Frame},
};

/// `/billing/orders/{id}`
#[derive(Template)]
#[template(path = "billing/checkout.html")]
pub struct CheckoutPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// The order.
    pub order: OrderLine,
    /// The amount of the first payment.
    pub amount: String,
    /// How to pay.
    pub instructions: String,
    /// Where customers get help.
    pub support: Option<String>,
    /// How far it has come.
    pub stage: Stage,
    /// Where the browser goes by itself.
    pub refresh: Option<String>,
}

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It waits for a payment that staff mark.
    ByHand,
    /// It waits for a payment by card.
    ByCard,
    /// The customer has just paid, or a transfer is under way.
    Confirming,
    /// A bank transfer is under way.
    Transfer,
    /// It was given up.
    GivenUp,
}

/// Query of the page.
#[derive(Deserialize)]
pub struct CheckoutQuery {
    /// The customer has just ordered.
    #[serde(default)]
    pay: String,
    /// The customer has just come back from the payment.
    #[serde(default)]
    paid: String,
}

/// `GET /billing/orders/{id}`
pub async fn show(
    State(app): State<App>,
    Customer(cx): Customer,
    Id(id): Id<CheckoutId>,
    frame: Frame,
    Query(query): Query<CheckoutQuery>,
) -> Result<Response, HttpError> {
    let billing = &app.control.billing;
    if !query.paid.is_empty() {
        billing.returned_from_payment(&cx, id).await?;
    }
    let order = billing.checkout(&cx, id).await?;
    if let Some(site) = order.site {
        // To its job, while it is being created.
        return Ok(ui::see_other(&format!("/status/{site}")));
    }
    let (stage, refresh) = match order.state.as_str() {
        "expired" => (Stage::GivenUp, None),
        "paid" => (Stage::Confirming, Some(format!("2;url=/billing/orders/{id}?paid=1"))),
        _ if order.is_under_way => (Stage::Transfer, None),
        _ if !billing.has_stripe() => (Stage::ByHand, None),
        _ if !query.paid.is_empty() => (Stage::Confirming, Some(format!("3;url=/billing/orders/{id}?paid=1"))),
        _ => (Stage::ByCard, Some(format!("0;url=/billing/orders/{id}/pay")).filter(|_| !query.pay.is_empty())),
    };
    Ok(ui::ok(&page(&app, frame, order, stage, refresh)))
}

fn page(app: &App, frame: Frame, order: CheckoutView, stage: Stage, refresh: Option<String>) -> CheckoutPage {
    let settings = app.control.settings();
    CheckoutPage {
        frame,
        problems: Problems::default(),
        amount: order.money.to_string(),
        instructions: settings.billing.payment_instructions.clone(),
        support: settings.support_email.as_ref().map(ToString::to_string),
        order: OrderLine::new(order),
        stage,
        refresh,
    }
}

/// `GET /billing/orders/{id}/pay`: on to the provider's page. A link, as forms may lead to no other site.
pub async fn pay(
    State(app): State<App>,
    Customer(cx): Customer,
    Id(id): Id<CheckoutId>,
    frame: Frame,
) -> Result<Response, HttpError> {
    let error = match app.control.billing.payment_page(&cx, id).await {
        Ok(url) => return Ok(ui::see_other(&url)),
        Err(error) => error,
    };
    let order = app.control.billing.checkout(&cx, id).await?;
    if let Some(site) = order.site {
        return Ok(ui::see_other(&format!("/status/{site}")));
    }
    let form_errors = FormErrors::try_from(error)?;
    let response = form_errors.response();
    let page = page(&app, frame, order, Stage::ByCard, None);
    Ok(response.page(&CheckoutPage { problems: form_errors.problems, ..page }))
}

/// `POST /billing/orders/{id}/cancel`
pub async fn cancel(
    State(app): State<App>,
    Customer(cx): Customer,
    Id(id): Id<CheckoutId>,
) -> Result<Response, HttpError> {
    app.control.billing.cancel_checkout(&cx, id).await?;
    Ok(ui::see_other("/billing?done=order-cancelled"))
}
