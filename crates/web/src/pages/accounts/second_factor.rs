//! Two-step login of the own account: set up an authenticator app, recovery codes, turn it off.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use stoa_accounts::view::TotpEnrolment;
use stoa_core::{Error, RequestContext};

use crate::{
    app::App,
    extract::{body::Form, permissions::LoggedIn},
    http_error::HttpError,
    middleware::auth::set_session,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::{Frame, is_https},
        qr_code::QrSvg,
        time::day,
    },
};

/// `/account/security/second-factor`
#[derive(Template)]
#[template(path = "accounts/second_factor.html")]
pub struct SecondFactorPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// Since when two-step login is on.
    pub since: Option<String>,
    /// Unused recovery codes.
    pub codes_left: u64,
    /// Whether the operator requires two-step login.
    pub is_required: bool,
    /// An app that is being set up.
    pub setup: Option<Setup>,
    /// New recovery codes, shown once.
    pub new_codes: Vec<String>,
    /// The code that a change takes.
    pub code: Field,
}

/// An app that is being set up.
pub struct Setup {
    /// QR code of the key; none if it doesn't fit into one.
    pub qr: Option<QrSvg>,
    /// The key as text, in groups of four.
    pub key: String,
    /// Current password.
    pub password: Field,
    /// The app's first code.
    pub code: Field,
}

impl Setup {
    fn new(enrolment: &TotpEnrolment, problems: &Problems) -> Self {
        let secret = enrolment.secret.expose_secret();
        let groups: Vec<&str> =
            (0..secret.len()).step_by(4).map(|at| &secret[at..(at + 4).min(secret.len())]).collect();
        Self {
            qr: QrSvg::new(enrolment.uri.expose_secret()),
            key: groups.join(" "),
            code: Field::text("code", "Code", "")
                .hint("The 6 digits that the app shows now.")
                .fill("one-time-code")
                .with(problems),
            password: Field::password("password", "Your password").with(problems),
        }
    }
}

/// Input of the confirmation.
#[derive(Deserialize)]
pub struct ConfirmForm {
    #[serde(default)]
    code: SecretString,
    #[serde(default)]
    password: SecretString,
}

/// Input of changes.
#[derive(Deserialize)]
pub struct CodeForm {
    #[serde(default)]
    code: SecretString,
}

/// `GET /account/security/second-factor`
pub async fn show(State(app): State<App>, LoggedIn(cx): LoggedIn, frame: Frame) -> Result<Response, HttpError> {
    Ok(ui::ok(&page(&app, &cx, frame, Problems::default()).await?))
}

/// `POST /account/security/second-factor/begin`
pub async fn begin(State(app): State<App>, LoggedIn(cx): LoggedIn, frame: Frame) -> Result<Response, HttpError> {
    match app.control.accounts.begin_totp(&cx).await {
        Ok(enrolment) => {
            let page = page(&app, &cx, frame, Problems::default()).await?;
            let setup = Some(Setup::new(&enrolment, &Problems::default()));
            Ok(ui::ok(&SecondFactorPage { setup, ..page }))
        }
        Err(error) => refused(&app, &cx, frame, error).await,
    }
}

/// `POST /account/security/second-factor/confirm`
pub async fn confirm(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    frame: Frame,
    headers: HeaderMap,
    Form(form): Form<ConfirmForm>,
) -> Result<Response, HttpError> {
    let accounts = &app.control.accounts;
    match accounts.confirm_totp(&cx, form.password, form.code.expose_secret()).await {
        Ok((session, codes)) => {
            let mut page = page(&app, &cx, frame, Problems::default()).await?;
            page.new_codes = codes.iter().map(|code| code.expose_secret().to_owned()).collect();
            // The page's forms belong to the session that has just ended.
            page.frame.csrf =
                accounts.session(session.token.expose_secret()).await?.map(|s| s.csrf).unwrap_or_default();
            let mut response = ui::ok(&page);
            set_session(&mut response, &session.token, is_https(&headers));
            Ok(response)
        }
        Err(Error::NotFound(_)) => Ok(ui::see_other("/account/security/second-factor")),
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let enrolment = accounts.pending_totp(&cx).await?;
            let setup = Some(Setup::new(&enrolment, &form_errors.problems));
            let response = form_errors.response();
            let page = page(&app, &cx, frame, form_errors.problems).await?;
            Ok(response.page(&SecondFactorPage { setup, ..page }))
        }
    }
}

/// `POST /account/security/second-factor/codes`
pub async fn replace_codes(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    frame: Frame,
    Form(form): Form<CodeForm>,
) -> Result<Response, HttpError> {
    match app.control.accounts.replace_recovery_codes(&cx, form.code.expose_secret()).await {
        Ok(codes) => {
            let page = page(&app, &cx, frame, Problems::default()).await?;
            let new_codes = codes.iter().map(|code| code.expose_secret().to_owned()).collect();
            Ok(ui::page(StatusCode::OK, &SecondFactorPage { new_codes, ..page }))
        }
        Err(error) => refused(&app, &cx, frame, error).await,
    }
}

/// `POST /account/security/second-factor/remove`
pub async fn remove(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    frame: Frame,
    headers: HeaderMap,
    Form(form): Form<CodeForm>,
) -> Result<Response, HttpError> {
    match app.control.accounts.remove_second_factor(&cx, form.code.expose_secret()).await {
        Ok(session) => {
            let mut response = ui::see_other("/account/security/second-factor");
            set_session(&mut response, &session.token, is_https(&headers));
            Ok(response)
        }
        Err(error) => refused(&app, &cx, frame, error).await,
    }
}

/// The page again, with why something was refused.
async fn refused(app: &App, cx: &RequestContext, frame: Frame, error: Error) -> Result<Response, HttpError> {
    let form_errors = FormErrors::try_from(error)?;
    Ok(form_errors.response().page(&page(app, cx, frame, form_errors.problems).await?))
}

async fn page(app: &App, cx: &RequestContext, frame: Frame, problems: Problems) -> Result<SecondFactorPage, HttpError> {
    let state = app.control.accounts.second_factor(cx).await?;
    let code = Field::text("code", "Code", "")
        .hint("6 digits from your app, or a recovery code.")
        .fill("one-time-code")
        .with(&problems);
    Ok(SecondFactorPage {
        frame,
        problems,
        since: state.since.map(day),
        codes_left: state.recovery_codes_left,
        is_required: state.is_required,
        setup: None,
        new_codes: Vec::new(),
        code,
    })
}
