//! The page of a mailed link that verifies an address. It only shows a button, because mail scanners open links.

use askama::Template;
use axum::{extract::State, response::Response};
use secrecy::ExposeSecret;

use super::{forgot::whom_to_ask, notice::NoticePage};
use crate::{
    app::App,
    extract::{
        id::MailedToken,
        permissions::{Caller, Customer},
    },
    http_error::HttpError,
    ui::{self, frame::Frame},
};

const ACCOUNT: (&str, &str) = ("/account", "Go to your account");

/// A page with one button, for a link that was mailed.
#[derive(Template)]
#[template(path = "accounts/mailed_link.html")]
pub struct MailedLinkPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Heading.
    pub title: &'static str,
    /// What the button does.
    pub text: String,
    /// The button's label.
    pub button: &'static str,
}

/// `GET /verify/{token}`
pub async fn show(
    State(app): State<App>,
    Caller(cx): Caller,
    MailedToken(token): MailedToken,
    mut frame: Frame,
) -> Result<Response, HttpError> {
    frame.path = "/account".into();
    Ok(match app.control.accounts.find_verification(&cx, token.expose_secret()).await? {
        Some(email) => ui::ok(&MailedLinkPage {
            frame,
            title: "Verify your e-mail address",
            text: format!("Confirm that {email} is your address."),
            button: "Verify",
        }),
        None => NoticePage::expired(frame, "You can request a new one on your account page.", ACCOUNT),
    })
}

/// `POST /verify/{token}`
pub async fn submit(
    State(app): State<App>,
    Caller(cx): Caller,
    MailedToken(token): MailedToken,
    mut frame: Frame,
) -> Result<Response, HttpError> {
    frame.path = "/account".into();
    let email = app.control.accounts.find_verification(&cx, token.expose_secret()).await?;
    let email = email.map(|email| email.to_string()).unwrap_or_default();
    match app.control.accounts.verify_email(&cx, token.expose_secret()).await {
        Ok(()) => {
            let text =
                format!("Thank you. The account of {email} can create more sites, add domains and invite people.");
            Ok(NoticePage::page(frame, "This e-mail address is verified", vec![text], ("/dashboard", "Continue")))
        }
        Err(stoa_core::Error::Conflict(_)) => {
            Ok(NoticePage::expired(frame, "You can request a new one on your account page.", ACCOUNT))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /account/verify`
pub async fn resend(State(app): State<App>, Customer(cx): Customer, frame: Frame) -> Result<Response, HttpError> {
    app.control.accounts.resend_verification(&cx).await?;
    let (title, text) = match whom_to_ask(&app) {
        None => ("Check your e-mail", "We have sent you a link. Open it to verify your address.".to_owned()),
        Some(contact) => (
            "E-mail isn't set up here yet",
            format!("This platform doesn't send e-mail yet. Ask {contact} to verify your address."),
        ),
    };
    Ok(NoticePage::page(frame, title, vec![text], ACCOUNT))
}
