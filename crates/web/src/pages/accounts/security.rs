//! Password, passkeys and sessions.

use askama::Template;
use axum::{extract::State, response::Response};
use secrecy::SecretString;
use serde::Deserialize;
use stoa_accounts::view::{PasskeyView, SessionLine};
use stoa_core::RequestContext;
use stoa_model::id::{PasskeyId, SessionId};

use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        id::Id,
        permissions::LoggedIn,
    },
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
        time::{Moment, moment},
    },
};

/// `/account/security`
#[derive(Template)]
#[template(path = "accounts/security.html")]
pub struct SecurityPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// What was done, if something was.
    pub done: Option<&'static str>,
    /// The present password.
    pub present: Field,
    /// The new one.
    pub next: Field,
    /// Passkeys, oldest first; `None` where browsers have none.
    pub passkeys: Option<Vec<PasskeyLine>>,
    /// Sessions, the last used first.
    pub sessions: Vec<(SessionLine, Moment, Moment)>,
}

/// A passkey, as shown.
pub struct PasskeyLine {
    /// Its id.
    pub id: PasskeyId,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub added: Moment,
    /// When it was last used.
    pub used: Option<Moment>,
}

/// Input of the form.
#[derive(Deserialize, Default)]
pub struct PasswordForm {
    #[serde(default)]
    present_password: SecretString,
    #[serde(default)]
    new_password: SecretString,
}

/// Query of the page.
#[derive(Deserialize)]
pub struct SecurityQuery {
    #[serde(default)]
    done: String,
}

/// `GET /account/security`
pub async fn show(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    frame: Frame,
    Query(query): Query<SecurityQuery>,
) -> Result<Response, HttpError> {
    let done = match query.done.as_str() {
        "password" => Some("Your password was changed, and your other sessions were ended."),
        "reset" => {
            Some("Your new password is set, and you are logged in. All other sessions and API tokens have ended.")
        }
        "passkey" => Some("The passkey was added. You can log in with it from now on."),
        "passkey-removed" => Some("The passkey was removed."),
        "session" => Some("The session was ended."),
        "sessions" => Some("All other sessions were ended."),
        _ => None,
    };
    let page = build(&app, &cx, frame, Problems::default()).await?;
    Ok(ui::ok(&SecurityPage { done, ..page }))
}

/// `POST /account/password`
pub async fn change_password(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    mut frame: Frame,
    Form(form): Form<PasswordForm>,
) -> Result<Response, HttpError> {
    match app.control.accounts.change_password(&cx, form.present_password, form.new_password).await {
        Ok(()) => Ok(ui::see_other("/account/security?done=password")),
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let response = form_errors.response();
            frame.path = "/account/security".into();
            Ok(response.page(&build(&app, &cx, frame, form_errors.problems).await?))
        }
    }
}

/// `POST /account/sessions/{id}/end`
pub async fn end_session(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<SessionId>,
) -> Result<Response, HttpError> {
    app.control.accounts.end_session(&cx, id).await?;
    Ok(ui::see_other("/account/security?done=session"))
}

/// `POST /account/sessions/end-others`
pub async fn end_others(State(app): State<App>, LoggedIn(cx): LoggedIn) -> Result<Response, HttpError> {
    app.control.accounts.end_other_sessions(&cx).await?;
    Ok(ui::see_other("/account/security?done=sessions"))
}

async fn build(app: &App, cx: &RequestContext, frame: Frame, problems: Problems) -> Result<SecurityPage, HttpError> {
    let present = Field::password("present_password", "Present password").with(&problems);
    let next = Field::new_password("new_password", "New password").with(&problems);
    let sessions = app.control.accounts.list_sessions(cx).await?;
    let line = |session: SessionLine| {
        let (since, seen) = (moment(session.since, cx.now), moment(session.seen_at, cx.now));
        (session, since, seen)
    };
    let sessions = sessions.into_iter().map(line).collect();
    let passkeys = if app.control.accounts.offers_passkeys() {
        let line = |passkey: PasskeyView| PasskeyLine {
            id: passkey.id,
            name: passkey.name,
            added: moment(passkey.created_at, cx.now),
            used: passkey.last_used_at.map(|at| moment(at, cx.now)),
        };
        Some(app.control.accounts.list_passkeys(cx).await?.into_iter().map(line).collect())
    } else {
        None
    };
    Ok(SecurityPage { frame, problems, done: None, present, next, passkeys, sessions })
}
