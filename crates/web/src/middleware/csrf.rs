//! CSRF protection of every form, so that no handler can forget it: each unsafe request outside `/api` must come
//! from our own origin *and* carry the token of its session (without a session, the token of the form cookie).
//!
//! A form with another token that the browser says is ours was opened before a login in another tab, or before its
//! session ended. It is not carried out, but shown again with what was typed.
//!
//! The origin check alone suffices for current browsers; the token covers the others. The token stays the same
//! for a whole session: because of the origin check, an attacker who recovers it from a compressed page
//! (BREACH) gains nothing.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use subtle::ConstantTimeEq;

use super::{auth::RequestAuth, is_api, limits::read_body};
use crate::{
    app::App,
    extract::stale_form::StaleForm,
    http_error::{ErrorKind, HttpError},
    pages::core::stale_form,
    ui::frame::{host, is_https},
};

/// Name of the hidden field.
pub const TOKEN_FIELD: &str = "csrf";

/// Paths of forms that their own handlers show again when they are stale ([`Resubmission`]).
///
/// [`Resubmission`]: crate::extract::stale_form::Resubmission
const SHOWN_AGAIN: [&str; 7] =
    ["/login", "/staff/login", "/login/code", "/login/passkey", "/register", "/sites/new", "/staff/sites/new"];
/// Those of them that need no login.
const OPEN: [&str; 5] = ["/login", "/staff/login", "/login/code", "/login/passkey", "/register"];

/// Why a form is not carried out.
enum Rejection {
    /// It comes from elsewhere, or can't be read.
    Error(HttpError),
    /// It comes from a page of ours whose session has ended or changed since.
    Stale(Request),
}

/// The middleware.
pub async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
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
        Err(Rejection::Error(error)) => error.into_response(),
        Err(Rejection::Stale(request)) => show_again(&app, request, next).await,
    }
}

/// Shows a stale form again, with what was typed.
async fn show_again(app: &App, mut request: Request, next: Next) -> Response {
    let auth = RequestAuth::from_extensions(request.extensions());
    let path = request.uri().path();
    let needed = if auth.session.is_some() { &SHOWN_AGAIN[..] } else { &OPEN[..] };
    if needed.contains(&path) {
        request.extensions_mut().insert(StaleForm);
        return next.run(request).await;
    }
    stale_form::respond(app, &auth, request).await
}

async fn verify(request: Request, token: &str) -> Result<Request, Rejection> {
    let rejected = || Rejection::Error(HttpError::new(ErrorKind::FormRejected, ErrorKind::FormRejected.advice()));
    if !is_own_origin(request.headers(), request.uri()) {
        let origin = request.headers().get("origin").and_then(|origin| origin.to_str().ok()).unwrap_or("another page");
        let detail = format!(
            "Your browser says that it comes from {origin}, which is not the address of this page. Open the page by its \
             own address and send it from there. If that fails too, the operator's proxy sends a wrong Host or \
             X-Forwarded-Proto header."
        );
        return Err(Rejection::Error(HttpError::new(ErrorKind::FormRejected, detail)));
    }
    if !is_form(request.headers()) {
        return Err(Rejection::Error(HttpError::new(
            ErrorKind::UnsupportedMediaType,
            "Forms are sent as application/x-www-form-urlencoded.",
        )));
    }
    let (parts, body) = read_body(request).await.map_err(Rejection::Error)?;
    let sent = csrf_token(&body).unwrap_or_default();
    let is_right = !sent.is_empty() && bool::from(sent.as_bytes().ct_eq(token.as_bytes()));
    let is_proven = is_proven_origin(&parts.headers);
    let request = Request::from_parts(parts, Body::from(body));
    match (is_right, is_proven) {
        (true, _) => Ok(request),
        // Scripts check fields with the token of their page; there is nothing to show again.
        (false, true) if !request.uri().path().starts_with("/check/") => Err(Rejection::Stale(request)),
        (false, _) => Err(rejected()),
    }
}

/// Whether the browser itself says that the request comes from one of our pages, given that [`is_own_origin`] holds.
fn is_proven_origin(headers: &HeaderMap) -> bool {
    headers.contains_key("origin") || headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin")
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
    fn a_client_that_says_nothing_proves_nothing() {
        let proven = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            is_proven_origin(&HeaderMap::from_iter(headers))
        };
        assert!(proven(&[("origin", "https://portal.example")]) && proven(&[("sec-fetch-site", "same-origin")]));
        assert!(!proven(&[]) && !proven(&[("sec-fetch-site", "none")]));
    }

    #[test]
    fn the_token_is_found_anywhere_in_the_form() {
        assert_eq!(csrf_token(b"a=1&csrf=xyz&b=2"), Some("xyz"));
        assert_eq!(csrf_token(b"xcsrf=1"), None);
        assert_eq!(csrf_token(b""), None);
    }
}
