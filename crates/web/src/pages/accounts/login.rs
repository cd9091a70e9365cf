//! Logging in. `/login` is for everybody, `/staff/login` takes only staff. Wrong credentials are answered
//! alike whether the account exists or not; how often one may try is the service layer's business.

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use secrecy::SecretString;
use serde::Deserialize;
use stoa_control::{command::LogIn, view::NewSession};
use stoa_model::account::Actor;

use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        rights::Caller,
    },
    fault::Fault,
    middleware::visit::remember,
    safe_next,
    ui::{
        self,
        field::{Field, Problems},
        frame::{Frame, is_https},
        refusal::Refusal,
    },
};

/// `/login` and `/staff/login`
#[derive(Template)]
#[template(path = "accounts/login.html")]
pub struct LoginPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Whether it is the staff's.
    pub staff: bool,
    /// Where to go afterwards.
    pub next: String,
    /// What is wrong.
    pub problems: Problems,
    /// Login name.
    pub email: Field,
    /// Password.
    pub password: Field,
}

impl LoginPage {
    /// The form, with what was typed before.
    pub fn new(frame: Frame, staff: bool, form: &LoginForm, problems: Problems) -> Self {
        let email = Field::email("email", "E-mail address", &form.email).with(&problems);
        let password = Field::password("password", "Password", "current-password").with(&problems);
        let email = email.focused(&problems);
        Self { frame, staff, next: form.next.clone(), problems, email, password }
    }
}

/// What was typed.
#[derive(Deserialize, Default)]
pub struct LoginForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: SecretString,
    #[serde(default)]
    next: String,
}

/// Where to go afterwards, in the address.
#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

/// `GET /login`
pub async fn show(Caller(cx): Caller, frame: Frame, Query(next): Query<Next>) -> Response {
    form(cx.actor, frame, false, next)
}

/// `GET /staff/login`
pub async fn show_staff(Caller(cx): Caller, frame: Frame, Query(next): Query<Next>) -> Response {
    form(cx.actor, frame, true, next)
}

fn form(actor: Actor, frame: Frame, staff: bool, Next { next }: Next) -> Response {
    let already = match actor {
        Actor::Staff(..) if staff => Some("/staff"),
        Actor::Customer(_) if !staff => Some("/dashboard"),
        _ => None,
    };
    match already {
        Some(home) => ui::see_other(safe_next::checked(&next).unwrap_or(home)),
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
) -> Result<Response, Fault> {
    let command = LogIn { email: form.email.clone(), password: form.password.clone() };
    let session = app.control.log_in(&cx, command).await;
    answer(session, false, frame, &form, &headers)
}

/// `POST /staff/login`
pub async fn submit_staff(
    State(app): State<App>,
    Caller(cx): Caller,
    frame: Frame,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Result<Response, Fault> {
    let command = LogIn { email: form.email.clone(), password: form.password.clone() };
    let session = app.control.log_in_staff(&cx, command).await;
    answer(session, true, frame, &form, &headers)
}

fn answer(
    session: stoa_control::Result<NewSession>,
    staff: bool,
    frame: Frame,
    form: &LoginForm,
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    match session {
        Ok(session) => {
            let home = if matches!(session.actor, Actor::Staff(..)) { "/staff" } else { "/dashboard" };
            let mut response = ui::see_other(safe_next::checked(&form.next).unwrap_or(home));
            remember(&mut response, &session.token, is_https(headers));
            Ok(response)
        }
        Err(error) => {
            let refusal = Refusal::of(error)?;
            Ok(refusal.reply().page(&LoginPage::new(frame, staff, form, refusal.problems)))
        }
    }
}
