//! The security headers. There is no inline script and no inline style anywhere, so the policy
//! needs no exception; `form-action 'self'` also covers redirects, which is why logging in to a
//! store goes through a page of ours (see `pages::sites::login_link`).
//!
//! That browsers insist on HTTPS (HSTS) is said by the edge, for as long as its operator chose: it
//! alone knows whether a certificate holds.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// What a page of ours may load and do.
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const ALWAYS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
];

/// The middleware.
pub async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What has no word about caching belongs to one person.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_policy_has_no_exceptions() {
        for word in ["unsafe", "*", "http:", "nonce"] {
            assert!(!super::CSP.contains(word), "{word}");
        }
        assert!(super::CSP.starts_with("default-src 'none'"));
    }
}
