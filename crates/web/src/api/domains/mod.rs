//! Domains of a site: add, verify, remove, and choose the main address.

pub mod certificates;
pub mod dto;

use axum::{Json, extract::State, http::StatusCode};
use stoa_domains::command::AddDomain;

use crate::{
    api::core::{dto::StartedJob, problem::Problem},
    app::App,
    extract::{
        body,
        permissions::{AccessibleDomain, AccessibleSite},
    },
    http_error::HttpError,
};

/// List a site's addresses, with the DNS records to create for each domain.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/domains", operation_id = "list_domains", tag = "Domains", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::Addresses), (status = 404, body = Problem)),
)]
pub async fn list(State(app): State<App>, access: AccessibleSite) -> Result<Json<dto::Addresses>, HttpError> {
    Ok(Json(app.control.domains.list_domains(&access.cx, access.site.id).await?.into()))
}

/// Add a domain. It serves the site once it is verified: see its `records`.
#[utoipa::path(
    post, path = "/api/v1/sites/{id}/domains", tag = "Domains", request_body = dto::NewDomain,
    params(("id" = String, Path, description = "Site")),
    responses(
        (status = 201, body = Vec<dto::Domain>), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub async fn add(
    State(app): State<App>,
    access: AccessibleSite,
    body::Json(new): body::Json<dto::NewDomain>,
) -> Result<(StatusCode, Json<Vec<dto::Domain>>), HttpError> {
    let dto::NewDomain { name, with_www, main } = new;
    let added = app.control.domains.add_domain(&access.cx, access.site.id, AddDomain { name, with_www, main }).await?;
    Ok((StatusCode::CREATED, Json(added.into_iter().map(Into::into).collect())))
}

/// Check now whether a domain is verified and points to this platform.
#[utoipa::path(
    post, path = "/api/v1/domains/{id}/check", tag = "Domains", params(("id" = String, Path, description = "Domain")),
    responses((status = 200, body = dto::Domain), (status = 404, body = Problem), (status = 429, body = Problem)),
)]
pub async fn check(State(app): State<App>, access: AccessibleDomain) -> Result<Json<dto::Domain>, HttpError> {
    Ok(Json(app.control.domains.check_domain(&access.cx, access.domain.id).await?.into()))
}

/// Remove a domain.
#[utoipa::path(
    delete, path = "/api/v1/domains/{id}", tag = "Domains", params(("id" = String, Path, description = "Domain")),
    responses((status = 204, description = "The domain was removed."), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn remove(State(app): State<App>, access: AccessibleDomain) -> Result<StatusCode, HttpError> {
    app.control.domains.remove_domain(&access.cx, access.domain.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make one of a site's names its main address; the others then redirect to it.
#[utoipa::path(
    post, path = "/api/v1/sites/{id}/address", tag = "Domains", request_body = dto::NewAddress,
    params(("id" = String, Path, description = "Site")),
    responses((status = 202, body = StartedJob), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn main(
    State(app): State<App>,
    access: AccessibleSite,
    body::Json(dto::NewAddress { name }): body::Json<dto::NewAddress>,
) -> Result<(StatusCode, Json<StartedJob>), HttpError> {
    let job = app.control.sites.set_main_address(&access.cx, access.site.id, &name).await?;
    Ok((StatusCode::ACCEPTED, Json(StartedJob { job })))
}
