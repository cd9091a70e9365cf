//! HTTP requests to sites and to web servers of customers, as a visitor or a health check sends them.
//!
//! The seam is for tests: behind a fake engine nobody listens.

mod global;
mod redirect;
mod tls;

use std::{net::SocketAddr, time::Duration};

use async_trait::async_trait;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

pub use global::is_global;
pub use redirect::fetch_following;

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nobody listens, or the connection broke.
    #[error("connecting to {0}: {1}")]
    Connect(SocketAddr, std::io::Error),
    /// It is no HTTP, or the answer broke off.
    #[error("asking {0}: {1}")]
    Http(SocketAddr, hyper::Error),
    /// The request can't be written.
    #[error("building the request: {0}")]
    Request(#[from] http::Error),
    /// The answer is larger than what was asked for can be.
    #[error("{0} answered with more than expected")]
    TooLong(SocketAddr),
    /// It took too long.
    #[error("{0} did not answer within {1:?}")]
    Timeout(SocketAddr, Duration),
}

/// Where and as whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Where to connect to.
    pub address: SocketAddr,
    /// Whether over TLS.
    pub secure: bool,
    /// The Host header, with a port if it is an unusual one.
    pub host: &'a str,
}

/// What was got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Status of the answer.
    pub status: u16,
    /// Its body, at most 4 KiB of it; what is no UTF-8 is replaced.
    pub body: String,
    /// Where it redirects to, as the server wrote it.
    pub location: Option<String>,
    /// What the server calls itself: at most 40 letters, digits, dots, slashes and hyphens.
    pub server: Option<String>,
}

/// The most that is read of a body.
const MOST: usize = 4096;

/// Asks sites whether they answer.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// Asks for `path` and returns the status of the answer.
    ///
    /// # Errors
    /// If there is no whole answer head within `patience`.
    async fn ask(&self, place: Place<'_>, path: &str, patience: Duration) -> Result<StatusCode, ProbeError>;

    /// Gets a small text. Redirects are not followed.
    ///
    /// # Errors
    /// If it did not come within `patience`.
    async fn fetch(&self, place: Place<'_>, path: &str, patience: Duration) -> Result<Fetched, ProbeError>;
}

/// The real one: a connection and a GET.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpProbe;

#[async_trait]
impl Probe for HttpProbe {
    async fn ask(&self, place: Place<'_>, path: &str, patience: Duration) -> Result<StatusCode, ProbeError> {
        let late = ProbeError::Timeout(place.address, patience);
        timeout(patience, async { Ok(get(place, path).await?.status()) }).await.unwrap_or(Err(late))
    }

    async fn fetch(&self, place: Place<'_>, path: &str, patience: Duration) -> Result<Fetched, ProbeError> {
        let whole = async {
            let (head, body) = get(place, path).await?.into_parts();
            let body = Limited::new(body, MOST).collect().await;
            let bytes = body.map_err(|_| ProbeError::TooLong(place.address))?.to_bytes();
            let field = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            Ok(Fetched {
                status: head.status.as_u16(),
                body: String::from_utf8_lossy(&bytes).into_owned(),
                location: field(header::LOCATION),
                server: field(header::SERVER).filter(|text| is_product(text)),
            })
        };
        timeout(patience, whole).await.unwrap_or(Err(ProbeError::Timeout(place.address, patience)))
    }
}

/// Whether this is fit to be shown as the name of a server.
fn is_product(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"./-".contains(&byte);
    (1..=40).contains(&text.len()) && text.bytes().all(is_plain)
}

async fn get(place: Place<'_>, path: &str) -> Result<Response<Incoming>, ProbeError> {
    let stream = TcpStream::connect(place.address).await.map_err(|e| ProbeError::Connect(place.address, e))?;
    if place.secure {
        let stream = tls::open(stream, place.host).await.map_err(|e| ProbeError::Connect(place.address, e))?;
        return send(stream, place, path).await;
    }
    send(stream, place, path).await
}

async fn send<S>(stream: S, place: Place<'_>, path: &str) -> Result<Response<Incoming>, ProbeError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let http = |error| ProbeError::Http(place.address, error);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    let request = Request::get(path)
        .header(header::HOST, place.host)
        .header(header::USER_AGENT, "Stoa-Probe/1")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    // Ends by itself with the response's body, or when that is dropped.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(http)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Fetches from a server that answers with these bytes.
    async fn fetch(answer: String) -> Result<Fetched, ProbeError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            assert!(stream.read(&mut [0; 1024]).await.expect("a request") > 0);
            // The client may leave before the end.
            stream.write_all(answer.as_bytes()).await.ok();
        });
        let place = Place { address, secure: false, host: "shop.example" };
        let fetched = HttpProbe.fetch(place, "/", Duration::from_secs(30)).await;
        served.await.expect("served");
        fetched
    }

    #[tokio::test]
    async fn what_a_server_says_of_itself_is_kept_if_it_is_plain() {
        let head = |server: &str| {
            format!("HTTP/1.1 301 x\r\nServer: {server}\r\nLocation: https://a/\r\nContent-Length: 2\r\n\r\nhi")
        };
        let fetched = fetch(head("nginx/1.22.1")).await.expect("an answer");
        assert_eq!((fetched.status, fetched.body.as_str()), (301, "hi"));
        assert_eq!(fetched.location.as_deref(), Some("https://a/"));
        assert_eq!(fetched.server.as_deref(), Some("nginx/1.22.1"));
        for server in ["<b>ad</b>", "call 555 now", &"a".repeat(41)] {
            assert_eq!(fetch(head(server)).await.expect("an answer").server, None, "{server}");
        }
    }

    #[tokio::test]
    async fn a_long_answer_is_refused() {
        let answer =
            |length: usize| format!("HTTP/1.1 200 x\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length));
        assert!(fetch(answer(4096)).await.is_ok());
        assert!(matches!(fetch(answer(4097)).await, Err(ProbeError::TooLong(_))));
    }
}
