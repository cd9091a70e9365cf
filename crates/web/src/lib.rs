//! The faces of Stoa for browsers and programs: pages, JSON API, middleware, templates, assets.
//!
//! A map:
//! - [`routes`] is the one table of everything that can be requested; the router is built from it.
//! - [`middleware`] says what happens to every request, in its order.
//! - [`extract`] has the extractors that prove rights.
//! - [`pages`] and `api` hold a folder or file per noun; handlers call one method of the service
//!   layer and show what it says.
//! - [`ui`] has the pieces of pages: icons, status pills, fields, times.
//! - [`fault`] is everything that isn't what was asked for.
//!
//! Absent by design: queries, container engines, inline scripts and styles, HTML made of strings.

pub mod api;
pub mod app;
pub mod assets;
pub mod extract;
pub mod fault;
pub mod live;
pub mod middleware;
pub mod pages;
pub mod routes;
pub mod safe_next;
pub mod ui;

use std::net::IpAddr;

use axum::Router;
use stoa_control::Control;

/// From where a request came; our edge puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Everything, ready to be served.
pub fn router(control: Control) -> Router {
    let app = app::App { control };
    middleware::around(routes::router(), &app).with_state(app)
}
