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
}

/// Fields that are not repeated.
const SECRETS: [&str; 4] = ["password", "key", "code", "confirm"];

/// The response to a stale form.
pub async fn respond(app: &App, auth: &RequestAuth, request: Request) -> Response {
    let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
    let fields = axum::Form::<Vec<(String, String)>>::from_request(request, &()).await.map(|form| form.0);
    let is_repeated = |(name, _): &(String, String)| name != TOKEN_FIELD && !SECRETS.contains(&name.as_str());
    let fields = fields.unwrap_or_default().into_iter().filter(is_repeated).collect();
    let frame = Frame::new(app, auth, &path, &headers);
    let page = StaleFormPage { frame, action: path, fields, is_logged_in: auth.session.is_some() };
    ui::page(StatusCode::CONFLICT, &page)
}
