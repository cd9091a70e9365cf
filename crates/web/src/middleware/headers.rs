//! Security headers. No page has inline scripts or styles, so the content security policy needs no exceptions.
//! `form-action 'self'` also applies to redirects, which is why logging in to a store goes through a page of
//! ours (see `pages::sites::login_link`).
//!
//! The edge sends HSTS, as configured by the operator: only the edge knows whether the certificate is valid.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// The content security policy.
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
];

/// The middleware.
pub async fn add_security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        // A page that needs another policy sets it itself: the preview of an e-mail.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // Responses without a caching policy are personal.
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
