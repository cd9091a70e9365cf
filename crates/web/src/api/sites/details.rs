//! What belongs to a site: its logins, its log, what it uses, its jobs.

#![allow(unused_qualifications, reason = "the macro that describes parameters writes some")]

use axum::{Json, extract::State};
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto;
use crate::{
    api::core::{dto::Job, problem::Problem},
    app::App,
    extract::{body::Query as Asked, id::Ordinal, rights::OwnSite},
    fault::Fault,
};

/// A one-time address that logs in to the site's administration.
#[utoipa::path(
    post, path = "/api/v1/sites/{id}/login-link", tag = "Sites", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::LoginLink), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn login_link(State(app): State<App>, own: OwnSite) -> Result<Json<dto::LoginLink>, Fault> {
    Ok(Json(dto::LoginLink { url: app.control.site_login_link(&own.cx, own.site.id).await? }))
}

/// The site's logins, without their passwords.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/credentials", tag = "Sites", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = Vec<dto::Credential>), (status = 404, body = Problem)),
)]
pub async fn credentials(State(app): State<App>, own: OwnSite) -> Result<Json<Vec<dto::Credential>>, Fault> {
    let credentials = app.control.site_credentials(&own.cx, own.site.id).await?;
    Ok(Json(credentials.into_iter().map(Into::into).collect()))
}

/// One password; this is written to the audit trail.
#[utoipa::path(
    post, path = "/api/v1/sites/{id}/credentials/{ordinal}/reveal", tag = "Sites",
    params(("id" = String, Path, description = "Site"), ("ordinal" = u32, Path, description = "Which login")),
    responses((status = 200, body = dto::Revealed), (status = 404, body = Problem)),
)]
pub async fn reveal(
    State(app): State<App>,
    own: OwnSite,
    Ordinal(ordinal): Ordinal,
) -> Result<Json<dto::Revealed>, Fault> {
    let secret = app.control.site_credential_reveal(&own.cx, own.site.id, ordinal).await?;
    Ok(Json(dto::Revealed { password: secret.expose_secret().to_owned() }))
}

/// How much of the log.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Tail {
    /// Lines of each service, 1 to 2000; 100 without it.
    #[param(minimum = 1, maximum = 2000)]
    tail: Option<u32>,
}

/// What the site's services wrote last, oldest first.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/logs", tag = "Sites",
    params(("id" = String, Path, description = "Site"), Tail),
    responses((status = 200, body = Vec<dto::LogLine>), (status = 404, body = Problem)),
)]
pub async fn logs(
    State(app): State<App>,
    own: OwnSite,
    Asked(Tail { tail }): Asked<Tail>,
) -> Result<Json<Vec<dto::LogLine>>, Fault> {
    let lines = app.control.site_logs(&own.cx, own.site.id, tail.unwrap_or(100)).await?;
    Ok(Json(lines.into_iter().map(Into::into).collect()))
}

/// What the site's services use now.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/stats", tag = "Sites", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = Vec<dto::Usage>), (status = 404, body = Problem)),
)]
pub async fn stats(State(app): State<App>, own: OwnSite) -> Result<Json<Vec<dto::Usage>>, Fault> {
    let stats = app.control.site_stats(&own.cx, own.site.id).await?;
    Ok(Json(stats.into_iter().map(Into::into).collect()))
}

/// The site's jobs, newest first, without their logs.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/jobs", tag = "Sites", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = Vec<Job>), (status = 404, body = Problem)),
)]
pub async fn jobs(State(app): State<App>, own: OwnSite) -> Result<Json<Vec<Job>>, Fault> {
    let jobs = app.control.site_jobs(&own.cx, own.site.id).await?;
    Ok(Json(jobs.into_iter().map(Into::into).collect()))
}
