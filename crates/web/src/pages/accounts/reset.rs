//! The page of a mailed link: sets a new password.

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use stoa_accounts::view::ResetLink;

use super::{
    login::{self, LoginForm},
    notice::NoticePage,
};
use crate::{
    app::App,
    extract::{body::Form, id::MailedToken, permissions::Caller},
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
    },
};

const REQUEST_AGAIN: (&str, &str) = ("/forgot", "Request a new link");

/// `/reset/{token}`
#[derive(Template)]
#[template(path = "accounts/reset.html")]
pub struct ResetPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// Whose password it is.
    pub email: String,
    /// Whether the account has no password yet.
    pub is_first: bool,
    /// The new password.
    pub password: Field,
}

impl ResetPage {
    fn new(frame: Frame, link: ResetLink, problems: Problems) -> Self {
        let (email, is_first) = (link.email.to_string(), link.is_first);
        let password =
            Field::new_password("password", "New password").checked("value").with(&problems).focused(&problems);
        Self { frame, problems, email, is_first, password }
    }
}

/// Input of the form.
#[derive(Deserialize, Default)]
pub struct ResetForm {
    #[serde(default)]
    password: SecretString,
}

/// `GET /reset/{token}`
pub async fn show(
    State(app): State<App>,
    Caller(cx): Caller,
    MailedToken(token): MailedToken,
    mut frame: Frame,
) -> Result<Response, HttpError> {
    frame.path = "/login".into();
    Ok(match app.control.accounts.find_reset(&cx, token.expose_secret()).await? {
        Some(link) => ui::ok(&ResetPage::new(frame, link, Problems::default())),
        None => NoticePage::expired(frame, "Request a new one.", REQUEST_AGAIN),
    })
}

/// `POST /reset/{token}`
pub async fn submit(
    State(app): State<App>,
    Caller(cx): Caller,
    MailedToken(token): MailedToken,
    mut frame: Frame,
    headers: HeaderMap,
    Form(form): Form<ResetForm>,
) -> Result<Response, HttpError> {
    frame.path = "/login".into();
    let Some(link) = app.control.accounts.find_reset(&cx, token.expose_secret()).await? else {
        return Ok(NoticePage::expired(frame, "Request a new one.", REQUEST_AGAIN));
    };
    match app.control.accounts.reset_password(&cx, token.expose_secret(), form.password).await {
        Ok((outcome, email)) => {
            let next = if link.is_first { "/staff" } else { "/account/security?done=reset" };
            let login = LoginForm::of(email.to_string(), next.to_owned());
            login::respond(&app, Ok(outcome), false, frame, &login, &headers)
        }
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let page = ResetPage::new(frame, link, form_errors.problems.clone());
            Ok(form_errors.response().page(&page))
        }
    }
}
