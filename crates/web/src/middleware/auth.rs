//! Authenticates requests.
//!
//! Pages use the session cookie, the API a bearer token, never the other way round: `/api` ignores cookies, so
//! no other website can call it on a person's behalf.
//!
//! Until the portal has a certificate it is served over plain HTTP, so that the operator can see why there is
//! none; the login page warns that the connection is not encrypted. A session created over plain HTTP is ended
//! at the first request over HTTPS, because its cookie was sent unencrypted. From then on the edge redirects to
//! HTTPS.
//!
//! A visitor without a session gets a random form token in a cookie of its own, which protects the login and
//! registration forms too (double-submit cookie).

use std::{borrow::Cow, net::IpAddr};

use axum::{
    body::Body,
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
use stoa_accounts::view::SessionView;
use stoa_core::{Credential, RequestContext};
use stoa_model::{ability::Ability, account::Actor, member::Member};
use tracing::Instrument;

use super::{is_api, limits::GuardedBody};
use crate::{
    ClientAddress,
    app::App,
    http_error::{ErrorKind, HttpError},
    ui::frame::is_https,
};

/// Who sends a request, and how, as known before any handler runs.
#[derive(Clone)]
pub struct RequestAuth {
    /// Who sends it.
    pub actor: Actor,
    /// How they authenticated.
    pub credential: Credential,
    /// The person behind a customer.
    pub member: Option<Member>,
    /// Client address.
    pub address: Option<IpAddr>,
    /// Client's user agent.
    pub agent: Option<String>,
    /// Request id.
    pub request_id: String,
    /// The session, if the request has one.
    pub session: Option<SessionView>,
    /// The session cookie's value.
    pub token: Option<SecretString>,
    /// The API token of the request.
    pub bearer: Option<SecretString>,
    /// The CSRF token that forms must carry.
    pub csrf: String,
    /// Whether the password is a temporary one, which has to be changed before anything else.
    pub must_change_password: bool,
    /// Whether the client uses HTTPS.
    pub https: bool,
    /// Why authentication could not be carried out.
    pub failure: Option<HttpError>,
}

impl RequestAuth {
    /// The result of [`authenticate`]; anonymous if it did not run.
    pub fn from_extensions(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(|| Self::anonymous(None, String::new()))
    }

    fn anonymous(address: Option<IpAddr>, request_id: String) -> Self {
        let (member, agent, session, failure) = (None, None, None, None);
        let (token, bearer) = (None, None);
        let (actor, https, csrf) = (Actor::Nobody, false, String::new());
        let (credential, must_change_password) = (Credential::None, false);
        Self {
            actor,
            credential,
            member,
            address,
            agent,
            request_id,
            session,
            token,
            bearer,
            csrf,
            must_change_password,
            https,
            failure,
        }
    }

    /// The request context for the service layer.
    pub fn request_context(&self, app: &App) -> RequestContext {
        let context = app.control.core.request_context(self.actor, self.address, self.request_id.clone());
        let credential = self.credential.clone();
        RequestContext { member: self.member, credential, agent: self.agent.clone(), ..context }
    }

    /// Requires that a token, if one was used, has this ability.
    ///
    /// # Errors
    /// [`stoa_core::Error::MissingAbility`] otherwise.
    pub fn require_ability(&self, ability: Ability) -> stoa_core::Result<()> {
        self.credential.require_ability(ability)
    }

    /// The context of a response that has been open for some time. It asks again whether the session or the token is
    /// good, and what the person may do.
    ///
    /// # Errors
    /// 401 once the session or the token has ended.
    pub async fn renew_context(&self, app: &App) -> Result<RequestContext, HttpError> {
        let mut auth = Self { actor: Actor::Nobody, member: None, session: None, ..self.clone() };
        if let Some(token) = &self.token {
            auth.enter(app.control.accounts.watch_session(token.expose_secret()).await?);
        } else if let Some(bearer) = &self.bearer {
            use_token(app, &mut auth, bearer.expose_secret()).await?;
        }
        if auth.actor == Actor::Nobody { Err(HttpError::unauthenticated()) } else { Ok(auth.request_context(app)) }
    }

    fn enter(&mut self, session: Option<SessionView>) {
        let Some(session) = session else { return };
        (self.actor, self.member) = (session.actor, session.member);
        self.must_change_password = session.must_change_password;
        self.credential = Credential::Session(session.credential);
        self.session = Some(session);
    }
}

/// The middleware.
pub async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let address = request.extensions().get::<ClientAddress>().map(|a| a.0);
    let path = request.uri().path().to_owned();
    let https = is_https(headers);
    let agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let mut auth = RequestAuth { https, agent, ..RequestAuth::anonymous(address, request_id(headers)) };
    // Whether the process lives has nothing to do with how busy it is.
    let place = (path != "/healthz").then(|| app.limits.enter(address)).transpose();
    let ended_unencrypted = if place.is_ok() && https && !is_api(&path) {
        end_unencrypted_session(&app, &auth, headers).await
    } else {
        false
    };
    let duplicate = duplicate_cookie(headers, https).filter(|_| !is_api(&path) && !path.starts_with("/assets/"));
    let outcome = if let Err(error) = &place {
        Err(error.clone())
    } else if let Some(name) = duplicate {
        Err(HttpError::new(ErrorKind::DuplicateCookies, format!("Your browser sent the cookie {name} more than once.")))
    } else if is_api(&path) {
        authenticate_token(&app, &mut auth, headers).await
    } else if path.starts_with("/assets/") {
        Ok(())
    } else {
        authenticate_session(&app, &mut auth, headers, https).await
    };
    auth.failure = outcome.err();
    let new_token = (auth.failure.is_none() && auth.csrf.is_empty()).then(random_token);
    if let Some(token) = &new_token {
        auth.csrf.clone_from(token);
    }
    let span = tracing::info_span!("request", id = auth.request_id, method = %request.method(), path = stoa_util::path_for_log(&path));
    let request_id = HeaderValue::from_str(&auth.request_id);
    request.extensions_mut().insert(app.limits.of_body(auth.actor));
    request.extensions_mut().insert(auth);
    let response = next.run(request).instrument(span).await;
    let mut response = response.map(|body| Body::new(GuardedBody::new(body, place)));
    if let Ok(request_id) = request_id {
        response.headers_mut().insert("x-request-id", request_id);
    }
    if ended_unencrypted {
        add_cookie(&mut response, removal(session_cookie(false), false));
    }
    if let Some(name) = duplicate {
        let whole_domain = app.control.settings().base_domain.to_string();
        add_cookie(&mut response, removal(name, https));
        add_cookie(&mut response, Cookie::build(removal(name, https)).domain(whole_domain).build());
    }
    if let Some(token) = new_token.filter(|_| is_page(&response)) {
        add_cookie(&mut response, cookie(form_cookie(https), token, https));
    }
    response
}

