//! Logins of a site, listed without passwords. Revealing one is recorded in the audit trail.

use axum::{extract::State, response::Response};
use secrecy::{ExposeSecret, SecretString};
use stoa_sites::view::CredentialView;

use super::show;
use crate::{
    app::App,
    extract::{id::Ordinal, permissions::AccessibleSite},
    http_error::HttpError,
    ui::frame::Frame,
};

/// A login, as shown.
pub struct CredentialLine {
    /// Number among the site's logins.
    pub ordinal: u32,
    /// Purpose.
    pub label: String,
    /// Where to log in.
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
    access: AccessibleSite,
    Ordinal(ordinal): Ordinal,
    frame: Frame,
) -> Result<Response, HttpError> {
    let secret = app.control.sites.reveal_credential(&access.cx, access.site.id, ordinal).await?;
    show::page(&app, access, frame, Some((ordinal, secret))).await
}
