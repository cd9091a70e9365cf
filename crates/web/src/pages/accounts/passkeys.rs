//! Passkeys: adding and removing them, and logging in with one.

use askama::Template;
use axum::{Json, extract::State, http::HeaderMap, response::Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use stoa_core::Error;
use stoa_model::id::PasskeyId;

use super::{
    confirm::{ConfirmedForm, recent_context},
    login::{LoginForm, LoginPage, welcome},
};
use crate::{
    app::App,
    extract::{
        body::Form,
        id::Id,
        permissions::{Caller, LoggedIn},
        stale_form::Resubmission,
    },
    http_error::HttpError,
    ui::{self, field::Field, form_errors::FormErrors, frame::Frame},
};

/// The page on which the browser makes a passkey.
#[derive(Template)]
#[template(path = "accounts/passkey_new.html")]
pub struct NewPasskeyPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Comes back with the browser's answer.
    pub challenge: String,
    /// Options of the browser's answer, as JSON.
    pub options: String,
    /// What its owner calls it.
    pub name: Field,
}

/// A browser's answer.
#[derive(Deserialize, Default)]
pub struct AnswerForm {
    #[serde(default)]
    challenge: SecretString,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    next: String,
}

/// `POST /account/security/passkeys/new`
pub async fn begin(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    frame: Frame,
    Form(form): Form<ConfirmedForm>,
) -> Result<Response, HttpError> {
    let again = ("/account/security/passkeys/new", Vec::new());
    let cx = match recent_context(&app, cx, &frame, again, &form.confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    let challenge = app.control.accounts.begin_passkey(&cx).await?;
    let name =
        Field::text("name", "Name", "").hint("To tell it from others, such as the name of this device.").optional();
    Ok(ui::ok(&NewPasskeyPage {
        frame,
        challenge: challenge.token.expose_secret().to_owned(),
        options: challenge.options.to_string(),
        name,
    }))
}

/// `POST /account/security/passkeys`
pub async fn add(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Form(form): Form<AnswerForm>,
) -> Result<Response, HttpError> {
    let AnswerForm { challenge, answer, name, .. } = form;
    app.control.accounts.add_passkey(&cx, challenge.expose_secret(), &answer, &name).await?;
    Ok(ui::see_other("/account/security?done=passkey"))
}

/// `POST /account/security/passkeys/{id}/remove`
pub async fn remove(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<PasskeyId>,
    frame: Frame,
    Form(form): Form<ConfirmedForm>,
) -> Result<Response, HttpError> {
    let action = format!("/account/security/passkeys/{id}/remove");
    let known = app.control.accounts.list_passkeys(&cx).await?;
    if known.iter().all(|passkey| passkey.id != id) {
        return Err(Error::NotFound("passkey").into());
    }
    let cx = match recent_context(&app, cx, &frame, (&action, Vec::new()), &form.confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    app.control.accounts.remove_passkey(&cx, id).await?;
    Ok(ui::see_other("/account/security?done=passkey-removed"))
}

/// `POST /login/passkey/begin`: what the page's script asks the browser to sign.
pub async fn begin_login(State(app): State<App>, Caller(cx): Caller) -> Result<Json<Value>, HttpError> {
    let challenge = app.control.accounts.begin_passkey_login(&cx).await?;
    Ok(Json(json!({ "challenge": challenge.token.expose_secret(), "options": challenge.options })))
}

/// `POST /login/passkey`
pub async fn log_in(
    State(app): State<App>,
    Caller(cx): Caller,
    mut frame: Frame,
    headers: HeaderMap,
    Resubmission(is_stale): Resubmission,
    Form(form): Form<AnswerForm>,
) -> Result<Response, HttpError> {
    let AnswerForm { challenge, answer, next, .. } = form;
    let form_errors = if is_stale {
        Resubmission::form_errors()
    } else {
        match app.control.accounts.log_in_with_passkey(&cx, challenge.expose_secret(), &answer).await {
            Ok((session, email)) => return Ok(welcome(&app, &session, email.as_str(), &next, &headers)),
            Err(error) => FormErrors::try_from(error)?,
        }
    };
    frame.path = "/login".into();
    let response = form_errors.response();
    Ok(response.page(&LoginPage::new(frame, false, &LoginForm::returning_to(next), form_errors.problems)))
}
