//! Change of the address: requested here, confirmed by a link to the next one, restored by a link to the former one.

use axum::{extract::State, response::Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{
    confirm::recent_context,
    forgot::whom_to_ask,
    notice::NoticePage,
    profile::{self, ProfileForm},
    verify::MailedLinkPage,
};
use crate::{
    app::App,
    extract::{
        body::Form,
        id::MailedToken,
        permissions::{Caller, Customer},
    },
    http_error::HttpError,
    ui::{self, form_errors::FormErrors, frame::Frame},
};

const ACCOUNT: (&str, &str) = ("/account", "Go to your account");

/// Input of the form.
#[derive(Deserialize, Default)]
pub struct EmailForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    confirm_password: SecretString,
}

/// `POST /account/email`
pub async fn request(
    State(app): State<App>,
    Customer(cx): Customer,
    frame: Frame,
    Form(form): Form<EmailForm>,
) -> Result<Response, HttpError> {
    let again = ("/account/email", vec![("email", form.email.clone())]);
    let cx = match recent_context(&app, cx, &frame, again, &form.confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    if let Err(error) = app.control.accounts.request_email_change(&cx, &form.email).await {
        let form = ProfileForm { email: form.email, ..ProfileForm::default() };
        return profile::page(&app, &cx, frame, form, FormErrors::try_from(error)?).await;
    }
    let mut paragraphs =
        vec![format!("Open the link that we have sent to {}. Until then nothing changes.", form.email)];
    if let Some(contact) = whom_to_ask(&app) {
        paragraphs =
            vec![format!("This platform doesn't send e-mail yet. Ask {contact} for the link to {}.", form.email)];
    }
    Ok(NoticePage::page(frame, "Confirm your new address", paragraphs, ACCOUNT))
}

/// `GET /account/email/{token}`
pub async fn show(state: State<App>, caller: Caller, token: MailedToken, frame: Frame) -> Result<Response, HttpError> {
    ask(state, caller, token, frame, false).await
}

/// `GET /account/email/restore/{token}`
pub async fn show_restore(
    state: State<App>,
    caller: Caller,
    token: MailedToken,
    frame: Frame,
) -> Result<Response, HttpError> {
    ask(state, caller, token, frame, true).await
}

async fn ask(
    State(app): State<App>,
    Caller(cx): Caller,
    MailedToken(token): MailedToken,
    mut frame: Frame,
    restore: bool,
) -> Result<Response, HttpError> {
    frame.path = "/account".into();
    let Some(email) = app.control.accounts.find_email_change(&cx, token.expose_secret(), restore).await? else {
        return Ok(NoticePage::expired(frame, "Nothing was changed.", ACCOUNT));
    };
    let (title, text, button) = if restore {
        ("Restore your address", format!("Your account will use {email} again. All sessions are ended."), "Restore")
    } else {
        ("Confirm your new address", format!("Your account will use {email} to log in."), "Confirm")
    };
    Ok(ui::ok(&MailedLinkPage { frame, title, text, button }))
}

/// `POST /account/email/{token}`
pub async fn submit(
    state: State<App>,
    caller: Caller,
    token: MailedToken,
    frame: Frame,
) -> Result<Response, HttpError> {
    change(state, caller, token, frame, false).await
}

/// `POST /account/email/restore/{token}`
pub async fn submit_restore(
    state: State<App>,
    caller: Caller,
    token: MailedToken,
    frame: Frame,
) -> Result<Response, HttpError> {
    change(state, caller, token, frame, true).await
}

async fn change(
    State(app): State<App>,
    Caller(cx): Caller,
    MailedToken(token): MailedToken,
    mut frame: Frame,
    restore: bool,
) -> Result<Response, HttpError> {
    frame.path = "/account".into();
    match app.control.accounts.change_email(&cx, token.expose_secret(), restore).await {
        Ok(()) if restore => {
            let text = "If the change wasn't yours, somebody knows your password. Set a new one now.";
            let next = ("/forgot", "Set a new password");
            Ok(NoticePage::page(frame, "Your former address is back", vec![text.into()], next))
        }
        Ok(()) => {
            let text = "Use the new address to log in from now on. Your other sessions were ended.";
            Ok(NoticePage::page(frame, "Your address was changed", vec![text.into()], ACCOUNT))
        }
        Err(stoa_core::Error::Conflict(_)) => Ok(NoticePage::expired(frame, "Nothing was changed.", ACCOUNT)),
        Err(error) => Err(error.into()),
    }
}
