//! Registration: the account and the first store in one form. Nothing is created unless all fields are valid;
//! then the customer is logged in and watches the store being created.

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use secrecy::SecretString;
use serde::Deserialize;
use stoa_accounts::command::Register;
use stoa_billing::RegisteredOrder;
use stoa_core::RequestContext;
use stoa_sites::command::OrderSite;

use super::login::{self, LoginForm};
use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        permissions::Caller,
        stale_form::Resubmission,
    },
    http_error::HttpError,
    middleware::{auth::set_session, login_cookies::remember_browser},
    pages::sites::order::{Offer, OrderFields, OrderForm, page_of},
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::{Frame, is_https},
    },
};

/// `/register`
#[derive(Template)]
#[template(path = "accounts/register.html")]
pub struct RegisterPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// Login name.
    pub email: Field,
    /// Password.
    pub password: Field,
    /// Company.
    pub company: Field,
    /// The first store.
    pub order: OrderFields,
}

/// Input of the form; the password is not shown again.
#[derive(Deserialize, Default)]
pub struct RegisterForm {
    /// Login name.
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    /// Password.
    pub password: SecretString,
    /// Company.
    #[serde(default)]
    pub company: String,
    /// The first store.
    #[serde(flatten)]
    pub order: OrderForm,
}

impl RegisterPage {
    /// The form, with the previous input.
    pub fn new(frame: Frame, form: &RegisterForm, order: OrderFields, problems: Problems) -> Self {
        let email = Field::email("email", "E-mail address", &form.email)
            .hint("You'll use this to log in. We'll only email you about your account and stores.")
            .checked("value")
            .with(&problems)
            .focused(&problems);
        let password = Field::new_password("password", "Password").checked("value").with(&problems);
        let company = Field::text("company", "Company or full name", &form.company)
            .fill("organization")
            .checked("value")
            .with(&problems);
        Self { frame, problems, email, password, company, order }
    }
}

/// `GET /register`
pub async fn show(
    State(app): State<App>,
    Caller(cx): Caller,
    frame: Frame,
    Query(order): Query<OrderForm>,
) -> Result<Response, HttpError> {
    if frame.user.is_some() {
        return Ok(ui::see_other("/sites/new"));
    }
    let form = RegisterForm { order, ..RegisterForm::default() };
    page(&app, &cx, frame, &form, FormErrors::default()).await
}

/// `POST /register`
pub async fn submit(
    State(app): State<App>,
    Caller(cx): Caller,
    frame: Frame,
    headers: HeaderMap,
    Resubmission(is_stale): Resubmission,
    Form(form): Form<RegisterForm>,
) -> Result<Response, HttpError> {
    if is_stale && frame.user.is_some() {
        return Ok(ui::see_other("/dashboard"));
    }
    if is_stale {
        return page(&app, &cx, frame, &form, Resubmission::form_errors()).await;
    }
    let account =
        Register { email: form.email.clone(), password: form.password.clone(), company: form.company.clone() };
    let order = OrderSite::from(&form.order);
    let form_errors = match app.control.billing.register_and_order(&cx, account, order).await {
        Ok(RegisteredOrder::Before(outcome)) => {
            let login = LoginForm::of(form.email, form.order.page());
            return login::respond(&app, Ok(outcome), false, frame, &login, &headers);
        }
        Ok(RegisteredOrder::Now(session, placed)) => {
            let mut response = ui::see_other(&page_of(&placed));
            set_session(&mut response, &session.token, is_https(&headers));
            remember_browser(&mut response, &app.control.accounts, &form.email, is_https(&headers));
            return Ok(response);
        }
        Err(error) => FormErrors::try_from(error)?,
    };
    page(&app, &cx, frame, &form, form_errors).await
}

async fn page(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    form: &RegisterForm,
    form_errors: FormErrors,
) -> Result<Response, HttpError> {
    let offer = Offer::to_customers(app, cx, &form.order).await?;
    let fields = OrderFields::new(&form.order, offer, app.control.settings(), &form_errors.problems);
    Ok(form_errors.response().page(&RegisterPage::new(frame, form, fields, form_errors.problems)))
}
