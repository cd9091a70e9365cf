//! Staff who must use a second factor and have none can do nothing but set one up, if the operator says so
//! (`staff_second_factor`).

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use stoa_core::Credential;

use super::auth::RequestAuth;
use crate::{app::App, ui};

/// Where a second factor is set up.
const SETUP: &str = "/account/security/second-factor";

/// The middleware.
pub async fn require(State(app): State<App>, request: Request, next: Next) -> Response {
    let auth = RequestAuth::from_extensions(request.extensions());
    let lacks_factor = matches!(&auth.credential, Credential::Session(session) if !session.has_second_factor);
    // The password comes first.
    if auth.must_change_password {
        return next.run(request).await;
    }
    if lacks_factor && app.control.accounts.requires_second_factor(auth.actor) && !is_exempt(request.uri().path()) {
        return ui::see_other(SETUP);
    }
    next.run(request).await
}

/// Paths that work without the second factor.
fn is_exempt(path: &str) -> bool {
    let is_setup = path.strip_prefix(SETUP).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_setup
        || path.starts_with("/assets/")
        || matches!(path, "/logout" | "/theme" | "/healthz" | "/readyz" | "/favicon.ico")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_setting_it_up_and_leaving_are_exempt() {
        for path in [SETUP, "/account/security/second-factor/begin", "/logout", "/assets/stoa.css"] {
            assert!(is_exempt(path), "{path}");
        }
        for path in ["/staff", "/account/tokens", "/account/security/second-factor-x", "/"] {
            assert!(!is_exempt(path), "{path}");
        }
    }
}
