//! All subscriptions, and the orders that wait for their payment, for staff.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_billing::{SubscriptionFilter, command::MarkPaid, view::SubscriptionView};
use stoa_core::{RequestContext, view::PageNumber};
use stoa_model::{
    billing::subscription::{Provider, SubscriptionStatus},
    id::CheckoutId,
};

use super::{SubscriptionLine, overview::OrderLine};
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
        field::Problems,
        form_errors::FormErrors,
        frame::Frame,
        list::{Finder, ListUrl, Pager, csv_of_all},
        time,
    },
};

const PATH: &str = "/staff/subscriptions";

/// `/staff/subscriptions`
#[derive(Template)]
#[template(path = "billing/staff_subscriptions.html")]
pub struct SubscriptionsPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// What was done, if something was.
    pub done: Option<&'static str>,
    /// Orders that wait for their payment.
    pub orders: Vec<OrderLine>,
    /// The list's menus.
    pub finder: Finder,
    /// Whether anything is chosen.
    pub is_filtered: bool,
    /// The subscriptions.
    pub subscriptions: Vec<SubscriptionLine>,
    /// Where one is in the list.
    pub pager: Pager,
    /// Whether the viewer may mark payments.
    pub may_change: bool,
}

/// What was chosen in the list.
#[derive(Deserialize, Default)]
pub struct SubscriptionsQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    provider: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    format: String,
    #[serde(default)]
    done: String,
}

impl SubscriptionsQuery {
    fn filter(&self) -> SubscriptionFilter {
        SubscriptionFilter {
            customer: None,
            status: self.status.parse().ok(),
            provider: self.provider.parse().ok(),
            text: Some(self.q.clone()),
        }
    }
}

/// Input of the form that marks a payment.
#[derive(Deserialize, Default)]
pub struct PaymentForm {
    /// What helps to find it again.
    #[serde(default)]
    pub reference: String,
    /// End of the period that was paid before.
    #[serde(default)]
    pub paid_until: String,
}

impl From<PaymentForm> for MarkPaid {
    fn from(form: PaymentForm) -> Self {
        Self { reference: form.reference, paid_until: form.paid_until.parse().ok() }
    }
}

/// `GET /staff/subscriptions`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(query): Query<SubscriptionsQuery>,
) -> Result<Response, HttpError> {
    if query.format == "csv" {
        return csv(&app, &cx, &query).await;
    }
    let done = match query.done.as_str() {
        "cancelled" => Some("The order was cancelled, and its address is free again."),
        _ => None,
    };
    Ok(ui::ok(&SubscriptionsPage { done, ..build(&app, &cx, frame, &query, Problems::default()).await? }))
}

async fn build(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    query: &SubscriptionsQuery,
    problems: Problems,
) -> Result<SubscriptionsPage, HttpError> {
    let page = PageNumber::new(query.page.parse().unwrap_or(1));
    let found = app.control.billing.search_subscriptions(cx, query.filter(), page).await?;
    let url = ListUrl::new(PATH, &[("q", &query.q), ("status", &query.status), ("provider", &query.provider)]);
    let pager = Pager::new(&found, &url, true);
    let statuses = SubscriptionStatus::ALL.iter().map(|status| (status.as_str(), status.label()));
    let providers = [
        ("", "All providers"),
        (Provider::Manual.as_str(), "Collected by us"),
        (Provider::Stripe.as_str(), "Stripe"),
        (Provider::Free.as_str(), "Free"),
    ];
    let finder = Finder::new(&url, "Search by customer or site")
        .menu(&url, "status", "Status", [("", "All statuses")].into_iter().chain(statuses))
        .menu(&url, "provider", "Provider", providers);
    let orders = app.control.billing.all_open_checkouts(cx).await?.into_iter().map(OrderLine::new).collect();
    let may_change = frame.is_admin();
    let subscriptions = found.items.into_iter().map(SubscriptionLine::new).collect();
    let is_filtered = url.is_filtered();
    Ok(SubscriptionsPage { frame, problems, done: None, orders, finder, is_filtered, subscriptions, pager, may_change })
}

async fn csv(app: &App, cx: &RequestContext, query: &SubscriptionsQuery) -> Result<Response, HttpError> {
    let find = |page| app.control.billing.search_subscriptions(cx, query.filter(), page);
    let row = |of: SubscriptionView| {
        vec![
            of.id.to_string(),
            of.customer_name,
            of.hostname.unwrap_or_default(),
            of.plan,
            of.money.amount(),
            of.money.currency.to_string(),
            of.provider.to_string(),
            of.status.to_string(),
            of.period_end.map(time::date_time).unwrap_or_default(),
        ]
    };
    let head = ["id", "customer", "address", "plan", "amount", "currency", "provider", "status", "paid until"];
    csv_of_all("subscriptions", &head, find, row).await
}

/// `POST /staff/orders/{id}/pay`
pub async fn pay_order(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<CheckoutId>,
    frame: Frame,
    Form(form): Form<PaymentForm>,
) -> Result<Response, HttpError> {
    match app.control.billing.mark_checkout_paid(&cx, id, form.into()).await {
        Ok(ordered) => Ok(ui::see_other(&format!("/jobs/{}", ordered.job))),
        Err(error) => refused(&app, &cx, frame, error).await,
    }
}

/// `POST /staff/orders/{id}/cancel`
pub async fn cancel_order(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<CheckoutId>,
    frame: Frame,
) -> Result<Response, HttpError> {
    match app.control.billing.cancel_checkout(&cx, id).await {
        Ok(()) => Ok(ui::see_other("/staff/subscriptions?done=cancelled")),
        Err(error) => refused(&app, &cx, frame, error).await,
    }
}

async fn refused(app: &App, cx: &RequestContext, frame: Frame, error: stoa_core::Error) -> Result<Response, HttpError> {
    let form_errors = FormErrors::try_from(error)?;
    let response = form_errors.response();
    Ok(response.page(&build(app, cx, frame, &SubscriptionsQuery::default(), form_errors.problems).await?))
}
