//! JSON over HTTP to a DNS provider's API. Failures are sorted into those that may pass and those
//! that somebody has to fix first.

use std::{fmt::Write as _, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri,
    header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER},
    uri::Scheme,
};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stoa_util::error_chain;

use super::error::Failure;
use crate::http_client::{HttpClient, HttpClientConfig, excerpt, one_line};

/// A page of a hundred records is about 60 KiB.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;
const MAX_REQUEST_DURATION: Duration = Duration::from_secs(10);
const MAX_EXCERPT_CHARS: usize = 300;

/// An API and our credentials for it.
pub(super) struct Api {
    client: HttpClient,
    base: String,
    credentials: (HeaderName, HeaderValue),
}

impl Api {
    /// `base` goes before all paths. `credentials` is the whole value of the header.
    ///
    /// # Errors
    /// If one of them can't be used, or this machine trusts no certificate authority.
    pub fn new(base: &str, header: HeaderName, credentials: &str) -> Result<Self, Failure> {
        let base = base.trim_end_matches('/').to_owned();
        let url = base.parse::<Uri>().ok().filter(|url| url.host().is_some() && url.query().is_none());
        let scheme =
            url.as_ref().and_then(Uri::scheme).filter(|&scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let Some(scheme) = scheme else {
            return Err(Failure::permanent(format!("{base} is not the URL of an API; give it as https://HOST/PATH")));
        };
        let mut value = HeaderValue::from_str(credentials).map_err(|_| {
            Failure::permanent("the token has characters that no token has; copy it again, without line breaks")
        })?;
        value.set_sensitive(true);
        let config = HttpClientConfig {
            extra_roots: None,
            allows_plaintext: *scheme == Scheme::HTTP,
            request_timeout: MAX_REQUEST_DURATION,
            max_response_bytes: MAX_RESPONSE_BYTES,
        };
        let client = HttpClient::new(&config).map_err(|error| Failure::permanent(error_chain(&error)))?;
        Ok(Self { client, base, credentials: (header, value) })
    }

    /// Makes a request; `None` where the server says that there is no such thing (404).
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Option<T>, Failure> {
        let what = format!("{method} {}{path}", self.base);
        let request = self
            .request(method, path, body)
            .map_err(|error| Failure::permanent(format!("{what}: the request can't be built: {error}")))?;
        let sent = self.client.send(request).await;
        let (parts, body) = sent.map_err(|error| Failure::transient(format!("{what}: {}", error_chain(&error))))?;
        if parts.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !parts.status.is_success() {
            return Err(refusal(&what, parts.status, &parts.headers, &body));
        }
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        let parsed = serde_json::from_slice(body);
        parsed.map(Some).map_err(|error| Failure::transient(format!("{what}: unexpected response: {error}")))
    }

    fn request(&self, method: Method, path: &str, body: Option<Value>) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(self.credentials.0.clone(), self.credentials.1.clone())
            .header(ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::from(body.map(|body| body.to_string()).unwrap_or_default()))
    }
}

/// What an unsuccessful response means for us.
fn refusal(what: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    let explanation = explanation(body);
    match status.as_u16() {
        401 | 403 => Failure::permanent(format!(
            "{what}: the credentials are refused ({status}: {explanation}); give some that may change this zone, see docs/dns.md"
        )),
        429 => {
            let wait = headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
            let wait = wait.map(|wait| format!(", again after {wait} seconds")).unwrap_or_default();
            Failure::transient(format!("{what}: too many requests{wait} ({explanation})"))
        }
        // 409 and 423: somebody else is changing the zone.
        408 | 409 | 423 | 500.. => Failure::transient(format!("{what}: answered {status}: {explanation}")),
        _ => Failure::permanent(format!("{what}: answered {status}: {explanation}")),
    }
}

/// The texts in a JSON response, or the beginning of any other.
fn explanation(body: &[u8]) -> String {
    let text = match serde_json::from_slice(body) {
        Ok(value) => {
            let mut texts = Vec::new();
            collect(&value, &mut texts);
            one_line(&texts.join("; "), MAX_EXCERPT_CHARS)
        }
        Err(_) => excerpt(body, MAX_EXCERPT_CHARS),
    };
    if text.is_empty() { "without an explanation".into() } else { text }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| collect(value, texts)),
        Value::Object(map) => map.values().for_each(|value| collect(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Percent-encodes a value for a path or a query (RFC 3986 2.3).
pub(super) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            // Writing to a string can't fail.
            _ => write!(encoded, "%{byte:02X}").unwrap_or_default(),
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_sorted_into_transient_and_permanent() {
        let fault = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            refusal("GET x", status, &HeaderMap::new(), br#"{"errors":[{"code":7,"message":"because"}]}"#)
        };
        for (status, transient) in [(400, false), (401, false), (403, false), (422, false), (301, false)] {
            assert_eq!(fault(status).transient, transient, "{status}");
        }
        for status in [408, 409, 423, 429, 500, 502, 503] {
            assert!(fault(status).transient, "{status}");
        }
        assert!(fault(400).reason.contains("because"), "{:?}", fault(400));
    }

    #[test]
    fn explanations_are_short_and_one_line() {
        assert_eq!(explanation(b"<html>\n <b>Login</b>"), "<html> <b>Login</b>");
        assert_eq!(explanation(br#"[{},{"ttl":["too low"]}]"#), "too low");
        assert_eq!(explanation(b""), "without an explanation");
        assert_eq!(explanation(&[b'x'; 5000]).len(), 300);
    }

    #[test]
    fn unusable_urls_and_tokens_are_refused_without_printing_the_token() {
        for (base, token) in [("ftp://x", "t"), ("nonsense", "t"), ("https://x?y", "t"), ("https://x", "a\nb")] {
            let fault = Api::new(base, ACCEPT, token).err().expect("it can't be used");
            assert!(!fault.transient && !fault.reason.contains("a\nb"), "{fault:?}");
        }
    }

    #[test]
    fn values_are_encoded() {
        assert_eq!(encode("*._a.b-c~d/é"), "%2A._a.b-c~d%2F%C3%A9");
    }
}
