//! The OpenAPI 3.1 document. A test compares it with the table of routes.

use std::sync::LazyLock;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{doctor, jobs, problem, tasks};
use crate::api::{
    accounts,
    domains::{self, certificates},
    sites::{self, blueprints, details, suspension, traffic, update},
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Stoa", description = "Order and manage stores and sites."),
    modifiers(&Bearer),
    security(("bearer" = [])),
    tags(
        (name = "Accounts", description = "API tokens and the current account."),
        (name = "Platform", description = "Blueprints, available addresses, and the health of the platform."),
        (name = "Sites", description = "Stores and sites, their logins, logs, usage and traffic."),
        (name = "Domains", description = "Custom domains and certificates."),
        (name = "Jobs", description = "Long-running operations on sites, step by step."),
    ),
    components(schemas(problem::Problem)),
    paths(
        accounts::log_in, accounts::me,
        blueprints::blueprints, update::outdated, blueprints::address, doctor::doctor,
        sites::list, sites::create, sites::get, sites::delete, sites::undelete,
        sites::start, sites::stop, sites::restart, sites::retry,
        suspension::suspend, suspension::resume, update::update,
        details::login_link, details::credentials, details::reveal,
        details::logs, details::stats, details::jobs,
        traffic::hours, traffic::limits,
        domains::list, domains::add, domains::check, domains::remove, domains::main,
        certificates::upload, certificates::withdraw, certificates::list,
        jobs::list, jobs::get, jobs::events, jobs::cancel, jobs::resume, jobs::abandon,
        tasks::list, tasks::retry, tasks::discard,
    ),
)]
struct ApiDocument;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The document as JSON, built once.
pub static DOCUMENT: LazyLock<serde_json::Value> =
    LazyLock::new(|| serde_json::to_value(ApiDocument::openapi()).unwrap_or_default());

/// `GET /api/openapi.json`
pub async fn document() -> Response {
    let headers = [(header::CACHE_CONTROL, "public, max-age=300")];
    (headers, axum::Json(&*DOCUMENT)).into_response()
}
