//! CSRF protection of every form, so that no handler can forget it: each unsafe request outside `/api` must come
//! from our own origin *and* carry the token of its session (without a session, the token of the form cookie).
//!
//! The origin check alone suffices for current browsers; the token covers the others. The token stays the same
//! for a whole session: because of the origin check, an attacker who recovers it from a compressed page
//! (BREACH) gains nothing.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use subtle::ConstantTimeEq;

use super::{auth::RequestAuth, is_api, limits::read_body};
use crate::{
    http_error::{ErrorKind, HttpError},
    ui::frame::{host, is_https},
};

/// Name of the hidden field.
pub const TOKEN_FIELD: &str = "csrf";

/// The middleware.
pub async fn check(request: Request, next: Next) -> Response {
    let auth = RequestAuth::from_extensions(request.extensions());
    if let Some(error) = auth.failure {
        return error.into_response();
    }
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || is_api(request.uri().path()) {
        return next.run(request).await;
    }
    match verify(request, &auth.csrf).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

async fn verify(request: Request, token: &str) -> Result<Request, HttpError> {
    let rejected = || HttpError::new(ErrorKind::FormRejected, ErrorKind::FormRejected.advice());
    if !is_own_origin(request.headers(), request.uri()) {
        return Err(rejected());
    }
    if !is_form(request.headers()) {
        return Err(HttpError::new(
            ErrorKind::UnsupportedMediaType,
            "Forms are sent as application/x-www-form-urlencoded.",
        ));
    }
    let (parts, body) = read_body(request).await?;
    let sent = csrf_token(&body).unwrap_or_default();
    if sent.is_empty() || !bool::from(sent.as_bytes().ct_eq(token.as_bytes())) {
        return Err(rejected());
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Whether the browser says that the request comes from one of our pages. A client that sends neither header is
/// not a browser, and the token still protects it. Only pages served over HTTPS may send forms to HTTPS: a page
/// served over plain HTTP could have been tampered with.
fn is_own_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    let Some(origin) = text("origin") else { return true };
    let own_host = host(headers).or_else(|| uri.authority().map(|a| a.as_str()));
    let plain = origin.strip_prefix("http://").filter(|_| !is_https(headers));
    let origin_host = origin.strip_prefix("https://").or(plain);
    matches!((origin_host, own_host), (Some(origin), Some(own)) if origin.eq_ignore_ascii_case(own))
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The token in a form body; tokens are URL-safe, so there is nothing to decode.
fn csrf_token(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    text.split('&').find_map(|pair| pair.strip_prefix(TOKEN_FIELD)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin_ok(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_own_origin(&headers, &Uri::from_static("/login"))
    }

    #[test]
    fn only_our_own_pages_can_send_forms() {
        assert!(origin_ok(&[("host", "portal.example:8080"), ("origin", "http://portal.example:8080")]));
        assert!(origin_ok(&[("host", "portal.example"), ("sec-fetch-site", "same-origin")]));
        assert!(origin_ok(&[("host", "portal.example")]), "not a browser");
        for foreign in ["https://evil.example", "null", "http://shop.portal.example", "ftp://portal.example"] {
            assert!(!origin_ok(&[("host", "portal.example"), ("origin", foreign)]), "{foreign}");
        }
        let https = ("x-forwarded-proto", "https");
        assert!(origin_ok(&[("host", "portal.example"), ("origin", "https://portal.example"), https]));
        assert!(!origin_ok(&[("host", "portal.example"), ("origin", "http://portal.example"), https]));
        for site in ["cross-site", "same-site"] {
            assert!(!origin_ok(&[("host", "portal.example"), ("sec-fetch-site", site)]), "{site}");
        }
    }

    #[test]
    fn the_token_is_found_anywhere_in_the_form() {
        assert_eq!(csrf_token(b"a=1&csrf=xyz&b=2"), Some("xyz"));
        assert_eq!(csrf_token(b"xcsrf=1"), None);
        assert_eq!(csrf_token(b""), None);
    }
}
