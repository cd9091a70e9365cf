//! The HTTP client for certificate authorities and DNS APIs.
//!
//! Every request has a deadline and every response a size limit. Redirects are never followed: the
//! request's credentials would go to wherever they point.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Request,
    header::{InvalidHeaderValue, USER_AGENT},
    response::Parts,
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{
    CertificateDer,
    pem::{self, PemObject},
};

/// Names us to servers, which RFC 8555 6.1 demands.
const PRODUCT: &str = concat!("stoa/", env!("CARGO_PKG_VERSION"));

/// Half of the shortest request timeout: the rest lets a second address family be tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Shorter than the idle timeouts of common servers, so that a pooled connection is rarely stale.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// What differs between the services.
pub(crate) struct HttpClientConfig<'a> {
    /// PEM file of roots to trust in addition to the machine's own.
    pub extra_roots: Option<&'a Path>,
    /// Whether `http://` URLs are allowed. Otherwise they are refused before anything is sent.
    pub allows_plaintext: bool,
    /// From the connection to the last byte of the response.
    pub request_timeout: Duration,
    /// A longer response is an error.
    pub max_response_bytes: usize,
}

/// Sends requests to one service. Clones share their connections.
#[derive(Clone)]
pub(crate) struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    request_timeout: Duration,
    max_response_bytes: usize,
}

/// Why a client could not be set up; only the operator can fix it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpClientError {
    #[error("this machine trusts no certificate authority; install the package ca-certificates")]
    NoRoots,
    #[error("reading the extra roots in {path}")]
    ReadRoots { path: String, source: pem::Error },
    #[error("reading the extra roots in {path}: there is no certificate in it")]
    EmptyRoots { path: String },
    #[error("reading the extra roots in {path}")]
    InvalidRoot { path: String, source: rustls::Error },
    #[error("setting up TLS")]
    Tls(#[source] rustls::Error),
}

/// Why there is no response. Print it with [`stoa_util::error_chain`]: the client's own error says
/// only `client error (Connect)`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error(transparent)]
    Request(hyper_util::client::legacy::Error),
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("the answer broke off")]
    BrokenOff(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the request has an invalid User-Agent")]
    UserAgent(#[source] InvalidHeaderValue),
}

impl HttpClient {
    pub(crate) fn new(config: &HttpClientConfig<'_>) -> Result<Self, HttpClientError> {
        let roots = trusted_roots(config.extra_roots)?;
        if roots.is_empty() && !config.allows_plaintext {
            return Err(HttpClientError::NoRoots);
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(HttpClientError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let https = HttpsConnectorBuilder::new().with_tls_config(tls);
        let https = if config.allows_plaintext { https.https_or_http() } else { https.https_only() };
        let connector = https.enable_http1().enable_http2().wrap_connector(tcp);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).pool_idle_timeout(POOL_IDLE_TIMEOUT).build(connector),
            request_timeout: config.request_timeout,
            max_response_bytes: config.max_response_bytes,
        })
    }

    /// Sends a request and reads the whole response. A status that means failure is not an error here.
    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<(Parts, Bytes), HttpError> {
        let user_agent = user_agent(request.headers().get(USER_AGENT)).map_err(HttpError::UserAgent)?;
        request.headers_mut().insert(USER_AGENT, user_agent);
        tokio::time::timeout(self.request_timeout, self.exchange(request))
            .await
            .unwrap_or(Err(HttpError::Timeout(self.request_timeout)))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(Parts, Bytes), HttpError> {
        let response = self.client.request(request).await.map_err(HttpError::Request)?;
        let (parts, body) = response.into_parts();
        match Limited::new(body, self.max_response_bytes).collect().await {
            Ok(body) => Ok((parts, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(HttpError::TooLong(self.max_response_bytes)),
            Err(error) => Err(HttpError::BrokenOff(error)),
        }
    }
}

/// Ours, and behind it the library's that built the request, if one did.
fn user_agent(library: Option<&HeaderValue>) -> Result<HeaderValue, InvalidHeaderValue> {
    match library.and_then(|value| value.to_str().ok()) {
        Some(library) => HeaderValue::from_str(&format!("{PRODUCT} {library}")),
        None => Ok(HeaderValue::from_static(PRODUCT)),
    }
}

/// The machine's roots and those in the file.
pub(crate) fn trusted_roots(extra: Option<&Path>) -> Result<RootCertStore, HttpClientError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let Some(file) = extra else { return Ok(roots) };
    let path = || file.display().to_string();
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| HttpClientError::ReadRoots { path: path(), source })?;
    if found.is_empty() {
        return Err(HttpClientError::EmptyRoots { path: path() });
    }
    for root in found {
        roots.add(root).map_err(|source| HttpClientError::InvalidRoot { path: path(), source })?;
    }
    Ok(roots)
}

/// The beginning of a response for the operator: one line of at most `max_chars` characters.
pub(crate) fn excerpt(body: &[u8], max_chars: usize) -> String {
    // A character has at most 4 bytes.
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * max_chars)]);
    one_line(&text, max_chars)
}

