//! JSON over HTTP to a vendor's API: bounded in time and size, its answers sorted into what may be
//! tried again and what must be changed first. No redirect is followed: the credentials would go
//! along.

use std::{error::Error as _, fmt::Write as _, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri,
    header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::Fault;

/// The most that an answer may weigh; a page of a hundred records is about 60 KiB.
const MAX_ANSWER: usize = 1024 * 1024;
/// The longest that one request may take.
const MAX_REQUEST: Duration = Duration::from_secs(10);

/// An API and our credentials for it.
pub(super) struct Api {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    credentials: (HeaderName, HeaderValue),
}

impl Api {
    /// `base` is what all paths are put behind. The credentials are the whole value of the header.
    ///
    /// # Errors
    /// If one of them can't be used, or this machine trusts nobody.
    pub fn new(base: &str, header: HeaderName, credentials: &str) -> Result<Self, Fault> {
        let base = base.trim_end_matches('/').to_owned();
        let url = base.parse::<Uri>().ok().filter(|url| {
            matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some() && url.query().is_none()
        });
        if url.is_none() {
            return Err(Fault::permanent(format!("{base} is no address of an API; give it as https://HOST/PATH")));
        }
        let mut value = HeaderValue::from_str(credentials).map_err(|_| {
            Fault::permanent("the token has characters that no token has; copy it again, without line breaks")
        })?;
        value.set_sensitive(true);
        Ok(Self { client: client()?, base, credentials: (header, value) })
    }

    /// Makes a request. Nothing when there is no such thing (404).
    ///
    /// # Errors
    /// If it failed, or the answer is not as expected.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Option<T>, Fault> {
        let what = format!("{method} {}{path}", self.base);
        let (status, headers, answer) = tokio::time::timeout(MAX_REQUEST, self.exchange(&what, method, path, body))
            .await
            .unwrap_or_else(|_| Err(Fault::transient(format!("{what}: no answer within {MAX_REQUEST:?}"))))?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(refusal(&what, status, &headers, &answer));
        }
        let answer: &[u8] = if answer.is_empty() { b"null" } else { &answer };
        let read = serde_json::from_slice(answer);
        read.map(Some).map_err(|error| Fault::transient(format!("{what}: the answer makes no sense: {error}")))
    }

    async fn exchange(
        &self,
        what: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Fault> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(self.credentials.0.clone(), self.credentials.1.clone())
            .header(USER_AGENT, concat!("stoa/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Fault::permanent(format!("{what}: the request can't be built: {error}")))?;
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| Fault::transient(format!("{what}: {}", causes(&error))))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| Fault::transient(format!("{what}: the answer broke off: {error}")))?;
        Ok((parts.status, parts.headers, body.to_bytes()))
    }
}

fn client() -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, Fault> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::permanent(format!("setting TLS up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(Duration::from_secs(5)));
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().enable_http2();
    let builder = &mut Client::builder(TokioExecutor::new());
    Ok(builder.pool_idle_timeout(Duration::from_secs(30)).build(https.wrap_connector(tcp)))
}

/// What an answer that is no success means for us.
fn refusal(what: &str, status: StatusCode, headers: &HeaderMap, answer: &[u8]) -> Fault {
    let said = said(answer);
    match status.as_u16() {
        401 | 403 => Fault::permanent(format!(
            "{what}: the credentials are refused ({status}: {said}); give some that may change this zone, see docs/dns.md"
        )),
        429 => {
            let wait = headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
            let wait = wait.map(|wait| format!(", again after {wait} seconds")).unwrap_or_default();
            Fault::transient(format!("{what}: too many requests{wait} ({said})"))
        }
        // Somebody else changes the zone at this moment.
        408 | 409 | 423 | 500.. => Fault::transient(format!("{what}: answered {status}: {said}")),
        _ => Fault::permanent(format!("{what}: answered {status}: {said}")),
    }
}

/// What the vendor says about it: the texts in its answer, or the beginning of what is no JSON.
fn said(answer: &[u8]) -> String {
    let mut texts = Vec::new();
    match serde_json::from_slice(answer) {
        Ok(value) => collect(&value, &mut texts),
        Err(_) => texts.push(String::from_utf8_lossy(&answer[..answer.len().min(1000)]).into_owned()),
    }
    let text = texts.join("; ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect::<String>();
    if text.is_empty() { "without a word".into() } else { text }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| collect(value, texts)),
        Value::Object(map) => map.values().for_each(|value| collect(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An error with its causes: the outermost alone says just "client error (Connect)".
fn causes(error: &hyper_util::client::legacy::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

/// A value for a path or a query (RFC 3986 2.3).
pub(super) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            // Writing to a text can't fail.
            _ => write!(encoded, "%{byte:02X}").unwrap_or_default(),
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_sorted_into_again_and_never() {
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
    fn what_a_vendor_says_is_short_and_one_line() {
        assert_eq!(said(b"<html>\n <b>Login</b>"), "<html> <b>Login</b>");
        assert_eq!(said(br#"[{},{"ttl":["too low"]}]"#), "too low");
        assert_eq!(said(b""), "without a word");
        assert_eq!(said(&[b'x'; 5000]).len(), 300);
    }

    #[test]
    fn addresses_and_tokens_that_can_not_be_used_are_told() {
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
