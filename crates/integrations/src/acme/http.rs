//! HTTP to the CA: bounded in time and size, and with the answers sorted before the ACME library
//! sees them. What the library can't express (rate limits with their time, a CA in trouble, an
//! answer that is no ACME) leaves here as an [`AcmeError`] inside the library's error.

use std::{error::Error as _, path::Path, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response,
    header::{LOCATION, RETRY_AFTER},
    response::Parts,
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient, Problem};
use jiff::Timestamp;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::{AcmeError, problem};

/// The most that an answer may weigh. A chain of five certificates is about 10 KiB.
const MAX_ANSWER: usize = 256 * 1024;
/// The longest that one request may take.
const MAX_REQUEST: Duration = Duration::from_secs(30);
/// No CA can send us away for longer.
const MAX_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);
/// When to ask again for renewal information if the CA doesn't say (RFC 9773 4.3.3).
const SIX_HOURS: HeaderValue = HeaderValue::from_static("21600");

/// Makes requests to one CA.
#[derive(Clone)]
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
    limit: Duration,
}

impl Http {
    /// Trusts the machine's roots and those in the PEM file `extra`.
    ///
    /// # Errors
    /// If the file has no certificate, or there is no root at all.
    pub(super) fn new(extra: Option<&Path>, patience: Duration) -> Result<Self, AcmeError> {
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| AcmeError::local(format!("setting TLS up: {error}")))?
            .with_root_certificates(roots(extra)?)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(Duration::from_secs(10)));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(30)).build(https);
        Ok(Self { client, limit: patience.min(MAX_REQUEST) })
    }

    async fn exchange(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, AcmeError> {
        let (method, url) = (request.method().clone(), request.uri().to_string());
        let what = format!("{method} {url}");
        let whole = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| AcmeError::unreachable(format!("{what}: {}", causes(&error))))?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    AcmeError::garbage(format!("{what}: the answer is longer than {MAX_ANSWER} bytes"))
                } else {
                    AcmeError::unreachable(format!("{what}: the answer broke off: {error}"))
                }
            })?;
            Ok((parts, body.to_bytes()))
        };
        match tokio::time::timeout(self.limit, whole).await {
            Ok(answer) => answer.and_then(|(parts, body)| sort(&method, &what, parts, body)),
            Err(_) => Err(AcmeError::unreachable(format!("{what}: no answer within {:?}", self.limit))),
        }
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let exchange = self.clone().exchange(request);
        Box::pin(async { exchange.await.map_err(|error| Error::Other(Box::new(error))) })
    }
}

/// Sorts an answer: what the library shall see goes on, the rest is an error already.
fn sort(method: &Method, what: &str, mut parts: Parts, mut body: Bytes) -> Result<BytesResponse, AcmeError> {
    let status = parts.status;
    if status.is_redirection() {
        let to = parts.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
        return Err(AcmeError::garbage(format!("{what}: redirected ({status}) to {to}")));
    }
    if status.is_client_error() || status.is_server_error() {
        let problem = serde_json::from_slice::<Problem>(&body).ok().filter(|problem| problem.r#type.is_some());
        let said = problem.as_ref().map_or_else(|| excerpt(&body), problem::text);
        let limited = problem.as_ref().is_some_and(|problem| problem::name(problem) == Some("rateLimited"));
        if limited || status.as_u16() == 429 {
            let retry_after = retry_after(&parts.headers, Timestamp::now());
            return Err(AcmeError::RateLimited { retry_after, detail: format!("{what}: {said}") });
        }
        if status.is_server_error() {
            return Err(AcmeError::unreachable(format!("{what}: answered {status}: {said}")));
        }
        if problem.is_none() {
            if method != Method::POST {
                return Err(AcmeError::garbage(format!("{what}: answered {status}: {said}")));
            }
            // The library takes nothing but problem documents (RFC 9457) from a refused request.
            let made = serde_json::json!({ "type": "about:blank", "status": status.as_u16(), "detail": said });
            body = made.to_string().into();
        }
    }
    if method == Method::GET && !parts.headers.contains_key(RETRY_AFTER) {
        parts.headers.insert(RETRY_AFTER, SIX_HOURS);
    }
    Ok(BytesResponse::from(Response::from_parts(parts, Full::new(body))))
}

/// Reads `Retry-After` (RFC 9110 10.2.3), which is a number of seconds or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(date.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(MAX_WAIT))
}

/// The machine's roots and those in the file.
fn roots(extra: Option<&Path>) -> Result<RootCertStore, AcmeError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = extra {
        let bad = |reason: String| AcmeError::local(format!("reading the extra roots in {}: {reason}", path.display()));
        let found = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| bad(error.to_string()))?;
        if found.is_empty() {
            return Err(bad("there is no certificate in it".into()));
        }
        for root in found {
            roots.add(root).map_err(|error| bad(error.to_string()))?;
        }
    }
    if roots.is_empty() {
        return Err(AcmeError::local(
            "this machine trusts no certificate authority; install the package ca-certificates",
        ));
    }
    Ok(roots)
}

/// The beginning of an answer that was no ACME, for the operator.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(600)]);
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    if text.is_empty() { "(nothing)".into() } else { text }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().expect("a header"));
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("Sun, 01 Mar 2026 12:01:00 GMT"), Some(60));
        assert_eq!(read("Sun, 01 Mar 2026 11:00:00 GMT"), Some(0), "the past is now");
        assert_eq!(read("99999999999"), Some(7 * 24 * 3600), "nobody sends us away for years");
        assert_eq!(read("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn excerpts_are_short_and_one_line() {
        assert_eq!(excerpt(b"<html>\n  <b>Login</b>\r\n"), "<html> <b>Login</b>");
        assert_eq!(excerpt(b""), "(nothing)");
        assert_eq!(excerpt(&[b'x'; 5000]).len(), 200);
    }
}
