//! Login. `/login` is for everyone, `/staff/login` accepts only staff. The response to wrong credentials is the
//! same whether or not the account exists; the service layer limits the number of attempts.

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use secrecy::SecretString;
use serde::Deserialize;
use stoa_accounts::{command::LogIn, view::NewSession};
use stoa_model::account::Actor;

use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        permissions::Caller,
    },
    http_error::HttpError,
    middleware::auth::set_session,
    return_path,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::{Frame, is_https},
    },
};

/// `/login` and `/staff/login`
#[derive(Template)]
#[template(path = "accounts/login.html")]
pub struct LoginPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Whether it is the staff login.
    pub staff: bool,
    /// Where to go after logging in.
    pub next: String,
    /// Error messages.
    pub problems: Problems,
    /// Login name.
    pub email: Field,
    /// Password.
    pub password: Field,
}

impl LoginPage {
    /// The form, with the previous input.
    pub fn new(frame: Frame, staff: bool, form: &LoginForm, problems: Problems) -> Self {
        let email = Field::email("email", "E-mail address", &form.email).with(&problems);
        let password = Field::password("password", "Password", "current-password").with(&problems);
        let email = email.focused(&problems);
        Self { frame, staff, next: form.next.clone(), problems, email, password }
    }
}

/// Input of the form.
#[derive(Deserialize, Default)]
pub struct LoginForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: SecretString,
    #[serde(default)]
    next: String,
}

/// Query of the login page.
#[derive(Deserialize)]
pub struct LoginQuery {
    #[serde(default)]
    next: String,
}

/// `GET /login`
pub async fn show(Caller(cx): Caller, frame: Frame, Query(query): Query<LoginQuery>) -> Response {
    form(cx.actor, frame, false, query)
}

/// `GET /staff/login`
pub async fn show_staff(Caller(cx): Caller, frame: Frame, Query(query): Query<LoginQuery>) -> Response {
    form(cx.actor, frame, true, query)
}

fn form(actor: Actor, frame: Frame, staff: bool, LoginQuery { next }: LoginQuery) -> Response {
    let home = match actor {
        Actor::Staff(..) if staff => Some("/staff"),
        Actor::Customer(_) if !staff => Some("/dashboard"),
        _ => None,
    };
    match home {
        Some(home) => ui::see_other(return_path::same_origin(&next).unwrap_or(home)),
        None => {
            let form = LoginForm { next, ..LoginForm::default() };
            ui::ok(&LoginPage::new(frame, staff, &form, Problems::default()))
        }
    }
}

/// `POST /login`
pub async fn submit(
    State(app): State<App>,
    Caller(cx): Caller,
    frame: Frame,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Result<Response, HttpError> {
    let command = LogIn { email: form.email.clone(), password: form.password.clone() };
    let session = app.control.accounts.log_in(&cx, command).await;
    respond(session, false, frame, &form, &headers)
}

/// `POST /staff/login`
pub async fn submit_staff(
    State(app): State<App>,
    Caller(cx): Caller,
    frame: Frame,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Result<Response, HttpError> {
    let command = LogIn { email: form.email.clone(), password: form.password.clone() };
    let session = app.control.accounts.log_in_staff(&cx, command).await;
    respond(session, true, frame, &form, &headers)
}

fn respond(
    session: stoa_core::Result<NewSession>,
    staff: bool,
    frame: Frame,
    form: &LoginForm,
    headers: &HeaderMap,
) -> Result<Response, HttpError> {
    match session {
        Ok(session) => {
            let home = if matches!(session.actor, Actor::Staff(..)) { "/staff" } else { "/dashboard" };
            let mut response = ui::see_other(return_path::same_origin(&form.next).unwrap_or(home));
            set_session(&mut response, &session.token, is_https(headers));
            Ok(response)
        }
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            Ok(form_errors.response().page(&LoginPage::new(frame, staff, form, form_errors.problems)))
        }
    }
}
