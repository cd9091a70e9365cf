//! Plain HTTP requests to sites, as a visitor or a health check sends them.
//!
//! The seam is for tests: behind a fake engine nobody listens.

mod global;
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

    /// Gets a small text over plain HTTP. Redirects are not followed.
    ///
    /// # Errors
    /// If it did not come within `patience`.
    async fn fetch(
        &self,
        address: SocketAddr,
        host: &str,
        path: &str,
        patience: Duration,
    ) -> Result<Fetched, ProbeError>;
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

    async fn fetch(
        &self,
        address: SocketAddr,
        host: &str,
        path: &str,
        patience: Duration,
    ) -> Result<Fetched, ProbeError> {
        let whole = async {
            let response = get(Place { address, secure: false, host }, path).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MOST).collect().await;
            let bytes = body.map_err(|_| ProbeError::TooLong(address))?.to_bytes();
            Ok(Fetched { status, body: String::from_utf8_lossy(&bytes).into_owned() })
        };
        timeout(patience, whole).await.unwrap_or(Err(ProbeError::Timeout(address, patience)))
    }
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
