//! The OpenAPI 3.1 document. A test compares it with the table of routes.

use std::sync::LazyLock;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{doctor, example, jobs, problem, tasks};
use crate::{
    api::{
        accounts::{self, staff, tokens},
        billing,
        domains::{self, certificates},
        sites::{self, blueprints, details, storage, suspension, traffic, update},
    },
    app::App,
    http_error::{ErrorKind, HttpError},
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Stoa", description = "Order and manage stores and sites."),
    modifiers(&Bearer),
    security(("bearer" = [])),
    tags(
        (name = "Accounts", description = "API tokens and the current account."),
        (name = "Staff", description = "Accounts of the operator's staff."),
        (name = "Platform", description = "Blueprints, available addresses, and the health of the platform."),
        (name = "Sites", description = "Stores and sites, their logins, logs, usage and traffic."),
        (name = "Billing", description = "Plans, orders that wait for their payment, and subscriptions."),
        (name = "Domains", description = "Custom domains and certificates."),
        (name = "Jobs", description = "Long-running operations on sites, step by step."),
    ),
    components(schemas(problem::Problem)),
    paths(
        accounts::log_in, accounts::me, tokens::list, tokens::revoke,
        staff::list, staff::create, staff::get, staff::update, staff::delete, staff::deactivate, staff::reactivate,
        blueprints::blueprints, update::outdated, blueprints::address, doctor::doctor,
        sites::list, sites::create, sites::get, sites::delete, sites::undelete,
        sites::start, sites::stop, sites::restart, sites::retry,
        suspension::suspend, suspension::resume, update::update,
        details::login_link, details::credentials, details::reveal,
        details::logs, details::stats, details::jobs,
        traffic::hours, traffic::limits, storage::show, storage::limit,
        billing::plans, billing::create_plan, billing::update_plan,
        billing::checkout, billing::cancel_checkout, billing::pay_checkout,
        billing::subscriptions, billing::subscription, billing::pay_subscription, billing::cancel, billing::keep,
        billing::preview_change, billing::change_plan,
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
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = serde_json::to_value(ApiDocument::openapi()).unwrap_or_default();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            complete(path, method, operation);
        }
    }
    example::add_to(&mut document);
    document
});

/// Adds what all operations have in common, so that no handler's description can forget it: the errors of the
/// extractors and the middleware, and the content type of errors.
fn complete(path: &str, method: &str, operation: &mut Value) {
    let is_secured = operation["security"].is_null();
    let has_body = !operation["requestBody"].is_null();
    let changes = method != "get";
    let common = [
        (ErrorKind::BadRequest, true),
        (ErrorKind::Unauthenticated, is_secured),
        (ErrorKind::Forbidden, is_secured),
        (ErrorKind::NotFound, path.contains('{')),
        (ErrorKind::RequestTimeout, has_body),
        (ErrorKind::Conflict, is_secured && changes),
        (ErrorKind::PayloadTooLarge, has_body),
        (ErrorKind::UnsupportedMediaType, has_body),
        (ErrorKind::Invalid, has_body),
        (ErrorKind::RateLimited, true),
        (ErrorKind::Internal, true),
        (ErrorKind::Unavailable, true),
        (ErrorKind::Timeout, true),
    ];
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (kind, _) in common.into_iter().filter(|(_, applies)| *applies) {
        responses.entry(kind.status().as_str()).or_insert_with(|| json!({}));
    }
    for (status, response) in responses {
        let status = status.parse().unwrap_or(StatusCode::OK);
        if status.is_client_error() || status.is_server_error() {
            let schema = json!({ "$ref": "#/components/schemas/Problem" });
            response["content"] = json!({ "application/problem+json": { "schema": schema } });
        }
        if response["description"].as_str().unwrap_or_default().is_empty() {
            response["description"] = json!(description(status));
        }
    }
}

fn description(status: StatusCode) -> &'static str {
    match status {
        StatusCode::OK => "The result.",
        StatusCode::CREATED => "It was created.",
        StatusCode::ACCEPTED => "The job has been queued.",
        StatusCode::NO_CONTENT => "It was done.",
        _ => HttpError::from_status(status).kind.title(),
    }
}

/// `GET /api/openapi.json`
pub async fn document(State(app): State<App>) -> Response {
    let headers = [(header::CACHE_CONTROL, "public, max-age=300")];
    let mut document = DOCUMENT.clone();
    document["servers"] = json!([{ "url": app.control.core.portal_url() }]);
    (headers, axum::Json(document)).into_response()
}
