//! What the edge itself says: one calm page for people, RFC 9457 problem details for programs.
//!
//! Nothing on a page comes from the request, so nothing can be smuggled into it. The policy allows
//! one style sheet by its hash and nothing else: no script, no image, no frame, no form. Nothing
//! is cached, as each of these states is meant to pass.

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{
        ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};
use sha2::{Digest, Sha256};
use stoa_model::route::Notice;

use crate::host::BadHost;

/// Why the edge answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    BadHost(BadHost),
    UnknownHost,
    /// `CONNECT`: the edge is no forward proxy.
    NoTunnels,
    /// The connection was opened for another name (RFC 9110 15.5.20).
    Misdirected,
    TooLarge,
    BadBody,
    Unreachable,
    TimedOut,
    Notice(Notice),
}

impl Page {
    /// Status, title and one sentence that says what to do next.
    fn words(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadHost(why) => (StatusCode::BAD_REQUEST, "Bad request", why.explain()),
            Self::UnknownHost => (
                StatusCode::NOT_FOUND,
                "No site here",
                "There is no site at this address. Check the spelling, or ask whoever gave it to you.",
            ),
            Self::NoTunnels => (
                StatusCode::METHOD_NOT_ALLOWED,
                "Method not allowed",
                "This server does not open tunnels to other hosts.",
            ),
            Self::Misdirected => (
                StatusCode::MISDIRECTED_REQUEST,
                "Wrong connection",
                "This connection was opened for another site. Open a new one for this address.",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too large",
                "The upload is larger than this site accepts. Try a smaller file.",
            ),
            Self::BadBody => (
                StatusCode::BAD_REQUEST,
                "Bad request",
                "The body of the request ended early or was malformed. Send it again.",
            ),
            Self::Unreachable => (
                StatusCode::BAD_GATEWAY,
                "The site does not answer",
                "Something is wrong at our end. Please try again in a few minutes.",
            ),
            Self::TimedOut => (
                StatusCode::GATEWAY_TIMEOUT,
                "The site took too long",
                "It did not answer in time. Please try again in a few minutes.",
            ),
            Self::Notice(Notice::Starting) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Starting up",
                "This site is being started. The page appears by itself in a moment.",
            ),
            Self::Notice(Notice::Stopped) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "This site is stopped",
                "Its owner has stopped it. Please come back later.",
            ),
            Self::Notice(Notice::Suspended) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "This site is not available",
                "If it is yours, sign in to your account to see why.",
            ),
            Self::Notice(Notice::Maintenance) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Back in a moment",
                "This site is being maintained. Please try again in a few minutes.",
            ),
            Self::Notice(Notice::OverQuota) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "This site has reached its limit",
                "It has used up its traffic for this month. If it is yours, sign in to your account to raise the limit.",
            ),
        }
    }

    /// The whole response, in the form that the client prefers.
    pub(crate) fn response(self, accept: Accept) -> Response<Bytes> {
        let (status, title, detail) = self.words();
        let (kind, body) = match accept {
            Accept::Html => ("text/html; charset=utf-8", self.html(status, title, detail)),
            Accept::Json => ("application/problem+json", problem(status, title, detail)),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("accept"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
        match self {
            Self::Notice(Notice::Starting) => headers.insert(RETRY_AFTER, HeaderValue::from_static("2")),
            Self::Notice(Notice::Maintenance) => headers.insert(RETRY_AFTER, HeaderValue::from_static("30")),
            Self::NoTunnels => {
                headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"))
            }
            _ => None,
        };
        response
    }

    fn html(self, status: StatusCode, title: &str, detail: &str) -> String {
        let refresh =
            if self == Self::Notice(Notice::Starting) { "\n<meta http-equiv=\"refresh\" content=\"2\">" } else { "" };
        include_str!("page.html")
            .replace("{refresh}", refresh)
            .replace("{style}", STYLE)
            .replace("{status}", status.as_str())
            .replace("{title}", title)
            .replace("{detail}", detail)
    }
}

fn problem(status: StatusCode, title: &str, detail: &str) -> String {
    serde_json::json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail })
        .to_string()
}

const STYLE: &str = include_str!("page.css");

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// The form of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accept {
    Html,
    Json,
}

impl Accept {
    /// JSON only if the client names it and does not like HTML better.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let (mut html, mut json) = (0.0, 0.0);
        for range in crate::headers::tokens(headers, &ACCEPT) {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(|p| p.strip_prefix("q=")).map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
            match kind.as_str() {
                "text/html" | "application/xhtml+xml" => html = quality.max(html),
                "application/json" | "application/problem+json" => json = quality.max(json),
                _ => {}
            }
        }
        if json > html { Self::Json } else { Self::Html }
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;

    use super::*;

    #[test]
    fn json_is_for_those_who_ask_for_it() {
        for (accept, expected) in [
            ("*/*", Accept::Html),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Accept::Html),
            ("application/json", Accept::Json),
            ("application/json, text/plain, */*", Accept::Json),
            ("text/html;q=0.5, application/problem+json", Accept::Json),
            ("application/json;q=0.2, text/html", Accept::Html),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(Accept::of(&headers), expected, "{accept}");
        }
        assert_eq!(Accept::of(&HeaderMap::new()), Accept::Html);
    }

    #[test]
    fn the_starting_page_reloads_itself() {
        let response = Page::Notice(Notice::Starting).response(Accept::Html);
        let text = String::from_utf8_lossy(response.body()).into_owned();
        assert!(text.contains("http-equiv=\"refresh\" content=\"2\""), "{text}");
        assert!(!text.contains('{') || text.contains(STYLE), "an unfilled place in {text}");
        assert_eq!(response.headers()[RETRY_AFTER], "2");
    }

    #[test]
    fn no_page_has_a_script_or_a_fixed_width() {
        let text = Page::UnknownHost.html(StatusCode::NOT_FOUND, "t", "d");
        assert!(!text.contains("<script") && !text.contains("style=") && !STYLE.contains(";width:3"), "{text}");
    }
}
