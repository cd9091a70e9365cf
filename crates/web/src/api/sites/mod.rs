//! Sites: order, find, start, stop, suspend, update, delete.

#![allow(unused_qualifications, reason = "utoipa's derive macro generates them")]

pub mod blueprints;
pub mod details;
pub mod dto;
pub mod storage;
pub mod suspension;
pub mod traffic;
pub mod update;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use stoa_billing::Placed;
use stoa_model::id::SiteId;
use stoa_sites::{command::OrderSite, view::Ordered};
use utoipa::IntoParams;

use crate::{
    api::billing,
    api::core::{
        dto::{Page, StartedJob},
        limit,
        problem::Problem,
    },
    app::App,
    extract::{
        body::{self, Query},
        permissions::{AccessibleSite, LoggedIn},
    },
    http_error::HttpError,
};

/// Page of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SitesQuery {
    /// `next` of the previous page.
    #[param(value_type = Option<String>)]
    before: Option<SiteId>,
    /// 1 to 100; 50 by default.
    limit: Option<u32>,
}

/// List sites: a customer's own, or all for staff.
#[utoipa::path(
    get, path = "/api/v1/sites", operation_id = "list_sites", tag = "Sites", params(SitesQuery),
    responses((status = 200, body = Page<dto::Site>), (status = 401, body = Problem)),
)]
pub async fn list(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Query(query): Query<SitesQuery>,
) -> Result<Json<Page<dto::Site>>, HttpError> {
    Ok(Json(app.control.sites.list(&cx, query.before, limit(query.limit)).await?.into()))
}

/// Order a site. If its plan must be paid first, its address is reserved, and the answer says how to pay. Send an
/// `Idempotency-Key` to make the request safe to repeat.
#[utoipa::path(
    post, path = "/api/v1/sites", tag = "Sites", request_body = dto::NewSite,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible ASCII characters; the same key returns the same site.")),
    responses(
        (status = 201, body = dto::Ordered, headers(("Location" = String, description = "The new site."))),
        (status = 202, body = billing::dto::Checkout, description = "It waits for its payment.", headers(("Location" = String, description = "The order."))),
        (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    ),
)]
pub async fn create(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    headers: HeaderMap,
    body::Json(new): body::Json<dto::NewSite>,
) -> Result<Response, HttpError> {
    let key = headers.get("idempotency-key").map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
    let dto::NewSite { blueprint, plan, subdomain, title, admin_user, admin_email, admin_password, customer } = new;
    let order = OrderSite { blueprint, plan, subdomain, title, admin_user, admin_email, admin_password, customer };
    Ok(match app.control.billing.order(&cx, order, key).await? {
        Placed::Site(Ordered { site, job }) => {
            let location = [(header::LOCATION, format!("/api/v1/sites/{site}"))];
            (StatusCode::CREATED, location, Json(dto::Ordered { site, job })).into_response()
        }
        Placed::Checkout(checkout) => {
            let location = [(header::LOCATION, format!("/api/v1/checkouts/{}", checkout.id))];
            (StatusCode::ACCEPTED, location, Json(billing::dto::Checkout::from(*checkout))).into_response()
        }
    })
}

/// Get a site.
#[utoipa::path(
    get, path = "/api/v1/sites/{id}", operation_id = "get_site", tag = "Sites", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::Site), (status = 404, body = Problem)),
)]
pub async fn get(access: AccessibleSite) -> Json<dto::Site> {
    Json(access.site.into())
}

/// Mark a site for deletion. This can be undone until `purge_at`.
#[utoipa::path(
    delete, path = "/api/v1/sites/{id}", tag = "Sites", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::Site), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn delete(State(app): State<App>, access: AccessibleSite) -> Result<Json<dto::Site>, HttpError> {
    Ok(Json(app.control.sites.delete(&access.cx, access.site.id).await?.into()))
}

/// Undo a deletion.
#[utoipa::path(
    post, path = "/api/v1/sites/{id}/undelete", tag = "Sites", params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::Site), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn undelete(State(app): State<App>, access: AccessibleSite) -> Result<Json<dto::Site>, HttpError> {
    Ok(Json(app.control.sites.undelete(&access.cx, access.site.id).await?.into()))
}

macro_rules! job_handlers {
    ($($(#[$doc:meta])* $name:ident = $path:literal, $method:ident;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, tag = "Sites", params(("id" = String, Path, description = "Site")),
            responses((status = 202, body = StartedJob), (status = 404, body = Problem), (status = 409, body = Problem)),
        )]
        pub async fn $name(State(app): State<App>, access: AccessibleSite) -> Result<(StatusCode, Json<StartedJob>), HttpError> {
            let job = app.control.sites.$method(&access.cx, access.site.id).await?;
            Ok((StatusCode::ACCEPTED, Json(StartedJob { job })))
        }
    )*};
}

job_handlers! {
    /// Start a stopped site.
    start = "/api/v1/sites/{id}/start", start;
    /// Stop a running site.
    stop = "/api/v1/sites/{id}/stop", stop;
    /// Restart a running site.
    restart = "/api/v1/sites/{id}/restart", restart;
    /// Retry the creation of a site.
    retry = "/api/v1/sites/{id}/retry", retry;
}
