//! Protection of every form, so that no handler can forget it: each unsafe request outside `/api`
//! must come from our own origin *and* carry the token of its session (or, for people who are not
//! logged in, the token of the form cookie).
//!
//! The origin check alone would do for today's browsers; the token is for the others. The token is
//! the same for a whole session: with the origin check in front, reading it out of a compressed
//! page would gain an attacker nothing.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use subtle::ConstantTimeEq;

use super::{is_api, limits::read_body, visit::Visit};
use crate::{
    fault::{Fault, Kind},
    ui::frame::{host, is_https},
};

/// Name of the hidden field.
pub const TOKEN_FIELD: &str = "csrf";

/// The middleware.
pub async fn check(request: Request, next: Next) -> Response {
    let visit = Visit::of(request.extensions());
    if let Some(fault) = visit.broken {
        return fault.into_response();
    }
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || is_api(request.uri().path()) {
        return next.run(request).await;
    }
    match admit(request, &visit.csrf).await {
        Ok(request) => next.run(request).await,
        Err(fault) => fault.into_response(),
    }
}

async fn admit(request: Request, token: &str) -> Result<Request, Fault> {
    let (parts, body) = request.into_parts();
    let foreign = || Fault::new(Kind::ForeignForm, Kind::ForeignForm.advice());
    if !is_own_origin(&parts.headers, &parts.uri) {
        return Err(foreign());
    }
    if !is_form(&parts.headers) {
        return Err(Fault::new(Kind::MediaType, "Forms are sent as application/x-www-form-urlencoded."));
    }
    let body = read_body(body).await?;
    let given = token_of(&body).unwrap_or_default();
    if given.is_empty() || !bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
        return Err(foreign());
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Whether the browser says that the request comes from a page of ours. A client that says nothing
/// is no browser; the token still protects it. To HTTPS only what was served over HTTPS may send:
/// anybody on the way could have written a plain page.
fn is_own_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    let Some(origin) = text("origin") else { return true };
    let own = host(headers).or_else(|| uri.authority().map(|a| a.as_str()));
    let plain = origin.strip_prefix("http://").filter(|_| !is_https(headers));
    let of = origin.strip_prefix("https://").or(plain);
    matches!((of, own), (Some(of), Some(own)) if of.eq_ignore_ascii_case(own))
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The token as sent; ours are URL-safe, so there is nothing to decode.
fn token_of(body: &[u8]) -> Option<&str> {
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
    fn only_our_own_pages_may_send_forms() {
        assert!(origin_ok(&[("host", "portal.example:8080"), ("origin", "http://portal.example:8080")]));
        assert!(origin_ok(&[("host", "portal.example"), ("sec-fetch-site", "same-origin")]));
        assert!(origin_ok(&[("host", "portal.example")]), "no browser");
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
        assert_eq!(token_of(b"a=1&csrf=xyz&b=2"), Some("xyz"));
        assert_eq!(token_of(b"xcsrf=1"), None);
        assert_eq!(token_of(b""), None);
    }
}
