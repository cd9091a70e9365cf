//! Replaces a temporary password. Until then, every other page redirects here (`middleware/temporary_password.rs`).

use askama::Template;
use axum::{Extension, extract::State, response::Response};
use secrecy::SecretString;
use serde::Deserialize;

use crate::{
    app::App,
    extract::{body::Form, permissions::LoggedIn},
    http_error::HttpError,
    middleware::auth::RequestAuth,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
    },
};

/// `/account/password/new`
#[derive(Template)]
#[template(path = "accounts/new_password.html")]
pub struct NewPasswordPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// The temporary password.
    pub present: Field,
    /// The new one.
    pub next: Field,
}

impl NewPasswordPage {
    fn new(frame: Frame, problems: Problems) -> Self {
        let present = Field::password("present_password", "Temporary password").with(&problems).focused(&problems);
        let next = Field::new_password("new_password", "New password").with(&problems);
        Self { frame, problems, present, next }
    }
}

/// Input of the form.
#[derive(Deserialize, Default)]
pub struct NewPasswordForm {
    #[serde(default)]
    present_password: SecretString,
    #[serde(default)]
    new_password: SecretString,
}

/// `GET /account/password/new`
pub async fn show(LoggedIn(_): LoggedIn, Extension(auth): Extension<RequestAuth>, frame: Frame) -> Response {
    if auth.must_change_password {
        ui::ok(&NewPasswordPage::new(frame, Problems::default()))
    } else {
        ui::see_other("/account/security")
    }
}

/// `POST /account/password/new`
pub async fn submit(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    frame: Frame,
    Form(form): Form<NewPasswordForm>,
) -> Result<Response, HttpError> {
    match app.control.accounts.change_password(&cx, form.present_password, form.new_password).await {
        Ok(()) => Ok(ui::see_other(frame.start())),
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let response = form_errors.response();
            Ok(response.page(&NewPasswordPage::new(frame, form_errors.problems)))
        }
    }
}
