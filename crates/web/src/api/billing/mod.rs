//! Plans, orders that wait for their payment, subscriptions.

#![allow(unused_qualifications, reason = "utoipa's derive macro generates them")]

pub mod dto;
pub mod stripe_webhook;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use stoa_billing::Changed;
use stoa_core::view::PageNumber;
use stoa_model::id::{CheckoutId, PlanId, SubscriptionId};
use utoipa::IntoParams;

use crate::{
    api::core::problem::Problem,
    app::App,
    extract::{
        body::{self, Query},
        id::Id,
        permissions::{Administrator, LoggedIn},
    },
    http_error::HttpError,
};

/// List the plans on the price list.
#[utoipa::path(
    get, path = "/api/v1/plans", operation_id = "list_plans", tag = "Billing", security(()),
    responses((status = 200, body = Vec<dto::Plan>)),
)]
pub async fn plans(State(app): State<App>) -> Result<Json<Vec<dto::Plan>>, HttpError> {
    let plans = app.control.billing.price_list().await?;
    Ok(Json(plans.into_iter().map(dto::Plan::from).collect()))
}

/// Create a plan (admin).
#[utoipa::path(
    post, path = "/api/v1/plans", operation_id = "create_plan", tag = "Billing", request_body = dto::SavePlan,
    responses((status = 201, body = dto::Plan), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub async fn create_plan(
    State(app): State<App>,
    Administrator(cx): Administrator,
    body::Json(new): body::Json<dto::SavePlan>,
) -> Result<(StatusCode, Json<dto::Plan>), HttpError> {
    let plan = app.control.billing.create_plan(&cx, new.into()).await?;
    Ok((StatusCode::CREATED, Json(plan.into())))
}

/// Change a plan (admin). Who has bought it keeps what they have bought.
#[utoipa::path(
    put, path = "/api/v1/plans/{id}", operation_id = "update_plan", tag = "Billing", request_body = dto::SavePlan,
    params(("id" = String, Path, description = "Plan")),
    responses(
        (status = 200, body = dto::Plan), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem),
    ),
)]
pub async fn update_plan(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<PlanId>,
    body::Json(new): body::Json<dto::SavePlan>,
) -> Result<Json<dto::Plan>, HttpError> {
    let version = new.version;
    Ok(Json(app.control.billing.update_plan(&cx, id, version, new.into()).await?.into()))
}

/// Get an order that waits for its first payment.
#[utoipa::path(
    get, path = "/api/v1/checkouts/{id}", operation_id = "get_checkout", tag = "Billing",
    params(("id" = String, Path, description = "Order")),
    responses((status = 200, body = dto::Checkout), (status = 404, body = Problem)),
)]
pub async fn checkout(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<CheckoutId>,
) -> Result<Json<dto::Checkout>, HttpError> {
    Ok(Json(app.control.billing.checkout(&cx, id).await?.into()))
}

/// Cancel an order that waits for its first payment. Its address is free again.
#[utoipa::path(
    delete, path = "/api/v1/checkouts/{id}", operation_id = "cancel_checkout", tag = "Billing",
    params(("id" = String, Path, description = "Order")),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn cancel_checkout(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<CheckoutId>,
) -> Result<StatusCode, HttpError> {
    app.control.billing.cancel_checkout(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Mark an order as paid, and create its site (admin).
#[utoipa::path(
    post, path = "/api/v1/checkouts/{id}/payment", operation_id = "pay_checkout", tag = "Billing",
    params(("id" = String, Path, description = "Order")), request_body = dto::NewPayment,
    responses(
        (status = 200, body = dto::PaidOrder), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    ),
)]
pub async fn pay_checkout(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<CheckoutId>,
    body::Json(new): body::Json<dto::NewPayment>,
) -> Result<Json<dto::PaidOrder>, HttpError> {
    let ordered = app.control.billing.mark_checkout_paid(&cx, id, new.into()).await?;
    Ok(Json(dto::PaidOrder { site: ordered.site, job: ordered.job }))
}

/// Page of the list of subscriptions.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SubscriptionsQuery {
    /// For staff: the page, from 1.
    #[param(minimum = 1)]
    page: Option<u32>,
}

