//! Middleware for every request, from the outside in. The order matters:
//!
//! 1. [`auth`] gives the request an id and authenticates it, so that everything inside knows both.
//! 2. [`headers`] adds the security headers to every response, error pages included.
//! 3. Compression.
//! 4. [`errors`] renders every error as a page or as problem details.
//! 5. [`limits`] turns panics and timeouts into errors.
//! 6. [`temporary_password`] sends staff who must choose their password there.
//! 7. [`second_factor`] sends staff who must set up two-step login there.
//! 8. [`csrf`] rejects forms that are too large or don't come from our own pages.

pub mod auth;
pub mod csrf;
pub mod errors;
pub mod headers;
pub mod limits;
pub mod login_cookies;
pub mod second_factor;
pub mod temporary_password;

use axum::{Router, middleware::from_fn_with_state};
use tower_http::compression::CompressionLayer;

use crate::app::App;

/// Wraps the routes; the last layer added is the outermost.
pub fn wrap(routes: Router<App>, app: &App) -> Router<App> {
    routes
        .layer(from_fn_with_state(app.clone(), csrf::check))
        .layer(from_fn_with_state(app.clone(), second_factor::require))
        .layer(axum::middleware::from_fn(temporary_password::require_own))
        .layer(axum::middleware::from_fn(limits::contain_failures))
        .layer(from_fn_with_state(app.clone(), errors::render))
        .layer(CompressionLayer::new())
        .layer(axum::middleware::from_fn(headers::add_security_headers))
        .layer(from_fn_with_state(app.clone(), auth::authenticate))
}

/// Whether a path belongs to the API: JSON, bearer tokens, no cookies. The API reference is an ordinary page.
pub fn is_api(path: &str) -> bool {
    (path == "/api" || path.starts_with("/api/") || path == "/metrics") && path != "/api/docs"
}