/// One of the portal's own cookies that the request carries more than once. Without HTTPS a site on a subdomain can set
/// them for the whole domain, and nothing says which of them is ours: the request is refused.
fn duplicate_cookie(headers: &HeaderMap, https: bool) -> Option<&'static str> {
    let count = |name: &str| {
        let lines =
            headers.get_all(header::COOKIE).into_iter().filter_map(|line| std::str::from_utf8(line.as_bytes()).ok());
        let names = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.split('=').next());
        names.filter(|found| found.trim() == name).count()
    };
    [session_cookie(https), form_cookie(https)].into_iter().find(|name| count(name) > 1)
}

/// The request id set by the edge, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let is_valid =
        |id: &&str| (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let given = headers.get("x-request-id").and_then(|v| v.to_str().ok()).filter(is_valid);
    given.map_or_else(|| hex::encode(rand::random::<[u8; 10]>()), str::to_owned)
}

async fn authenticate_token(app: &App, auth: &mut RequestAuth, headers: &HeaderMap) -> Result<(), HttpError> {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let Some((scheme, token)) = given.and_then(|v| v.split_once(' ')) else { return Ok(()) };
    if scheme.eq_ignore_ascii_case("bearer") {
        use_token(app, auth, token.trim()).await?;
    }
    Ok(())
}

async fn use_token(app: &App, auth: &mut RequestAuth, token: &str) -> Result<(), HttpError> {
    let Some(owner) = app.control.accounts.token_owner(token).await? else { return Ok(()) };
    (auth.actor, auth.member) = (owner.actor, owner.member);
    auth.must_change_password = owner.must_change_password;
    auth.credential = Credential::Token(owner.id, owner.abilities);
    auth.bearer = Some(SecretString::from(token));
    Ok(())
}

