//! Logout: ends the session in the database first, then in the browser.

use axum::{Extension, extract::State, http::HeaderMap, response::Response};
use secrecy::ExposeSecret;

use crate::{
    app::App,
    extract::permissions::Caller,
    http_error::HttpError,
    middleware::auth::{RequestAuth, clear_session},
    ui::{self, frame::is_https},
};

/// `POST /logout`
pub async fn submit(
    State(app): State<App>,
    Caller(cx): Caller,
    Extension(auth): Extension<RequestAuth>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    if let Some(token) = &auth.token {
        app.control.accounts.log_out(&cx, token.expose_secret()).await?;
    }
    let mut response = ui::see_other("/");
    clear_session(&mut response, is_https(&headers));
    Ok(response)
}
