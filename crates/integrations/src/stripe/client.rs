//! Sending a call, and repeating it by Stripe's rules (<https://docs.stripe.com/error-low-level>).

use std::{fmt::Display, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request,
    header::{AUTHORIZATION, CONTENT_TYPE},
    response::Parts,
};
use http_body_util::Full;
use serde::{Deserialize, de::DeserializeOwned};
use stoa_model::secret::{ExposeSecret, SecretString};
use stoa_util::error_chain;

use super::{
    API_VERSION,
    error::{StripeError, StripeFailure},
    form::Form,
};
use crate::http_client::{HttpClient, HttpClientConfig, excerpt, one_line};

/// Stripe answers within seconds; a session with many lines takes longest.
const TIMEOUT: Duration = Duration::from_secs(20);
/// A page of a hundred invoices has about 1 MiB.
const MAX_RESPONSE_BYTES: usize = 8 << 20;
const MAX_EXCERPT_CHARS: usize = 300;
/// Pauses before a call is repeated. Who waits for the answer doesn't wait longer; tasks try again later.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1200)];

/// Our account.
#[derive(Debug, Clone)]
pub struct StripeConfig {
    /// Secret or restricted key, `sk_…` or `rk_…`.
    pub secret_key: SecretString,
    /// Where the API is.
    pub api_url: String,
}

/// A client of one account. Cheap to clone.
#[derive(Clone)]
pub struct Stripe {
    client: HttpClient,
    base: String,
    credentials: HeaderValue,
    livemode: bool,
}

impl Stripe {
    /// A client.
    ///
    /// # Errors
    /// If the key or the URL can't be used, or this machine trusts no certificate authority.
    pub fn new(config: &StripeConfig) -> Result<Self, String> {
        let base = config.api_url.trim_end_matches('/').to_owned();
        let is_plain = match base.split_once("://") {
            Some(("https", _)) => false,
            Some(("http", _)) => true,
            _ => return Err(format!("{base} is not the URL of an API; give it as https://HOST")),
        };
        let key = config.secret_key.expose_secret().trim();
        let mut credentials = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| "the key has characters that no key has; copy it again, without line breaks".to_owned())?;
        credentials.set_sensitive(true);
        let client = HttpClient::new(&HttpClientConfig {
            extra_roots: None,
            allows_plaintext: is_plain,
            request_timeout: TIMEOUT,
            max_response_bytes: MAX_RESPONSE_BYTES,
        });
        let client = client.map_err(|error| error_chain(&error))?;
        let livemode = key.starts_with("sk_live_") || key.starts_with("rk_live_");
        Ok(Self { client, base, credentials, livemode })
    }

    /// Whether the key is for real money.
    pub fn is_live(&self) -> bool {
        self.livemode
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, query: &Form) -> Result<T, StripeError> {
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.encode()) };
        self.call(Method::GET, &path, None, None).await
    }

    /// A write. `key` stands for what is done: the same key twice is done once.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, form: &Form, key: &str) -> Result<T, StripeError> {
        self.call(Method::POST, path, Some(form.encode()), Some(key)).await
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str, key: &str) -> Result<T, StripeError> {
        self.call(Method::DELETE, path, None, Some(key)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        key: Option<&str>,
    ) -> Result<T, StripeError> {
        let what = format!("Stripe, {method} {}", path.split('?').next().unwrap_or(path));
        let mut pauses = PAUSES.iter();
        loop {
            let request = self
                .request(&method, path, body.as_deref(), key)
                .map_err(|error| failed(StripeFailure::Refused, &what, error))?;
            let (error, again) = match self.client.send(request).await {
                Ok((parts, body)) if parts.status.is_success() => {
                    return serde_json::from_slice(&body).map_err(|error| {
                        failed(StripeFailure::Shape, &what, format_args!("unexpected answer: {error}"))
                    });
                }
                Ok((parts, body)) => (refusal(&what, &parts, &body), may_repeat(&parts)),
                Err(error) => (failed(StripeFailure::Temporary, &what, error_chain(&error)), true),
            };
            match pauses.next().filter(|_| again) {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return Err(error),
            }
        }
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: Option<&str>,
        key: Option<&str>,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.credentials.clone())
            .header("Stripe-Version", API_VERSION);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        request.body(Full::from(body.unwrap_or_default().to_owned()))
    }
}

/// Stripe says so itself, or else by the status.
fn may_repeat(parts: &Parts) -> bool {
    match parts.headers.get("stripe-should-retry").and_then(|value| value.to_str().ok()) {
        Some("true") => true,
        Some("false") => false,
        _ => matches!(parts.status.as_u16(), 409 | 429 | 500..),
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorText,
}

#[derive(Deserialize)]
struct ErrorText {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

fn refusal(what: &str, parts: &Parts, body: &[u8]) -> StripeError {
    let read = serde_json::from_slice::<ErrorBody>(body).map(|body| body.error).ok();
    let said = read.as_ref().and_then(|error| error.message.as_deref());
    let said = said.map_or_else(|| excerpt(body, MAX_EXCERPT_CHARS), |text| one_line(text, MAX_EXCERPT_CHARS));
    let failure = match parts.status.as_u16() {
        401 | 403 => StripeFailure::Key,
        404 => StripeFailure::NotFound,
        409 | 429 | 500.. => StripeFailure::Temporary,
        _ => StripeFailure::Refused,
    };
    let mut error = failed(failure, what, format_args!("answered {}: {said}", parts.status));
    error.code = read.and_then(|error| error.code);
    error
}

fn failed(failure: StripeFailure, what: &str, why: impl Display) -> StripeError {
    StripeError { failure, code: None, text: format!("{what}: {why}") }
}
