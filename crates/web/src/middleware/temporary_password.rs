//! Staff with a temporary password can do nothing but choose their own: pages lead there, and the API says so.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{auth::RequestAuth, is_api};
use crate::{
    http_error::{ErrorKind, HttpError},
    ui,
};

/// Where the password is chosen.
pub(super) const SETUP: &str = "/account/password/new";

/// The middleware.
pub async fn require_own(request: Request, next: Next) -> Response {
    let auth = RequestAuth::from_extensions(request.extensions());
    let path = request.uri().path();
    if !auth.must_change_password || is_exempt(path) {
        return next.run(request).await;
    }
    if is_api(path) {
        let what = "Your password is temporary. Log in to the portal and choose your own first.";
        return HttpError::new(ErrorKind::Forbidden, what).into_response();
    }
    ui::see_other(SETUP)
}

/// Paths that work with a temporary password.
fn is_exempt(path: &str) -> bool {
    path.starts_with("/assets/")
        || matches!(path, SETUP | "/logout" | "/theme" | "/healthz" | "/readyz" | "/favicon.ico" | "/robots.txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_choosing_it_and_leaving_are_exempt() {
        for path in [SETUP, "/logout", "/assets/stoa.css", "/theme"] {
            assert!(is_exempt(path), "{path}");
        }
        for path in ["/staff", "/account/password", "/account/security/second-factor", "/api/v1/me", "/"] {
            assert!(!is_exempt(path), "{path}");
        }
    }
}
