//! Logins of a site: listed without their passwords; one password is fetched when asked for, which
//! is written to the audit trail.

use axum::{extract::State, response::Response};
use secrecy::{ExposeSecret, SecretString};
use stoa_control::view::CredentialView;

use super::show;
use crate::{
    app::App,
    extract::{id::Ordinal, rights::OwnSite},
    fault::Fault,
    ui::frame::Frame,
};

/// A login on the page.
pub struct CredentialLine {
    /// Which one.
    pub ordinal: u32,
    /// For what.
    pub label: String,
    /// Where.
    pub url: String,
    /// Login name.
    pub username: String,
    /// The password, once revealed.
    pub password: Option<String>,
}

impl CredentialLine {
    /// A login, with its password if it is the revealed one.
    pub fn new(view: CredentialView, revealed: Option<&(u32, SecretString)>) -> Self {
        let password = revealed.filter(|(ordinal, _)| *ordinal == view.ordinal);
        let password = password.map(|(_, secret)| secret.expose_secret().to_owned());
        let CredentialView { ordinal, label, url, username } = view;
        Self { ordinal, label, url, username, password }
    }
}

/// `POST /sites/{id}/credentials/{ordinal}`: the site's page again, with the password in it.
pub async fn reveal(
    State(app): State<App>,
    own: OwnSite,
    Ordinal(ordinal): Ordinal,
    frame: Frame,
) -> Result<Response, Fault> {
    let secret = app.control.site_credential_reveal(&own.cx, own.site.id, ordinal).await?;
    show::page(&app, own, frame, Some((ordinal, secret))).await
}
