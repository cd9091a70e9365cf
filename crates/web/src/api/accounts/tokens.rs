//! API tokens of the own account. They are created in the portal, with a password: a token that could create tokens
//! could outlive its own end.

use axum::{Json, extract::State, http::StatusCode};
use stoa_model::id::TokenId;

use super::dto;
use crate::{
    api::core::problem::Problem,
    app::App,
    extract::{id::Id, permissions::LoggedIn},
    http_error::HttpError,
};

/// List the account's API tokens, newest first.
#[utoipa::path(
    get, path = "/api/v1/tokens", operation_id = "list_tokens", tag = "Accounts",
    responses((status = 200, body = Vec<dto::ListedToken>), (status = 401, body = Problem)),
)]
pub async fn list(State(app): State<App>, LoggedIn(cx): LoggedIn) -> Result<Json<Vec<dto::ListedToken>>, HttpError> {
    let tokens = app.control.accounts.list_tokens(&cx).await?;
    Ok(Json(tokens.into_iter().map(dto::ListedToken::from).collect()))
}

/// Revoke one of the account's API tokens, also the one that is used for this request.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", operation_id = "revoke_token", tag = "Accounts",
    params(("id" = String, Path, description = "Token")),
    responses((status = 204), (status = 404, body = Problem)),
)]
pub async fn revoke(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<TokenId>,
) -> Result<StatusCode, HttpError> {
    app.control.accounts.revoke_token(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
