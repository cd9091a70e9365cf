//! Login. `/login` is for everyone, `/staff/login` accepts only staff. The response to wrong credentials is the
//! same whether or not the account exists; the service layer limits the number of attempts.

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use secrecy::SecretString;
use serde::Deserialize;
use stoa_accounts::{
    command::LogIn,
    view::{LoginOutcome, NewSession},
};
use stoa_model::account::Actor;

use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        permissions::Caller,
        stale_form::Resubmission,
    },
    http_error::HttpError,
    middleware::{auth::set_session, login_cookies},
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
        let password = Field::password("password", "Password").with(&problems);
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

impl LoginForm {
    /// A form of this account that returns to `next`.
    pub(super) fn of(email: String, next: String) -> Self {
        Self { email, ..Self::returning_to(next) }
    }

    /// An empty form that returns to `next`.
    pub(super) fn returning_to(next: String) -> Self {
        Self { next, ..Self::default() }
    }
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

/// Where somebody goes who is logged in already.
fn home(actor: Actor, staff: bool) -> Option<&'static str> {
    match actor {
        Actor::Staff(..) if staff => Some("/staff"),
        Actor::Customer(_) if !staff => Some("/dashboard"),
        _ => None,
    }
}

fn form(actor: Actor, frame: Frame, staff: bool, LoginQuery { next }: LoginQuery) -> Response {
    match home(actor, staff) {
        Some(home) => ui::see_other(return_path::same_origin(&next).unwrap_or(home)),
        None => {
            let form = LoginForm::returning_to(next);
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
    Resubmission(is_stale): Resubmission,
    Form(form): Form<LoginForm>,
) -> Result<Response, HttpError> {
    if is_stale {
        return Ok(show_again(cx.actor, frame, false, &form));
    }
    let outcome = app.control.accounts.log_in(&cx, command(&form, &headers)).await;
    respond(&app, outcome, false, frame, &form, &headers)
}

/// `POST /staff/login`
pub async fn submit_staff(
    State(app): State<App>,
    Caller(cx): Caller,
    frame: Frame,
    headers: HeaderMap,
    Resubmission(is_stale): Resubmission,
    Form(form): Form<LoginForm>,
) -> Result<Response, HttpError> {
    if is_stale {
        return Ok(show_again(cx.actor, frame, true, &form));
    }
    let outcome = app.control.accounts.log_in_staff(&cx, command(&form, &headers)).await;
    respond(&app, outcome, true, frame, &form, &headers)
}

/// A form that was opened before a login in another tab: whoever is logged in by now goes on.
fn show_again(actor: Actor, frame: Frame, staff: bool, form: &LoginForm) -> Response {
    if let Some(home) = home(actor, matches!(actor, Actor::Staff(..))) {
        return ui::see_other(return_path::same_origin(&form.next).unwrap_or(home));
    }
    let form_errors = Resubmission::form_errors();
    form_errors.response().page(&LoginPage::new(frame, staff, form, form_errors.problems))
}

fn command(form: &LoginForm, headers: &HeaderMap) -> LogIn {
    let browser = login_cookies::known_browser_of(headers, &form.email);
    LogIn { email: form.email.clone(), password: form.password.clone(), browser }
}

/// The response to a right or wrong password.
pub(super) fn respond(
    app: &App,
    outcome: stoa_core::Result<LoginOutcome>,
    staff: bool,
    frame: Frame,
    form: &LoginForm,
    headers: &HeaderMap,
) -> Result<Response, HttpError> {
    match outcome {
        Ok(LoginOutcome::Session(session)) => Ok(welcome(app, &session, &form.email, &form.next, headers)),
        Ok(LoginOutcome::SecondFactor(flow)) => {
            let next = return_path::percent_encode(return_path::same_origin(&form.next).unwrap_or_default());
            let query = if next.is_empty() { String::new() } else { format!("?next={next}") };
            let mut response = ui::see_other(&format!("/login/code{query}"));
            login_cookies::set_flow(&mut response, &flow, is_https(headers));
            Ok(response)
        }
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            Ok(form_errors.response().page(&LoginPage::new(frame, staff, form, form_errors.problems)))
        }
    }
}

/// The response to a complete login: its session, a browser that is known from now on, and the way to where the person
/// wanted to go.
pub(super) fn welcome(app: &App, session: &NewSession, email: &str, next: &str, headers: &HeaderMap) -> Response {
    let home = if matches!(session.actor, Actor::Staff(..)) { "/staff" } else { "/dashboard" };
    let mut response = ui::see_other(return_path::same_origin(next).unwrap_or(home));
    let https = is_https(headers);
    set_session(&mut response, &session.token, https);
    login_cookies::remember_browser(&mut response, &app.control.accounts, email, https);
    response
}