async fn authenticate_session(
    app: &App,
    auth: &mut RequestAuth,
    headers: &HeaderMap,
    https: bool,
) -> Result<(), HttpError> {
    let jar = CookieJar::from_headers(headers);
    if let Some(token) = jar.get(session_cookie(https)).map(Cookie::value)
        && let Some(session) = app.control.accounts.session(token).await?
    {
        auth.csrf.clone_from(&session.csrf);
        auth.token = Some(SecretString::from(token));
        auth.enter(Some(session));
    } else if let Some(token) = jar.get(form_cookie(https)).map(Cookie::value).filter(|t| t.len() == 43) {
        auth.csrf = token.to_owned();
    }
    Ok(())
}

/// Ends the session that was created over plain HTTP, if the browser still has one.
async fn end_unencrypted_session(app: &App, auth: &RequestAuth, headers: &HeaderMap) -> bool {
    let jar = CookieJar::from_headers(headers);
    let Some(token) = jar.get(session_cookie(false)).map(Cookie::value) else { return false };
    if let Ok(Some(session)) = app.control.accounts.session(token).await {
        let cx = app.control.core.request_context(session.actor, auth.address, auth.request_id.clone());
        if let Err(error) = app.control.accounts.log_out(&cx, token).await {
            tracing::warn!(%error, "could not end a session that was created over plain HTTP");
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

/// Over HTTPS, the `__Host-` prefix keeps sites on subdomains from setting the cookie.
pub const fn session_cookie(https: bool) -> &'static str {
    if https { "__Host-stoa" } else { "stoa" }
}

const fn form_cookie(https: bool) -> &'static str {
    if https { "__Host-stoa_form" } else { "stoa_form" }
}

/// A cookie that scripts can't read and other sites' forms don't send.
pub(super) fn cookie(name: impl Into<Cow<'static, str>>, value: String, https: bool) -> Cookie<'static> {
    Cookie::build((name.into(), value)).path("/").http_only(true).same_site(SameSite::Lax).secure(https).build()
}

/// Sets the session cookie and removes the form token of the anonymous visitor.
pub fn set_session(response: &mut Response, token: &SecretString, https: bool) {
    add_cookie(response, cookie(session_cookie(https), token.expose_secret().to_owned(), https));
    add_cookie(response, removal(form_cookie(https), https));
}

/// Removes the session cookie.
pub fn clear_session(response: &mut Response, https: bool) {
    add_cookie(response, removal(session_cookie(https), https));
}

pub(super) fn removal(name: &'static str, https: bool) -> Cookie<'static> {
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
    fn only_well_formed_request_ids_are_accepted() {
        let with = |id: &str| HeaderMap::from_iter([("x-request-id".parse().unwrap(), id.parse().unwrap())]);
        assert_eq!(request_id(&with("0123-abcd")), "0123-abcd");
        for hostile in ["short", "<script>alert</script>", &"x".repeat(65)] {
            assert_eq!(request_id(&with(hostile)).len(), 20, "{hostile}");
        }
    }

    fn appended(lines: impl Iterator<Item = (header::HeaderName, HeaderValue)>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.extend(lines);
        headers
    }

    #[test]
    fn cookies_of_ours_that_come_twice_are_noticed() {
        let of = |lines: &[&str], https| {
            let headers = lines.iter().map(|line| (header::COOKIE, line.parse().unwrap()));
            duplicate_cookie(&appended(headers), https)
        };
        assert_eq!(of(&["stoa=a; shop=b; shop=c", "theme=d"], false), None);
        assert_eq!(of(&["stoa=a; stoa=b"], false), Some("stoa"));
        assert_eq!(of(&["stoa=a", "x=y;stoa =b"], false), Some("stoa"), "HTTP/2 sends a line for each");
        assert_eq!(of(&["stoa_form=a; stoa_form=a"], false), Some("stoa_form"));
        assert_eq!(of(&["stoa=a; stoa=b"], true), None, "over HTTPS these are not ours");
    }

    #[test]
    fn tokens_differ() {
        assert_ne!(random_token(), random_token());
        assert_eq!(random_token().len(), 43);
    }
}
