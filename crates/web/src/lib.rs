//! Stoa's web interface: pages, JSON API, middleware, templates, assets.
//!
//! - [`routes`] is the table of all routes; the router is built from it.
//! - [`middleware`] applies to every request, in the order given there.
//! - [`extract`] has the extractors, among them those that check permissions.
//! - [`pages`] and [`api`] have a folder per area; a handler calls one method of the service layer and
//!   renders its result.
//! - [`ui`] has the components of pages: icons, status badges, fields, times.
//! - [`http_error`] is every response other than success.
//!
//! Absent by design: queries, container engines, inline scripts and styles, HTML built from strings.

pub mod api;
pub mod app;
pub mod assets;
pub mod extract;
pub mod http_error;
pub mod job_stream;
pub mod log_stream;
pub mod middleware;
pub mod pages;
pub mod return_path;
pub mod routes;
pub mod ui;

use std::net::IpAddr;

use axum::Router;
use stoa_control::Control;

/// The client's address; the edge puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// All routes with their middleware.
pub fn router(control: Control) -> Router {
    let app = app::App::new(control);
    middleware::wrap(routes::router(), &app).with_state(app)
}
