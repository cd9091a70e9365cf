//! A site's logins, logs, usage and jobs.

#![allow(unused_qualifications, reason = "utoipa's derive macro generates them")]

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret;
use serde::Deserialize;
use stoa_sites::SiteLog;
use utoipa::IntoParams;

use super::dto;
use crate::{
    api::core::{dto::Job, problem::Problem},
    app::App,
    extract::{body::Query, id::Ordinal, permissions::AccessibleSite},
    http_error::HttpError,
    log_stream,
};

/// Create a one-time link that logs in to the site's administration.
#[utoipa::path(
    post, path = "/api/v1/sites/{id}/login-link", tag = "Sites", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::LoginLink), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn login_link(State(app): State<App>, access: AccessibleSite) -> Result<Json<dto::LoginLink>, HttpError> {
    Ok(Json(dto::LoginLink { url: app.control.sites.login_link(&access.cx, access.site.id).await? }))
}

/// List the site's logins, without passwords.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/credentials", tag = "Sites", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = Vec<dto::Credential>), (status = 404, body = Problem)),
)]
pub async fn credentials(
    State(app): State<App>,
    access: AccessibleSite,
) -> Result<Json<Vec<dto::Credential>>, HttpError> {
    let credentials = app.control.sites.list_credentials(&access.cx, access.site.id).await?;
    Ok(Json(credentials.into_iter().map(Into::into).collect()))
}

/// Reveal a password; this is recorded in the audit trail.
#[utoipa::path(
    post, path = "/api/v1/sites/{id}/credentials/{ordinal}/reveal", tag = "Sites",
    params(("id" = String, Path, description = "Site"), ("ordinal" = u32, Path, description = "Number of the login")),
    responses((status = 200, body = dto::RevealedPassword), (status = 404, body = Problem)),
)]
pub async fn reveal(
    State(app): State<App>,
    access: AccessibleSite,
    Ordinal(ordinal): Ordinal,
) -> Result<Json<dto::RevealedPassword>, HttpError> {
    let secret = app.control.sites.reveal_credential(&access.cx, access.site.id, ordinal).await?;
    Ok(Json(dto::RevealedPassword { password: secret.expose_secret().to_owned() }))
}

/// Number of lines.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogsQuery {
    /// Lines per service, 1 to 2000; 100 by default.
    #[param(minimum = 1, maximum = 2000)]
    tail: Option<u32>,
}

/// Get the latest log lines of the site's services, oldest first.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/logs", tag = "Sites",
    params(("id" = String, Path, description = "Site"), LogsQuery),
    responses((status = 200, body = Vec<dto::LogLine>), (status = 404, body = Problem), (status = 503, body = Problem)),
)]
pub async fn logs(
    State(app): State<App>,
    access: AccessibleSite,
    Query(LogsQuery { tail }): Query<LogsQuery>,
) -> Result<Response, HttpError> {
    let SiteLog { lines, place } = app.control.sites.logs(&access.cx, access.site.id, tail.unwrap_or(100)).await?;
    let write = |piece: &mut Vec<u8>, number, line| {
        if number > 0 {
            piece.push(b',');
        }
        // Neither the type nor the writer can fail.
        let _ = serde_json::to_writer(piece, &dto::LogLine::from(line));
    };
    let body = log_stream::body("[", lines, place, write, "]");
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Get the current resource usage of the site's services.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/stats", tag = "Sites", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = Vec<dto::ServiceStats>), (status = 404, body = Problem)),
)]
pub async fn stats(State(app): State<App>, access: AccessibleSite) -> Result<Json<Vec<dto::ServiceStats>>, HttpError> {
    let stats = app.control.sites.stats(&access.cx, access.site.id).await?;
    Ok(Json(stats.into_iter().map(Into::into).collect()))
}

/// List the site's jobs, newest first, without logs.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/jobs", tag = "Sites", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = Vec<Job>), (status = 404, body = Problem)),
)]
pub async fn jobs(State(app): State<App>, access: AccessibleSite) -> Result<Json<Vec<Job>>, HttpError> {
    let jobs = app.control.jobs.list_of_site(&access.cx, access.site.id, 20).await?;
    Ok(Json(jobs.into_iter().map(Into::into).collect()))
}
