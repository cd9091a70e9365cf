//! Staff order a store for a customer.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_billing::Placed;
use stoa_core::{Error, RequestContext};
use stoa_model::{account::Customer, field::Invalid};
use stoa_sites::command::OrderSite;

use super::order::{Offer, OrderFields, OrderForm, page_of};
use crate::{
    app::App,
    extract::{body::Form, permissions::Administrator, stale_form::Resubmission},
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
    },
};

/// `/staff/sites/new`
#[derive(Template)]
#[template(path = "sites/staff_order.html")]
pub struct StaffOrderPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// The customer.
    pub customer: Field,
    /// The store.
    pub order: OrderFields,
}

/// Input of the form.
#[derive(Deserialize, Default)]
pub struct StaffOrderForm {
    /// The customer's address.
    #[serde(default)]
    pub customer: String,
    /// The store.
    #[serde(flatten)]
    pub order: OrderForm,
}

impl StaffOrderPage {
    /// The form, with the previous input.
    pub fn new(frame: Frame, form: &StaffOrderForm, order: OrderFields, problems: Problems) -> Self {
        let customer = Field::email("customer", "Customer's e-mail address", &form.customer)
            .hint("The address the customer logs in with. The store will be theirs.")
            .fill("off")
            .with(&problems)
            .focused(&problems);
        Self { frame, problems, customer, order }
    }
}

/// `GET /staff/sites/new`
pub async fn show(
    State(app): State<App>,
    Administrator(cx): Administrator,
    frame: Frame,
) -> Result<Response, HttpError> {
    page(&app, &cx, frame, &StaffOrderForm::default(), FormErrors::default()).await
}

/// `POST /staff/sites/new`
pub async fn submit(
    State(app): State<App>,
    Administrator(cx): Administrator,
    frame: Frame,
    Resubmission(is_stale): Resubmission,
    Form(form): Form<StaffOrderForm>,
) -> Result<Response, HttpError> {
    if is_stale {
        return page(&app, &cx, frame, &form, Resubmission::form_errors()).await;
    }
    let form_errors = match order(&app, &cx, &form).await {
        Ok(placed) => return Ok(ui::see_other(&page_of(&placed))),
        Err(error) => FormErrors::try_from(error)?,
    };
    page(&app, &cx, frame, &form, form_errors).await
}

/// Orders for the named customer. A missing customer is an error here, because the service layer would use the
/// operator's own account.
async fn order(app: &App, cx: &RequestContext, form: &StaffOrderForm) -> Result<Placed, Error> {
    let customer = customer(app, cx, &form.customer).await?;
    let order = OrderSite { customer: Some(customer.id), ..OrderSite::from(&form.order) };
    app.control.billing.order(cx, order, None).await
}

async fn customer(app: &App, cx: &RequestContext, email: &str) -> Result<Customer, Error> {
    app.control.accounts.find_customer(cx, email).await.map_err(|error| match error {
        Error::NotFound(_) => Invalid::new("customer", "No customer has this address.").into(),
        Error::Invalid(bad) => Error::Invalid(bad.into_iter().map(|e| Invalid { field: "customer", ..e }).collect()),
        other => other,
    })
}

async fn page(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    form: &StaffOrderForm,
    form_errors: FormErrors,
) -> Result<Response, HttpError> {
    let offer = Offer { plans_are_optional: true, ..Offer::to_customers(app, cx, &form.order).await? };
    let fields = OrderFields::new(&form.order, offer, app.control.settings(), &form_errors.problems);
    Ok(form_errors.response().page(&StaffOrderPage::new(frame, form, fields, form_errors.problems)))
}
