//! Redirects to HTTPS, or to a site's other name.
//!
//! The host of a `Location` is always a name of the routing table, never what the client wrote, so
//! nobody can be sent to a foreign place; the path and the query are the client's own.

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, LOCATION},
    request::Parts,
};

use crate::config::Config;

/// Why a client is redirected, and so for how long it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirect {
    /// The same name requires HTTPS: permanent, and cached for an hour, so that a site that gives HTTPS up is not stuck
    /// with it.
    ToHttps,
    /// Another name is the main one, for now. Never stored: when the two change places, a browser that remembers both
    /// ways would go round in circles.
    ToOtherName,
}

impl Redirect {
    /// GET and HEAD may be repeated as GET; everything else keeps its method and body (RFC 9110 15.4).
    fn status(self, method: &Method) -> StatusCode {
        match (self, matches!(*method, Method::GET | Method::HEAD)) {
            (Self::ToHttps, true) => StatusCode::MOVED_PERMANENTLY,
            (Self::ToHttps, false) => StatusCode::PERMANENT_REDIRECT,
            (Self::ToOtherName, true) => StatusCode::FOUND,
            (Self::ToOtherName, false) => StatusCode::TEMPORARY_REDIRECT,
        }
    }

    const fn cache_control(self) -> HeaderValue {
        match self {
            Self::ToHttps => HeaderValue::from_static("max-age=3600"),
            Self::ToOtherName => HeaderValue::from_static("no-store"),
        }
    }
}

/// The response that redirects the client of `parts` to the same path at `host`.
pub(crate) fn redirect_to(why: Redirect, host: &str, https: bool, parts: &Parts, config: &Config) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = why.status(&parts.method);
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    match HeaderValue::try_from(location_url(host, https, target, config)) {
        Ok(location) => response.headers_mut().insert(LOCATION, location),
        // Can't happen, as only visible ASCII is written. No address is better than a broken
        // one.
        Err(_) => None,
    };
    response.headers_mut().insert(CACHE_CONTROL, why.cache_control());
    response
}

fn location_url(host: &str, https: bool, target: &str, config: &Config) -> String {
    let (scheme, port, usual) =
        if https { ("https", config.public_https_port, 443) } else { ("http", Some(config.public_http_port), 80) };
    let mut location = format!("{scheme}://{host}");
    if let Some(port) = port.filter(|port| *port != usual) {
        location += &format!(":{port}");
    }
    if !target.starts_with('/') {
        // `*`, as in `OPTIONS *`, or only a query.
        location.push('/');
    }
    let target = if target == "*" { "" } else { target };
    for byte in target.bytes() {
        if byte.is_ascii_graphic() { location.push(char::from(byte)) } else { location += &format!("%{byte:02X}") }
    }
    location
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn sent(method: Method, target: &str, https: bool, config: &Config) -> (u16, String) {
        let request = Request::builder().method(method).uri(target).body(()).expect("a request");
        let response = redirect_to(Redirect::ToHttps, "shop.example.com", https, &request.into_parts().0, config);
        let location = response.headers()[LOCATION].to_str().expect("visible ASCII").to_owned();
        (response.status().as_u16(), location)
    }

    #[test]
    fn the_method_decides_the_status() {
        let config = Config { public_https_port: Some(443), ..Config::default() };
        for (method, status) in [
            (Method::GET, 301),
            (Method::HEAD, 301),
            (Method::POST, 308),
            (Method::PUT, 308),
            (Method::DELETE, 308),
            (Method::OPTIONS, 308),
        ] {
            assert_eq!(sent(method, "/a?b=c", true, &config), (status, "https://shop.example.com/a?b=c".into()));
        }
    }

    #[test]
    fn redirects_between_names_are_not_remembered() {
        for (method, status) in [(Method::GET, 302), (Method::HEAD, 302), (Method::POST, 307), (Method::DELETE, 307)] {
            let parts = Request::builder().method(method).uri("/").body(()).expect("a request").into_parts().0;
            let response = redirect_to(Redirect::ToOtherName, "shop.example.com", true, &parts, &Config::default());
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        }
    }

    #[test]
    fn unusual_ports_are_named() {
        let config = Config { public_https_port: Some(8443), public_http_port: 8080, ..Config::default() };
        assert_eq!(sent(Method::GET, "/", true, &config).1, "https://shop.example.com:8443/");
        assert_eq!(sent(Method::GET, "/", false, &config).1, "http://shop.example.com:8080/");
        let usual = Config { public_https_port: None, ..Config::default() };
        assert_eq!(sent(Method::GET, "/", true, &usual).1, "https://shop.example.com/");
        assert_eq!(sent(Method::GET, "/", false, &usual).1, "http://shop.example.com/");
    }

    #[test]
    fn no_target_leads_elsewhere() {
        let config = Config::default();
        for (target, expected) in [
            ("//evil.example/", "https://shop.example.com//evil.example/"),
            ("/\\evil.example", "https://shop.example.com/\\evil.example"),
            ("http://evil.example/x", "https://shop.example.com/x"),
            ("http://evil.example", "https://shop.example.com/"),
            ("http://evil.example?q", "https://shop.example.com/?q"),
            ("/@evil.example", "https://shop.example.com/@evil.example"),
            ("*", "https://shop.example.com/"),
            ("/%0d%0aSet-Cookie:x", "https://shop.example.com/%0d%0aSet-Cookie:x"),
            ("/ä", "https://shop.example.com/%C3%A4"),
        ] {
            assert_eq!(sent(Method::GET, target, true, &config).1, expected, "{target}");
        }
    }
}
