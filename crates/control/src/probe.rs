//! Plain HTTP requests to sites, as a visitor or a health check sends them.
//!
//! The seam is for tests: behind a fake engine nobody listens.

use std::{net::SocketAddr, time::Duration};

use async_trait::async_trait;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

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
    /// It took too long.
    #[error("{0} did not answer within {1:?}")]
    Timeout(SocketAddr, Duration),
}

/// Asks sites whether they answer.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// Asks `address` for `path` as `host` and returns the status of the answer.
    ///
    /// # Errors
    /// If there is no whole answer head within `patience`.
    async fn ask(
        &self,
        address: SocketAddr,
        host: &str,
        path: &str,
        patience: Duration,
    ) -> Result<StatusCode, ProbeError>;
}

/// The real one: a connection and a GET.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpProbe;

#[async_trait]
impl Probe for HttpProbe {
    async fn ask(
        &self,
        address: SocketAddr,
        host: &str,
        path: &str,
        patience: Duration,
    ) -> Result<StatusCode, ProbeError> {
        timeout(patience, get(address, host, path)).await.unwrap_or(Err(ProbeError::Timeout(address, patience)))
    }
}

async fn get(address: SocketAddr, host: &str, path: &str) -> Result<StatusCode, ProbeError> {
    let stream = TcpStream::connect(address).await.map_err(|e| ProbeError::Connect(address, e))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| ProbeError::Http(address, e))?;
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, "Stoa-Probe/1")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|e| ProbeError::Http(address, e));
    driver.abort();
    Ok(answer?.status())
}
