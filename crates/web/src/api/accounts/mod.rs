//! API tokens and the current account.

pub mod dto;
pub mod staff;
pub mod tokens;

use axum::{Json, extract::State};
use secrecy::ExposeSecret;
use stoa_accounts::command::LogIn;
use stoa_model::account::Actor;

use crate::{
    api::core::problem::Problem,
    app::App,
    extract::{
        body,
        permissions::{Caller, LoggedIn},
    },
    http_error::HttpError,
};

/// Log in for a short-lived token.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "Accounts", request_body = dto::Credentials, security(()),
    responses((status = 200, body = dto::Token), (status = 401, body = Problem), (status = 429, body = Problem)),
)]
pub async fn log_in(
    State(app): State<App>,
    Caller(cx): Caller,
    body::Json(login): body::Json<dto::Credentials>,
) -> Result<Json<dto::Token>, HttpError> {
    let command = LogIn { email: login.email, password: login.password, browser: None };
    let (token, expires_at) = app.control.accounts.create_login_token(&cx, command).await?;
    let expires_in = expires_at.duration_since(cx.now).as_secs();
    Ok(Json(dto::Token { token: token.expose_secret().to_owned(), token_type: "Bearer", expires_at, expires_in }))
}

/// Who the token acts for.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "Accounts",
    responses((status = 200, body = dto::Me), (status = 401, body = Problem)),
)]
pub async fn me(LoggedIn(cx): LoggedIn) -> Result<Json<dto::Me>, HttpError> {
    match cx.actor {
        Actor::Customer(id) => Ok(Json(dto::Me { kind: "customer", id: id.to_string(), role: None })),
        Actor::Staff(id, role) => Ok(Json(dto::Me { kind: "staff", id: id.to_string(), role: Some(role.as_str()) })),
        Actor::Nobody | Actor::System => Err(HttpError::unauthenticated()),
    }
}
