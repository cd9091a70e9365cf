//! Addresses of the documents and of earlier releases, which lead to the pages of today. Temporarily (RFC 9110 15.4.8),
//! so that a page may come back.

use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use stoa_model::id::SiteId;

use crate::extract::id::Id;

/// What document 001 calls a page of its administration, and what it is called here.
const ADMIN_PAGES: &[(&str, &str)] = &[
    ("customers", "/staff/customers"),
    ("sites", "/staff/sites"),
    ("servers", "/staff/health"),
    ("system", "/staff/health"),
    ("health", "/staff/health"),
    ("jobs", "/staff/jobs"),
    ("provisioning", "/staff/jobs"),
    ("domains", "/staff/domains"),
    ("certificates", "/staff/certificates"),
    ("audit", "/staff/audit"),
    ("login", "/staff/login"),
];

/// `GET /provision`
pub async fn provision() -> Response {
    Redirect::temporary("/sites/new").into_response()
}

/// `GET /admin`
pub async fn admin() -> Response {
    Redirect::temporary("/staff").into_response()
}

/// `GET /admin/{*page}`
pub async fn admin_page(Path(page): Path<String>) -> Response {
    let first = page.split('/').next().unwrap_or_default();
    let known = ADMIN_PAGES.iter().find(|(name, _)| *name == first);
    Redirect::temporary(known.map_or("/staff", |(_, path)| path)).into_response()
}

/// `GET /sites/{id}/danger`
pub async fn danger(Id(site): Id<SiteId>) -> Response {
    Redirect::temporary(&format!("/sites/{site}/settings")).into_response()
}
