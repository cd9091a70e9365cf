//! The page of an invitation's link: accept it, log in for it, or open an account for it.

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use stoa_accounts::view::InvitationView;

use super::notice::NoticePage;
use crate::{
    app::App,
    extract::{
        body::Form,
        id::MailedToken,
        permissions::{Caller, Customer},
    },
    http_error::HttpError,
    middleware::auth::set_session,
    return_path::percent_encode,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::{Frame, is_https},
    },
};

const HOME: (&str, &str) = ("/", "Go to the home page");

/// `/invitations/{token}`
#[derive(Template)]
#[template(path = "accounts/invitation.html")]
pub struct InvitationPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// The invitation.
    pub invitation: InvitationView,
    /// Path of this page.
    pub path: String,
    /// Log-in that returns here.
    pub login: String,
    /// Whether who is logged in has another address.
    pub is_for_another: bool,
    /// Name of a new account.
    pub name: Field,
    /// Password of a new account.
    pub password: Field,
}

/// Input of the form of a new account.
#[derive(Deserialize, Default)]
pub struct JoinForm {
    #[serde(default)]
    company: String,
    #[serde(default)]
    password: SecretString,
}

impl InvitationPage {
    fn new(mut frame: Frame, token: &str, invitation: InvitationView, form: &JoinForm, problems: Problems) -> Self {
        let path = format!("/invitations/{token}");
        let login = format!("/login?next={}", percent_encode(&path));
        // The secret stays out of the theme switch's form.
        frame.path = "/login".into();
        let is_for_another = frame.user.as_ref().is_some_and(|user| user.email != invitation.email);
        let name = Field::text("company", "Your name or company", &form.company).fill("name").with(&problems);
        let password = Field::new_password("password", "Password").checked("value").with(&problems);
        Self { frame, problems, invitation, path, login, is_for_another, name, password }
    }
}

/// `GET /invitations/{token}`
pub async fn show(
    State(app): State<App>,
    Caller(cx): Caller,
    MailedToken(token): MailedToken,
    frame: Frame,
) -> Result<Response, HttpError> {
    let token = token.expose_secret();
    Ok(match app.control.accounts.find_invitation(&cx, token).await? {
        Some(invitation) => {
            let (form, problems) = (JoinForm::default(), Problems::default());
            ui::ok(&InvitationPage::new(frame, token, invitation, &form, problems))
        }
        None => ended(frame),
    })
}

/// `POST /invitations/{token}`
pub async fn accept(
    State(app): State<App>,
    Customer(cx): Customer,
    MailedToken(token): MailedToken,
    frame: Frame,
) -> Result<Response, HttpError> {
    let token = token.expose_secret();
    let Some(invitation) = app.control.accounts.find_invitation(&cx, token).await? else { return Ok(ended(frame)) };
    match app.control.accounts.accept_invitation(&cx, token).await {
        Ok(_) => Ok(ui::see_other("/dashboard")),
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let problems = form_errors.problems.clone();
            let page = InvitationPage::new(frame, token, invitation, &JoinForm::default(), problems);
            Ok(form_errors.response().page(&page))
        }
    }
}

/// `POST /invitations/{token}/register`
pub async fn register(
    State(app): State<App>,
    Caller(cx): Caller,
    MailedToken(token): MailedToken,
    frame: Frame,
    headers: HeaderMap,
    Form(form): Form<JoinForm>,
) -> Result<Response, HttpError> {
    let token = token.expose_secret();
    let Some(invitation) = app.control.accounts.find_invitation(&cx, token).await? else { return Ok(ended(frame)) };
    match app.control.accounts.register_invited(&cx, token, &form.company, form.password.clone()).await {
        Ok(session) => {
            let mut response = ui::see_other("/dashboard");
            set_session(&mut response, &session.token, is_https(&headers));
            Ok(response)
        }
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let page = InvitationPage::new(frame, token, invitation, &form, form_errors.problems.clone());
            Ok(form_errors.response().page(&page))
        }
    }
}

fn ended(mut frame: Frame) -> Response {
    frame.path = "/login".into();
    NoticePage::expired(frame, "Ask whoever invited you for a new one.", HOME)
}