/// List subscriptions, newest first: all of a customer, or a page of all for staff.
#[utoipa::path(
    get, path = "/api/v1/subscriptions", operation_id = "list_subscriptions", tag = "Billing",
    params(SubscriptionsQuery),
    responses((status = 200, body = Vec<dto::Subscription>), (status = 401, body = Problem)),
)]
pub async fn subscriptions(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Query(query): Query<SubscriptionsQuery>,
) -> Result<Json<Vec<dto::Subscription>>, HttpError> {
    let billing = &app.control.billing;
    let found = if cx.actor.customer().is_some() {
        billing.own_subscriptions(&cx).await?
    } else {
        billing.search_subscriptions(&cx, Default::default(), PageNumber::new(query.page.unwrap_or(1))).await?.items
    };
    Ok(Json(found.into_iter().map(dto::Subscription::from).collect()))
}

/// Get a subscription.
#[utoipa::path(
    get, path = "/api/v1/subscriptions/{id}", operation_id = "get_subscription", tag = "Billing",
    params(("id" = String, Path, description = "Subscription")),
    responses((status = 200, body = dto::Subscription), (status = 404, body = Problem)),
)]
pub async fn subscription(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<SubscriptionId>,
) -> Result<Json<dto::Subscription>, HttpError> {
    Ok(Json(app.control.billing.subscription(&cx, id).await?.into()))
}

/// Mark a payment that the operator has received: it pays for the next period (admin).
#[utoipa::path(
    post, path = "/api/v1/subscriptions/{id}/payments", operation_id = "pay_subscription", tag = "Billing",
    params(("id" = String, Path, description = "Subscription")), request_body = dto::NewPayment,
    responses(
        (status = 200, body = dto::Subscription), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem),
    ),
)]
pub async fn pay_subscription(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<SubscriptionId>,
    body::Json(new): body::Json<dto::NewPayment>,
) -> Result<Json<dto::Subscription>, HttpError> {
    Ok(Json(app.control.billing.mark_paid(&cx, id, new.into()).await?.into()))
}

/// Cancel a subscription at the end of the period that is paid.
#[utoipa::path(
    post, path = "/api/v1/subscriptions/{id}/cancel", operation_id = "cancel_subscription", tag = "Billing",
    params(("id" = String, Path, description = "Subscription")),
    responses((status = 200, body = dto::Subscription), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn cancel(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<SubscriptionId>,
) -> Result<Json<dto::Subscription>, HttpError> {
    Ok(Json(app.control.billing.cancel_subscription(&cx, id).await?.into()))
}

/// Keep a subscription that was cancelled and has not ended yet.
#[utoipa::path(
    post, path = "/api/v1/subscriptions/{id}/keep", operation_id = "keep_subscription", tag = "Billing",
    params(("id" = String, Path, description = "Subscription")),
    responses((status = 200, body = dto::Subscription), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn keep(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<SubscriptionId>,
) -> Result<Json<dto::Subscription>, HttpError> {
    Ok(Json(app.control.billing.keep_subscription(&cx, id).await?.into()))
}

/// See what another plan would mean for a subscription. Nothing is changed.
#[utoipa::path(
    post, path = "/api/v1/subscriptions/{id}/plan/preview", operation_id = "preview_plan_change", tag = "Billing",
    params(("id" = String, Path, description = "Subscription")), request_body = dto::NewPlan,
    responses(
        (status = 200, body = dto::PlanOffer), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    ),
)]
pub async fn preview_change(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<SubscriptionId>,
    body::Json(new): body::Json<dto::NewPlan>,
) -> Result<Json<dto::PlanOffer>, HttpError> {
    Ok(Json(app.control.billing.preview_change(&cx, id, &new.plan).await?.into()))
}

/// Move a subscription to another plan, as the preview has said. The site's limits change at once.
#[utoipa::path(
    post, path = "/api/v1/subscriptions/{id}/plan", operation_id = "change_plan", tag = "Billing",
    params(("id" = String, Path, description = "Subscription")), request_body = dto::AcceptedPlan,
    responses(
        (status = 200, body = dto::Subscription),
        (status = 202, body = dto::Checkout, description = "It must be paid first."),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem),
    ),
)]
pub async fn change_plan(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<SubscriptionId>,
    body::Json(new): body::Json<dto::AcceptedPlan>,
) -> Result<Response, HttpError> {
    Ok(match app.control.billing.change_plan(&cx, id, &new.plan, new.at).await? {
        Changed::Now(view) => Json(dto::Subscription::from(*view)).into_response(),
        Changed::Checkout(order) => (StatusCode::ACCEPTED, Json(dto::Checkout::from(*order))).into_response(),
    })
}