/// The text on one line, cut after `max_chars` characters.
pub(crate) fn one_line(text: &str, max_chars: usize) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(max_chars).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use stoa_util::error_chain;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    fn config() -> HttpClientConfig<'static> {
        HttpClientConfig {
            extra_roots: None,
            allows_plaintext: true,
            request_timeout: Duration::from_secs(30),
            max_response_bytes: 100,
        }
    }

    fn get(url: &str) -> Request<Full<Bytes>> {
        Request::get(url).body(Full::default()).expect("a request")
    }

    /// A server that answers every connection with these bytes; what it was sent comes back.
    async fn serve(answer: impl Into<String>) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (url, answer) = (format!("http://{}/", listener.local_addr().expect("its address")), answer.into());
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a request"));
            }
            stream.write_all(answer.as_bytes()).await.expect("sent");
            String::from_utf8(head).expect("a head in ASCII").to_ascii_lowercase()
        });
        (url, served)
    }

    #[tokio::test]
    async fn a_response_comes_whole_and_a_redirect_is_not_followed() {
        let (url, served) =
            serve("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nhi").await;
        let mut request = get(&url);
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("library/1"));
        let (parts, body) = HttpClient::new(&config()).expect("a client").send(request).await.expect("a response");
        assert_eq!((parts.status.as_u16(), &body[..]), (302, &b"hi"[..]));
        let head = served.await.expect("a request");
        assert!(head.contains(&format!("user-agent: {PRODUCT} library/1\r\n")), "{head}");
    }

    #[tokio::test]
    async fn a_response_that_is_too_long_or_cut_off_is_an_error() {
        let client = HttpClient::new(&config()).expect("a client");
        for length in [100, 101] {
            let body = "x".repeat(length);
            let (url, _served) = serve(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")).await;
            match client.send(get(&url)).await {
                Ok((_, body)) => assert_eq!((body.len(), length), (100, 100)),
                Err(error) => assert!(matches!(error, HttpError::TooLong(100)) && length == 101, "{error:?}"),
            }
        }
        let (url, _served) = serve("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf").await;
        let error = client.send(get(&url)).await.expect_err("only a part");
        assert!(matches!(error, HttpError::BrokenOff(_)), "{error:?}");
        assert!(error_chain(&error).len() > error.to_string().len(), "the cause is named: {}", error_chain(&error));
    }

    #[tokio::test]
    async fn a_silent_server_costs_no_more_than_the_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("its address"));
        let timeout = Duration::from_millis(200);
        let client = HttpClient::new(&HttpClientConfig { request_timeout: timeout, ..config() }).expect("a client");
        let begun = Instant::now();
        let error = client.send(get(&url)).await.expect_err("silence");
        assert_eq!(error.to_string(), "no answer within 200ms");
        assert!(begun.elapsed() >= timeout);
    }

    #[tokio::test]
    async fn plain_http_needs_permission() {
        let client = HttpClient::new(&HttpClientConfig { allows_plaintext: false, ..config() }).expect("a client");
        let (url, served) = serve("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let error = client.send(get(&url)).await.expect_err("no TLS");
        assert!(matches!(error, HttpError::Request(_)), "{error:?}");
        assert!(!served.is_finished(), "nothing was sent");
        served.abort();
    }

    #[test]
    fn roots_that_cannot_be_read_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("roots.pem");
        let error = |path: &Path| {
            let error = HttpClient::new(&HttpClientConfig { extra_roots: Some(path), ..config() }).err();
            error_chain(&error.expect("no roots"))
        };
        let missing = error(&path);
        assert!(missing.contains("roots.pem: ") && missing.contains("No such file"), "{missing}");
        std::fs::write(&path, "no PEM").expect("written");
        assert!(error(&path).contains("there is no certificate in it"));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").expect("written");
        let invalid = error(&path);
        assert!(invalid.starts_with("reading the extra roots in ") && invalid.contains("certificate"), "{invalid}");
    }

    #[test]
    fn excerpts_are_short_and_one_line() {
        assert_eq!(excerpt(b"<html>\n  <b>Login</b>\r\n", 200), "<html> <b>Login</b>");
        assert_eq!(excerpt(b"", 200), "");
        assert_eq!(excerpt(&[b'x'; 5000], 200).len(), 200);
    }
}
