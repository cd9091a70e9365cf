//! One-click login to the store's administration.
//!
//! Creating the link is audited, so it needs a form. The policy's `form-action 'self'` would block a redirect from
//! that form to the store, so the response is a small page that redirects by itself, or by its link.

use askama::Template;
use axum::{extract::State, response::Response};

use crate::{
    app::App,
    extract::permissions::AccessibleSite,
    http_error::HttpError,
    ui::{self, frame::Frame},
};

/// The page that redirects.
#[derive(Template)]
#[template(path = "sites/login_link.html")]
pub struct LoginLinkPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The store's title.
    pub title: String,
    /// The one-time link.
    pub link: String,
}

/// `POST /sites/{id}/login-link`
pub async fn submit(State(app): State<App>, access: AccessibleSite, frame: Frame) -> Result<Response, HttpError> {
    let link = app.control.sites.login_link(&access.cx, access.site.id).await?;
    Ok(ui::ok(&LoginLinkPage { frame, title: access.site.title, link }))
}
