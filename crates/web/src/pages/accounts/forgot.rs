//! Forgotten password: asks for the address. The answer is the same whether or not it has an account.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::notice::NoticePage;
use crate::{
    app::App,
    extract::{body::Form, permissions::Caller},
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
    },
};

/// `/forgot`
#[derive(Template)]
#[template(path = "accounts/forgot.html")]
pub struct ForgotPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// Whom to ask, where e-mail doesn't leave the machine.
    pub ask: Option<String>,
    /// The address.
    pub email: Field,
}

/// Input of the form.
#[derive(Deserialize, Default)]
pub struct ForgotForm {
    #[serde(default)]
    email: String,
}

impl ForgotPage {
    fn new(app: &App, frame: Frame, form: &ForgotForm, problems: Problems) -> Self {
        let email = Field::email("email", "E-mail address", &form.email).with(&problems).focused(&problems);
        Self { frame, problems, ask: whom_to_ask(app), email }
    }
}

/// The operator's contact, if this platform sends no e-mail.
pub fn whom_to_ask(app: &App) -> Option<String> {
    if app.control.accounts.delivers_mail() {
        return None;
    }
    let contact = app.control.settings().staff_mail.as_ref().map(ToString::to_string);
    Some(contact.unwrap_or_else(|| "the operator of this platform".to_owned()))
}

/// `GET /forgot`
pub async fn show(State(app): State<App>, frame: Frame) -> Response {
    ui::ok(&ForgotPage::new(&app, frame, &ForgotForm::default(), Problems::default()))
}

/// `POST /forgot`
pub async fn submit(
    State(app): State<App>,
    Caller(cx): Caller,
    frame: Frame,
    Form(form): Form<ForgotForm>,
) -> Result<Response, HttpError> {
    if form.email.trim().is_empty() {
        // From the login page, where no address was typed yet.
        return Ok(ui::see_other("/forgot"));
    }
    if let Err(error) = app.control.accounts.request_reset(&cx, &form.email).await {
        let form_errors = FormErrors::try_from(error)?;
        let page = ForgotPage::new(&app, frame, &form, form_errors.problems.clone());
        return Ok(form_errors.response().page(&page));
    }
    let (title, paragraphs) = match whom_to_ask(&app) {
        None => (
            "Check your e-mail",
            vec![
                "If this address has an account, we have sent a link to set a new password. It works for 30 minutes."
                    .to_owned(),
                "Nothing arrived? Look in your spam folder, and check the address for typos.".to_owned(),
            ],
        ),
        Some(contact) => (
            "E-mail isn't set up here yet",
            vec![
                format!("This platform doesn't send e-mail yet. Ask {contact} to set a new password for you."),
                "If this address has an account, the link was written and waits in the platform's outbox.".to_owned(),
            ],
        ),
    };
    Ok(NoticePage::page(frame, title, paragraphs, ("/login", "Back to log in")))
}
