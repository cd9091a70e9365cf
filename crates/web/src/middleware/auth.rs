//! Who asks, from where, and under which number.
//!
//! People are known by the session cookie, programs by a bearer token, and never the other way
//! round: `/api` does not look at cookies, so no foreign page can use it in somebody's name.
//!
//! HTTPS: what came over it is bound to it. Until a platform's own certificate is there its portal
//! answers over plain HTTP, as its operator must be able to see why there is none; the login says
//! that it is not encrypted. A session that began like that ends with the first visit over HTTPS, as
//! its cookie went over the wire in clear. From then on the edge sends everybody to HTTPS.
//!
//! Whoever is not logged in gets a random form token in a cookie of its own, so that the login
//! and registration forms are protected too (double submit).

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{Extensions, HeaderMap, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use secrecy::{ExposeSecret, SecretString};
use stoa_control::{RequestContext, view::SessionView};
use stoa_model::account::Actor;
use tracing::Instrument;

use super::is_api;
use crate::{ClientAddress, app::App, fault::Fault, ui::frame::is_https};

/// What is known of a request before any handler sees it.
#[derive(Clone)]
pub struct Visit {
    /// Who asks.
    pub actor: Actor,
    /// From where.
    pub address: Option<IpAddr>,
    /// Its number.
    pub request_id: String,
    /// The session, if a person is logged in.
    pub session: Option<SessionView>,
    /// The session cookie's value.
    pub token: Option<SecretString>,
    /// The token that forms must carry.
    pub csrf: String,
    /// Whether it came over HTTPS.
    pub https: bool,
    /// Why it could not be found out who asks.
    pub broken: Option<Fault>,
}

impl Visit {
    /// The visit that [`begin`] noted; nobody's, if it did not run.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(|| Self::nobody(None, String::new()))
    }

    fn nobody(address: Option<IpAddr>, request_id: String) -> Self {
        let (session, token, broken) = (None, None, None);
        let (https, csrf) = (false, String::new());
        Self { actor: Actor::Nobody, address, request_id, session, token, csrf, https, broken }
    }

    /// The context for the service layer.
    pub fn request_context(&self, app: &App) -> RequestContext {
        app.control.request_context(self.actor, self.address, self.request_id.clone())
    }
}

/// The middleware.
pub async fn begin(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let address = request.extensions().get::<ClientAddress>().map(|a| a.0);
    let path = request.uri().path().to_owned();
    let https = is_https(headers);
    let mut visit = Visit { https, ..Visit::nobody(address, request_id(headers)) };
    let in_clear = if https && !is_api(&path) { end_in_clear(&app, &visit, headers).await } else { false };
    let known = if is_api(&path) {
        bearer(&app, &mut visit, headers).await
    } else if path.starts_with("/assets/") {
        Ok(())
    } else {
        session(&app, &mut visit, headers, https).await
    };
    visit.broken = known.err();
    let new_token = visit.csrf.is_empty().then(random_token);
    if let Some(token) = &new_token {
        visit.csrf.clone_from(token);
    }
    let span = tracing::info_span!("request", id = visit.request_id, method = %request.method(), path);
    let number = HeaderValue::from_str(&visit.request_id);
    request.extensions_mut().insert(visit);
    let mut response = next.run(request).instrument(span).await;
    if let Ok(number) = number {
        response.headers_mut().insert("x-request-id", number);
    }
    if in_clear {
        add_cookie(&mut response, ended(session_cookie(false), false));
    }
    if let Some(token) = new_token.filter(|_| is_page(&response)) {
        add_cookie(&mut response, cookie(form_cookie(https), token, https));
    }
    response
}

/// The number that our edge gave, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let fits = |id: &&str| (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let given = headers.get("x-request-id").and_then(|v| v.to_str().ok()).filter(fits);
    given.map_or_else(|| hex::encode(rand::random::<[u8; 10]>()), str::to_owned)
}

