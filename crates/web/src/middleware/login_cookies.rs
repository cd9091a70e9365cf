//! The cookies of the login besides the session's: the unfinished login that waits for a code, and the cookie by which
//! an account knows a browser that it logged in with.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use axum_extra::extract::CookieJar;
use secrecy::{ExposeSecret, SecretString};
use stoa_accounts::{Accounts, KNOWN_BROWSER_LIFETIME};

use super::auth::{add_cookie, cookie, removal};
use crate::ui::frame::is_https;

const FLOW_COOKIES: (&str, &str) = ("__Host-stoa_login", "stoa_login");
const KNOWN_COOKIES: (&str, &str) = ("__Host-stoa_known_", "stoa_known_");

const fn name(names: (&'static str, &'static str), https: bool) -> &'static str {
    if https { names.0 } else { names.1 }
}

/// The token of the unfinished login.
pub fn flow(headers: &HeaderMap) -> Option<SecretString> {
    let jar = CookieJar::from_headers(headers);
    jar.get(name(FLOW_COOKIES, is_https(headers))).map(|cookie| SecretString::from(cookie.value()))
}

/// Keeps an unfinished login until the browser is closed; the server ends it after some minutes.
pub fn set_flow(response: &mut Response, token: &SecretString, https: bool) {
    add_cookie(response, cookie(name(FLOW_COOKIES, https), token.expose_secret().to_owned(), https));
}

/// Removes the unfinished login.
pub fn clear_flow(response: &mut Response, https: bool) {
    add_cookie(response, removal(name(FLOW_COOKIES, https), https));
}

/// The cookie by which an account knows this browser; `suffix` tells accounts apart.
pub fn known_browser(headers: &HeaderMap, suffix: &str) -> Option<String> {
    let name = format!("{}{suffix}", name(KNOWN_COOKIES, is_https(headers)));
    CookieJar::from_headers(headers).get(&name).map(|cookie| cookie.value().to_owned())
}

/// [`known_browser`] for the account with this address.
pub fn known_browser_of(headers: &HeaderMap, email: &str) -> Option<String> {
    known_browser(headers, &Accounts::known_browser_cookie(email))
}

/// Makes the browser known to the account with this address.
pub fn remember_browser(response: &mut Response, accounts: &Accounts, email: &str, https: bool) {
    let name = format!("{}{}", name(KNOWN_COOKIES, https), Accounts::known_browser_cookie(email));
    let value = accounts.remember_browser(email).expose_secret().to_owned();
    let text = format!("{}; Max-Age={}", cookie(name, value, https), KNOWN_BROWSER_LIFETIME.as_secs());
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
