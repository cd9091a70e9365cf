//! An order that waits for its first payment: how to pay, and how to cancel.

use askama::Template;
use axum::{extract::State, response::Response};
use stoa_model::id::CheckoutId;

use super::overview::OrderLine;
use crate::{
    app::App,
    extract::{id::Id, permissions::Customer},
    http_error::HttpError,
    ui::{self, frame::Frame},
};

/// `/billing/orders/{id}`
#[derive(Template)]
#[template(path = "billing/checkout.html")]
pub struct CheckoutPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The order.
    pub order: OrderLine,
    /// The amount of the first payment.
    pub amount: String,
    /// How to pay.
    pub instructions: String,
    /// Where customers get help.
    pub support: Option<String>,
    /// Whether it still waits.
    pub is_open: bool,
}

/// `GET /billing/orders/{id}`
pub async fn show(
    State(app): State<App>,
    Customer(cx): Customer,
    Id(id): Id<CheckoutId>,
    frame: Frame,
) -> Result<Response, HttpError> {
    let order = app.control.billing.checkout(&cx, id).await?;
    if let Some(site) = order.site {
        return Ok(ui::see_other(&format!("/sites/{site}")));
    }
    let settings = app.control.settings();
    Ok(ui::ok(&CheckoutPage {
        frame,
        amount: order.money.to_string(),
        is_open: order.state == "open",
        instructions: settings.billing.payment_instructions.clone(),
        support: settings.support_email.as_ref().map(ToString::to_string),
        order: OrderLine::new(order),
    }))
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
