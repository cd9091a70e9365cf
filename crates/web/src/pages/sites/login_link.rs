//! One-click login to the store's administration.
//!
//! Creating the link is audited, so it needs a form. The policy's `form-action 'self'` would block a redirect from
//! that form to the store, so the response is a small page that redirects by itself, or by its link.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;

use crate::{
    app::App,
    extract::{body::Form, permissions::AccessibleSite},
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

/// Input of the form.
#[derive(Deserialize)]
pub struct LoginLinkForm {
    /// Page of the application: one of the blueprint's next steps.
    to: Option<String>,
}

/// `POST /sites/{id}/login-link`
pub async fn submit(
    State(app): State<App>,
    access: AccessibleSite,
    frame: Frame,
    Form(LoginLinkForm { to }): Form<LoginLinkForm>,
) -> Result<Response, HttpError> {
    let link = app.control.sites.login_link_to(&access.cx, access.site.id, to.as_deref()).await?;
    Ok(ui::ok(&LoginLinkPage { frame, title: access.site.title, link }))
}
