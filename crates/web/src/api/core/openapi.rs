//! The API's own description, OpenAPI 3.1. A test compares it with the table of routes.

use std::sync::LazyLock;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{doctor, jobs, problem};
use crate::api::{
    accounts,
    domains::{self, certificates},
    sites::{self, blueprints, details, traffic},
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Stoa", description = "Order and look after stores and sites."),
    modifiers(&Bearer),
    security(("bearer" = [])),
    tags(
        (name = "Accounts", description = "Tokens, and who one is."),
        (name = "Platform", description = "What can be ordered, and how the platform does."),
        (name = "Sites", description = "Stores and sites, and what belongs to them."),
        (name = "Domains", description = "Domains that customers bring along, and certificates."),
        (name = "Jobs", description = "Work on sites, step by step."),
    ),
    components(schemas(problem::Problem)),
    paths(
        accounts::log_in, accounts::me,
        blueprints::blueprints, blueprints::address, doctor::doctor,
        sites::list, sites::create, sites::get, sites::delete, sites::undelete,
        sites::start, sites::stop, sites::restart, sites::retry,
        details::login_link, details::credentials, details::reveal,
        details::logs, details::stats, details::jobs,
        traffic::hours, traffic::limits,
        domains::list, domains::add, domains::check, domains::remove, domains::main,
        certificates::upload, certificates::withdraw, certificates::list,
        jobs::list, jobs::get, jobs::events, jobs::cancel, jobs::resume, jobs::abandon,
    ),
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The description as JSON, made once.
pub static DOCUMENT: LazyLock<serde_json::Value> =
    LazyLock::new(|| serde_json::to_value(Description::openapi()).unwrap_or_default());

/// `GET /api/openapi.json`
pub async fn document() -> Response {
    let headers = [(header::CACHE_CONTROL, "public, max-age=300")];
    (headers, axum::Json(&*DOCUMENT)).into_response()
}
