//! The second step of a login: a code of the authenticator app, or a recovery code.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use stoa_core::Error;

use super::login::{LoginForm, LoginPage, welcome};
use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        permissions::Caller,
        stale_form::Resubmission,
    },
    http_error::HttpError,
    middleware::login_cookies,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::{Frame, is_https},
    },
};

/// `/login/code`
#[derive(Template)]
#[template(path = "accounts/login_code.html")]
pub struct CodePage {
    /// Layout of the page.
    pub frame: Frame,
    /// Where to go after logging in.
    pub next: String,
    /// Error messages.
    pub problems: Problems,
    /// The code.
    pub code: Field,
}

impl CodePage {
    /// The form; the code is not shown again.
    pub fn new(frame: Frame, next: String, problems: Problems) -> Self {
        let code = Field::text("code", "Code", "")
            .hint("6 digits from your authenticator app, or one of your recovery codes.")
            .fill("one-time-code")
            .with(&problems)
            .focused(&problems);
        Self { frame, next, problems, code }
    }
}

/// Query and form have where to go afterwards.
#[derive(Deserialize)]
pub struct CodeQuery {
    #[serde(default)]
    next: String,
}

/// Input of the form.
#[derive(Deserialize)]
pub struct CodeForm {
    #[serde(default)]
    code: SecretString,
    #[serde(default)]
    next: String,
}

/// `GET /login/code`
pub async fn show(
    State(app): State<App>,
    frame: Frame,
    headers: HeaderMap,
    Query(CodeQuery { next }): Query<CodeQuery>,
) -> Result<Response, HttpError> {
    let is_pending = match login_cookies::flow(&headers) {
        Some(flow) => app.control.accounts.is_login_pending(flow.expose_secret()).await?,
        None => false,
    };
    if !is_pending {
        return Ok(ui::see_other("/login"));
    }
    Ok(ui::ok(&CodePage::new(frame, next, Problems::default())))
}

/// `POST /login/code`
pub async fn submit(
    State(app): State<App>,
    Caller(cx): Caller,
    frame: Frame,
    headers: HeaderMap,
    Resubmission(is_stale): Resubmission,
    Form(form): Form<CodeForm>,
) -> Result<Response, HttpError> {
    if is_stale {
        let form_errors = Resubmission::form_errors();
        return Ok(form_errors.response().page(&CodePage::new(frame, form.next, form_errors.problems)));
    }
    let accounts = &app.control.accounts;
    let flow = login_cookies::flow(&headers).unwrap_or_default();
    let (flow, code) = (flow.expose_secret(), form.code.expose_secret());
    let known = |suffix: &str| login_cookies::known_browser(&headers, suffix);
    let error = match accounts.complete_login(&cx, flow, code, known).await {
        Ok((session, email)) => {
            let mut response = welcome(&app, &session, email.as_str(), &form.next, &headers);
            login_cookies::clear_flow(&mut response, is_https(&headers));
            return Ok(response);
        }
        Err(error) => error,
    };
    let is_over = !accounts.is_login_pending(flow).await?;
    if is_over && matches!(error, Error::Invalid(_) | Error::Unauthenticated(_)) {
        return Ok(start_over(frame, form.next, &error, &headers));
    }
    let form_errors = FormErrors::try_from(error)?;
    Ok(form_errors.response().page(&CodePage::new(frame, form.next, form_errors.problems)))
}

/// The first step again, after the flow has ended.
fn start_over(frame: Frame, next: String, error: &Error, headers: &HeaderMap) -> Response {
    let message = match error {
        Error::Invalid(_) => "Too many wrong codes. Enter your password again.".to_owned(),
        error => error.to_string(),
    };
    let page = LoginPage::new(frame, false, &LoginForm::returning_to(next), Problems::general(message));
    let mut response = ui::page(StatusCode::UNAUTHORIZED, &page);
    login_cookies::clear_flow(&mut response, is_https(headers));
    response
}
