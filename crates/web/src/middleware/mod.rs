//! What happens to every request, from the outside in. The order is part of the design:
//!
//! 1. [`visit`] numbers the request and finds out who asks, so that everything inside knows both.
//! 2. [`headers`] puts the security headers on whatever comes back, error pages too.
//! 3. Compression.
//! 4. [`faults`] gives every failure its page or its problem details.
//! 5. [`limits`] turns panics and requests that take too long into failures.
//! 6. [`forms`] refuses forms that are too large or did not come from our own pages.

pub mod faults;
pub mod forms;
pub mod headers;
pub mod limits;
pub mod visit;

use axum::{Router, middleware::from_fn_with_state};
use tower_http::compression::CompressionLayer;

use crate::app::App;

/// Wraps the routes; the last layer added is the outermost.
pub fn around(routes: Router<App>, app: &App) -> Router<App> {
    routes
        .layer(axum::middleware::from_fn(forms::check))
        .layer(axum::middleware::from_fn(limits::contain))
        .layer(from_fn_with_state(app.clone(), faults::render))
        .layer(CompressionLayer::new())
        .layer(axum::middleware::from_fn(headers::secure))
        .layer(from_fn_with_state(app.clone(), visit::begin))
}

/// Whether a path belongs to programs: they get JSON, bring bearer tokens and no cookies. The
/// reference is a page for people.
pub fn is_api(path: &str) -> bool {
    (path == "/api" || path.starts_with("/api/") || path == "/metrics") && path != "/api/docs"
}
