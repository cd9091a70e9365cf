//! A site's addresses: bring a domain along, prove it, make it the main one.

pub mod certificates;
pub mod dto;

use axum::{Json, extract::State, http::StatusCode};
use stoa_control::command::AddDomain;

use crate::{
    api::core::{dto::Begun, problem::Problem},
    app::App,
    extract::{
        body,
        rights::{OwnDomain, OwnSite},
    },
    fault::Fault,
};

/// A site's addresses, with the DNS records to make for each domain.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}/domains", operation_id = "list_domains", tag = "Domains", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::Addresses), (status = 404, body = Problem)),
)]
pub async fn list(State(app): State<App>, own: OwnSite) -> Result<Json<dto::Addresses>, Fault> {
    Ok(Json(app.control.site_domains(&own.cx, own.site.id).await?.into()))
}

/// Bring a domain along. It leads to the site once it is proven: see its `records`.
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
    own: OwnSite,
    body::Json(new): body::Json<dto::NewDomain>,
) -> Result<(StatusCode, Json<Vec<dto::Domain>>), Fault> {
    let dto::NewDomain { name, with_www, main } = new;
    let added = app.control.domain_add(&own.cx, own.site.id, AddDomain { name, with_www, main }).await?;
    Ok((StatusCode::CREATED, Json(added.into_iter().map(Into::into).collect())))
}

/// Look at a domain now: is it proven, does it lead here?
#[utoipa::path(
    post, path = "/api/v1/domains/{id}/check", tag = "Domains", params(("id" = String, Path, description = "Domain")),
    responses((status = 200, body = dto::Domain), (status = 404, body = Problem), (status = 429, body = Problem)),
)]
pub async fn check(State(app): State<App>, own: OwnDomain) -> Result<Json<dto::Domain>, Fault> {
    Ok(Json(app.control.domain_check(&own.cx, own.domain.id).await?.into()))
}

/// Give a domain up.
#[utoipa::path(
    delete, path = "/api/v1/domains/{id}", tag = "Domains", params(("id" = String, Path, description = "Domain")),
    responses((status = 204, description = "It leads here no more."), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn remove(State(app): State<App>, own: OwnDomain) -> Result<StatusCode, Fault> {
    app.control.domain_remove(&own.cx, own.domain.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make one of a site's names its main address; the others lead there from then on.
#[utoipa::path(
    post, path = "/api/v1/sites/{id}/address", tag = "Domains", request_body = dto::NewAddress,
    params(("id" = String, Path, description = "Site")),
    responses((status = 202, body = Begun), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn main(
    State(app): State<App>,
    own: OwnSite,
    body::Json(dto::NewAddress { name }): body::Json<dto::NewAddress>,
) -> Result<(StatusCode, Json<Begun>), Fault> {
    let job = app.control.site_main_address(&own.cx, own.site.id, &name).await?;
    Ok((StatusCode::ACCEPTED, Json(Begun { job })))
}
