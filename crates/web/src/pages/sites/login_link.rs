//! Into the store's administration with one click.
//!
//! Making the link changes something and is audited, so it takes a form of ours. The policy's
//! `form-action 'self'` would stop a redirect from that form to the store, so the answer is a
//! small page that leads on: by itself, or by its link.

use askama::Template;
use axum::{extract::State, response::Response};

use crate::{
    app::App,
    extract::rights::OwnSite,
    fault::Fault,
    ui::{self, frame::Frame},
};

/// The page between.
#[derive(Template)]
#[template(path = "sites/login_link.html")]
pub struct LoginLinkPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The store's title.
    pub title: String,
    /// The one-time address.
    pub link: String,
}

/// `POST /sites/{id}/login-link`
pub async fn submit(State(app): State<App>, own: OwnSite, frame: Frame) -> Result<Response, Fault> {
    let link = app.control.site_login_link(&own.cx, own.site.id).await?;
    Ok(ui::ok(&LoginLinkPage { frame, title: own.site.title, link }))
}