async fn bearer(app: &App, visit: &mut Visit, headers: &HeaderMap) -> Result<(), Fault> {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let Some((scheme, token)) = given.and_then(|v| v.split_once(' ')) else { return Ok(()) };
    if scheme.eq_ignore_ascii_case("bearer")
        && let Some(actor) = app.control.token_actor(token.trim()).await?
    {
        visit.actor = actor;
    }
    Ok(())
}

async fn session(app: &App, visit: &mut Visit, headers: &HeaderMap, https: bool) -> Result<(), Fault> {
    let jar = CookieJar::from_headers(headers);
    if let Some(token) = jar.get(session_cookie(https)).map(Cookie::value)
        && let Some(session) = app.control.session(token).await?
    {
        visit.actor = session.actor;
        visit.csrf.clone_from(&session.csrf);
        visit.token = Some(SecretString::from(token));
        visit.session = Some(session);
    } else if let Some(token) = jar.get(form_cookie(https)).map(Cookie::value).filter(|t| t.len() == 43) {
        visit.csrf = token.to_owned();
    }
    Ok(())
}

/// Ends the session that began before there was HTTPS, if the browser still has one.
async fn end_in_clear(app: &App, visit: &Visit, headers: &HeaderMap) -> bool {
    let jar = CookieJar::from_headers(headers);
    let Some(token) = jar.get(session_cookie(false)).map(Cookie::value) else { return false };
    if let Ok(Some(session)) = app.control.session(token).await {
        let cx = app.control.request_context(session.actor, visit.address, visit.request_id.clone());
        if let Err(error) = app.control.log_out(&cx, token).await {
            tracing::warn!(%error, "a session that went over the wire in clear could not be ended");
        }
    }
    true
}

fn is_page(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"text/html"))
}

/// 256 random bits, URL-safe.
fn random_token() -> String {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// Over https the `__Host-` prefix keeps the sites under the same domain from planting a cookie.
pub const fn session_cookie(https: bool) -> &'static str {
    if https { "__Host-stoa" } else { "stoa" }
}

const fn form_cookie(https: bool) -> &'static str {
    if https { "__Host-stoa_form" } else { "stoa_form" }
}

/// A cookie that scripts can't read and other sites can't send along with a form.
fn cookie(name: &'static str, value: String, https: bool) -> Cookie<'static> {
    Cookie::build((name, value)).path("/").http_only(true).same_site(SameSite::Lax).secure(https).build()
}

/// Begins the session in the browser. The form token of the time before is dropped.
pub fn remember(response: &mut Response, token: &SecretString, https: bool) {
    add_cookie(response, cookie(session_cookie(https), token.expose_secret().to_owned(), https));
    add_cookie(response, ended(form_cookie(https), https));
}

/// Ends the session in the browser.
pub fn forget(response: &mut Response, https: bool) {
    add_cookie(response, ended(session_cookie(https), https));
}

fn ended(name: &'static str, https: bool) -> Cookie<'static> {
    let mut cookie = cookie(name, String::new(), https);
    cookie.make_removal();
    cookie
}

/// Adds a cookie to a response.
pub fn add_cookie(response: &mut Response, cookie: Cookie<'_>) {
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_out_of_reach_of_scripts_and_other_sites() {
        let https = cookie(session_cookie(true), "x".into(), true).to_string();
        assert_eq!(https, "__Host-stoa=x; HttpOnly; SameSite=Lax; Secure; Path=/");
        let http = cookie(session_cookie(false), "x".into(), false).to_string();
        assert_eq!(http, "stoa=x; HttpOnly; SameSite=Lax; Path=/");
    }

    #[test]
    fn only_harmless_request_numbers_are_taken_over() {
        let with = |id: &str| HeaderMap::from_iter([("x-request-id".parse().unwrap(), id.parse().unwrap())]);
        assert_eq!(request_id(&with("0123-abcd")), "0123-abcd");
        for hostile in ["short", "<script>alert</script>", &"x".repeat(65)] {
            assert_eq!(request_id(&with(hostile)).len(), 20, "{hostile}");
        }
    }

    #[test]
    fn tokens_differ() {
        assert_ne!(random_token(), random_token());
        assert_eq!(random_token().len(), 43);
    }
}
