//! HTTP to the CA, with the responses sorted before the ACME library sees them. What the library
//! can't express (rate limits with their time, a CA in trouble, a response that is not ACME) leaves
//! here as an [`AcmeError`] inside the library's error.

use std::{path::Path, pin::Pin, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response,
    header::{LOCATION, RETRY_AFTER},
    response::Parts,
};
use http_body_util::{BodyExt, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient as AcmeHttpClient, Problem};
use jiff::Timestamp;
use stoa_util::error_chain;

use super::{AcmeError, problem};
use crate::http_client::{self, HttpClient, HttpClientConfig, HttpError};

/// A chain of five certificates is about 10 KiB.
const MAX_RESPONSE_BYTES: usize = 256 * 1024;
const MAX_REQUEST_DURATION: Duration = Duration::from_secs(30);
/// No CA can send us away for longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);
/// When to ask again for renewal information if the CA doesn't say (RFC 9773 4.3.3): in six hours.
const DEFAULT_RENEWAL_RETRY_SECONDS: HeaderValue = HeaderValue::from_static("21600");
const MAX_EXCERPT_CHARS: usize = 200;

/// Makes requests to one CA.
#[derive(Clone)]
pub(super) struct Http {
    client: HttpClient,
}

impl Http {
    /// Trusts the machine's roots and those in the PEM file `extra_roots`.
    ///
    /// # Errors
    /// If the file has no certificate, or there is no root at all.
    pub(super) fn new(extra_roots: Option<&Path>, patience: Duration) -> Result<Self, AcmeError> {
        let config = HttpClientConfig {
            extra_roots,
            allows_plaintext: false,
            request_timeout: patience.min(MAX_REQUEST_DURATION),
            max_response_bytes: MAX_RESPONSE_BYTES,
        };
        let client = HttpClient::new(&config).map_err(|error| AcmeError::local(error_chain(&error)))?;
        Ok(Self { client })
    }

    async fn exchange(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, AcmeError> {
        let (method, url) = (request.method().clone(), request.uri().to_string());
        let what = format!("{method} {url}");
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| AcmeError::local(format!("{what}: reading the request's own body: {error}")))?;
        let request = Request::from_parts(parts, Full::new(body.to_bytes()));
        let (parts, body) = self.client.send(request).await.map_err(|error| {
            let detail = format!("{what}: {}", error_chain(&error));
            match error {
                HttpError::TooLong(_) => AcmeError::garbage(detail),
                _ => AcmeError::unreachable(detail),
            }
        })?;
        sort_response(&method, &what, parts, body)
    }
}

impl AcmeHttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let exchange = self.clone().exchange(request);
        Box::pin(async { exchange.await.map_err(|error| Error::Other(Box::new(error))) })
    }
}

/// Passes on what the library understands; the rest becomes an error here.
fn sort_response(method: &Method, what: &str, mut parts: Parts, mut body: Bytes) -> Result<BytesResponse, AcmeError> {
    let status = parts.status;
    if status.is_redirection() {
        let to = parts.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("an unreadable address");
        return Err(AcmeError::garbage(format!("{what}: redirected ({status}) to {to}")));
    }
    if status.is_client_error() || status.is_server_error() {
        let problem = serde_json::from_slice::<Problem>(&body).ok().filter(|problem| problem.r#type.is_some());
        let explanation = problem.as_ref().map_or_else(|| excerpt(&body), problem::text);
        let limited = problem.as_ref().is_some_and(|problem| problem::name(problem) == Some("rateLimited"));
        if limited || status.as_u16() == 429 {
            let retry_after = retry_after(&parts.headers, Timestamp::now());
            return Err(AcmeError::RateLimited { retry_after, detail: format!("{what}: {explanation}") });
        }
        if status.is_server_error() {
            return Err(AcmeError::unreachable(format!("{what}: answered {status}: {explanation}")));
        }
        if problem.is_none() {
            if method != Method::POST {
                return Err(AcmeError::garbage(format!("{what}: answered {status}: {explanation}")));
            }
            // From a refused request the library takes only problem documents (RFC 9457).
            let problem =
                serde_json::json!({ "type": "about:blank", "status": status.as_u16(), "detail": explanation });
            body = problem.to_string().into();
        }
    }
    if method == Method::GET && !parts.headers.contains_key(RETRY_AFTER) {
        parts.headers.insert(RETRY_AFTER, DEFAULT_RENEWAL_RETRY_SECONDS);
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
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The beginning of a response that is not ACME, for the operator.
fn excerpt(body: &[u8]) -> String {
    let text = http_client::excerpt(body, MAX_EXCERPT_CHARS);
    if text.is_empty() { "(nothing)".into() } else { text }
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
}
