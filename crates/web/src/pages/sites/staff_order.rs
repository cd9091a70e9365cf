//! A store for somebody else: the order's fields, and for whom.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_control::{Error, RequestContext, command::OrderSite, view::Ordered};
use stoa_model::{account::Customer, field::Invalid};

use super::order::{OrderFields, OrderForm};
use crate::{
    app::App,
    extract::{body::Form, rights::Administrator},
    fault::Fault,
    ui::{
        self,
        field::{Field, Problems},
        frame::Frame,
        refusal::Refusal,
    },
};

/// `/staff/sites/new`
#[derive(Template)]
#[template(path = "sites/staff_order.html")]
pub struct StaffOrderPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What is wrong.
    pub problems: Problems,
    /// For whom.
    pub customer: Field,
    /// The store.
    pub order: OrderFields,
}

/// What was typed.
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
    /// The form, with what was typed before.
    pub fn new(frame: Frame, form: &StaffOrderForm, order: OrderFields, problems: Problems) -> Self {
        let customer = Field::email("customer", "Customer's e-mail address", &form.customer)
            .hint("The one that the customer logs in with. The store will be theirs.")
            .fill("off")
            .with(&problems)
            .focused(&problems);
        Self { frame, problems, customer, order }
    }
}

/// `GET /staff/sites/new`
pub async fn show(State(app): State<App>, Administrator(cx): Administrator, frame: Frame) -> Result<Response, Fault> {
    page(&app, &cx, frame, &StaffOrderForm::default(), Refusal::default()).await
}

/// `POST /staff/sites/new`
pub async fn submit(
    State(app): State<App>,
    Administrator(cx): Administrator,
    frame: Frame,
    Form(form): Form<StaffOrderForm>,
) -> Result<Response, Fault> {
    let refusal = match order(&app, &cx, &form).await {
        Ok(ordered) => return Ok(ui::see_other(&format!("/jobs/{}", ordered.job))),
        Err(error) => Refusal::of(error)?,
    };
    page(&app, &cx, frame, &form, refusal).await
}

/// Orders for the customer who was named, and for nobody else: without a customer the service layer
/// would take the operator's own account.
async fn order(app: &App, cx: &RequestContext, form: &StaffOrderForm) -> Result<Ordered, Error> {
    let customer = customer(app, cx, &form.customer).await?;
    let order = OrderSite { customer: Some(customer.id), ..OrderSite::from(&form.order) };
    app.control.site_order(cx, order, None).await
}

async fn customer(app: &App, cx: &RequestContext, email: &str) -> Result<Customer, Error> {
    app.control.customer_find(cx, email).await.map_err(|error| match error {
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
    refusal: Refusal,
) -> Result<Response, Fault> {
    let blueprints = app.control.blueprints(cx).await?;
    let fields = OrderFields::new(&form.order, blueprints, app.control.settings(), &refusal.problems);
    Ok(refusal.reply().page(&StaffOrderPage::new(frame, form, fields, refusal.problems)))
}
