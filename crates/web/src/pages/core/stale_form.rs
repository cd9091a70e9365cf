//! A form of ours that was not carried out because its session had ended or changed: shown again, to be sent once more.
//! Secrets are not shown again; a form that had some is filled in again on its own page.

use askama::Template;
use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
    response::Response,
};

use crate::{
    app::App,
    middleware::{auth::RequestAuth, csrf::TOKEN_FIELD},
    ui::{self, frame::Frame},
};

/// The page.
#[derive(Template)]
#[template(path = "core/stale_form.html")]
pub struct StaleFormPage {
    frame: Frame,
    action: String,
    fields: Vec<(String, String)>,
    is_logged_in: bool,
    /// Whether something was typed that is not kept.
    had_secrets: bool,
    /// Who is logged in now.
    login: String,
}

/// Whether a field is not repeated.
fn is_secret(name: &str) -> bool {
    name.contains("password") || ["key", "code", "confirm", "challenge", "answer"].contains(&name)
}

/// The response to a stale form.
pub async fn respond(app: &App, auth: &RequestAuth, request: Request) -> Response {
    let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
    let fields = axum::Form::<Vec<(String, String)>>::from_request(request, &()).await.map(|form| form.0);
    let typed = fields.unwrap_or_default().into_iter().filter(|(name, _)| name != TOKEN_FIELD);
    let (secrets, fields): (Vec<_>, Vec<_>) = typed.partition(|(name, _)| is_secret(name));
    let had_secrets = secrets.iter().any(|(_, value)| !value.is_empty());
    let frame = Frame::new(app, auth, &path, &headers);
    let login = auth.session.as_ref().map(|session| session.email.clone()).unwrap_or_default();
    let page = StaleFormPage { frame, action: path, fields, is_logged_in: auth.session.is_some(), had_secrets, login };
    ui::page(StatusCode::CONFLICT, &page)
}
