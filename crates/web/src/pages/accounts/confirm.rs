//! Asks for the password before a sensitive change, if it was asked for more than a few minutes ago, and then makes the
//! change: the page carries the fields of the form that was sent.

use askama::Template;
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use stoa_accounts::Accounts;
use stoa_core::RequestContext;

use crate::{
    app::App,
    http_error::HttpError,
    ui::{
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
    },
};

/// The page.
#[derive(Template)]
#[template(path = "accounts/confirm.html")]
pub struct ConfirmPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// Where the form goes.
    pub action: String,
    /// Fields of the form that was sent.
    pub fields: Vec<(&'static str, String)>,
    /// The password.
    pub password: Field,
}

impl ConfirmPage {
    /// The page for a form that goes to `action`.
    pub fn new(frame: Frame, action: &str, fields: Vec<(&'static str, String)>, problems: Problems) -> Self {
        let password = Field::password("confirm_password", "Password").with(&problems);
        Self { frame, problems, action: action.to_owned(), fields, password }
    }
}

/// Input of a form that has nothing but the password, once it is asked for.
#[derive(Deserialize, Default)]
pub struct ConfirmedForm {
    /// The password.
    #[serde(default)]
    pub confirm_password: SecretString,
}

/// The context of a sensitive change: as it is if the password was asked for recently, or after checking `password`.
/// Otherwise the page that asks for it.
pub async fn recent_context(
    app: &App,
    cx: RequestContext,
    frame: &Frame,
    (action, fields): (&str, Vec<(&'static str, String)>),
    password: &SecretString,
) -> Result<Result<RequestContext, Response>, HttpError> {
    cx.refuse_impersonator()?;
    if Accounts::is_recently_authenticated(&cx) {
        return Ok(Ok(cx));
    }
    let form_errors = if password.expose_secret().is_empty() {
        FormErrors::default()
    } else {
        match app.control.accounts.confirm_password(&cx, password.clone()).await {
            Ok(confirmed) => return Ok(Ok(confirmed)),
            Err(error) => FormErrors::try_from(error)?,
        }
    };
    let page = ConfirmPage::new(frame.clone(), action, fields, form_errors.problems.clone());
    Ok(Err(form_errors.response().page(&page)))
}
