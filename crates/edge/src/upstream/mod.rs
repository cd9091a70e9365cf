//! The way to a site's own service: HTTP/1.1 over pooled connections.
//!
//! The client is our own, for one reason: an exchange runs entirely inside the task of the client
//! connection that asked for it. No second task (but for an upload that outlasts the head of its
//! response), no channels between them, no copy of the header map; the bytes that one `read` brought
//! leave with the next `write`. Heads are parsed by `httparse`, which hyper uses too. What it must get
//! right is written where it is done: framing of requests in `forwarder`, of responses in `head` and
//! `decode`, reuse in `pool`.

mod body_forwarder;
mod connection;
mod decode;
mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod head;
mod limiter;
mod piece;
mod pool;
mod response_body;
mod upload;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use http::{Method, request::Parts};
use tokio::time::timeout;

use self::{body_forwarder::BodyForwarder, exchange::Exchange};
pub(crate) use self::{
    connection::UpstreamConnection,
    head::Head,
    limiter::{UpstreamLimiter, UpstreamPermit},
    pool::Pool,
    response_body::UpstreamBody,
};
use crate::{body::RequestBody, client::ClientConnection, connection_state::StreamState, headers};

/// Why an exchange with an upstream failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("too many connections to upstreams are in use")]
    Busy,
    #[error("connecting to the upstream: {0}")]
    Connect(io::Error),
    #[error("connecting to the upstream took too long")]
    ConnectTimeout,
    #[error("the upstream closed a connection that had been idle")]
    Stale,
    #[error("the upstream closed the connection in the middle of an exchange")]
    Closed,
    #[error("talking to the upstream: {0}")]
    Io(io::Error),
    #[error("the upstream's response is malformed: {0}")]
    Malformed(&'static str),
    #[error("the upstream did not answer in time")]
    Timeout,
    #[error("the request's body exceeds the limit of {0} bytes")]
    TooLarge(u64),
    #[error("the client broke off its request's body")]
    ClientLeft,
}

/// An answer whose head has arrived.
#[derive(Debug)]
pub(crate) struct UpstreamResponse {
    pub(crate) head: Head,
    pub(crate) exchange: Exchange,
}

/// Sends a request and waits for the head of the response.
///
/// A pooled connection may have been closed by the upstream just now. If it breaks before the
/// first byte of a response, a request without a body and with an idempotent method is sent once
/// more, over a fresh connection; anything else might happen twice, and fails.
///
/// The upstream may be silent for `limit` before the head of its response and between two pieces.
pub(crate) async fn send_request(
    upstream: SocketAddr,
    parts: &Parts,
    authority: &str,
    mut body: Option<RequestBody>,
    limit: Duration,
    client: &ClientConnection,
    stream: &Arc<StreamState>,
) -> Result<UpstreamResponse, UpstreamError> {
    let replayable = body.is_none() && is_idempotent(&parts.method);
    let mut retrying = false;
    loop {
        let permit = client.acquire_upstream().ok_or(UpstreamError::Busy)?;
        let pooled = if retrying { None } else { client.worker.pool.take(upstream) };
        let reused = pooled.is_some();
        let mut conn = match pooled {
            Some(conn) => conn,
            None => connect(upstream, client).await?,
        };
        conn.permit = Some(permit);
        headers::write_request(&mut conn.out, parts, authority, client);
        let forwarder = BodyForwarder::start(&mut conn.out, parts, body.take());
        let mut exchange = Exchange::new(conn, forwarder, limit, stream);
        match exchange.head(&parts.method).await {
            Err(UpstreamError::Stale) if reused && replayable => retrying = true,
            Err(fault) => return Err(fault),
            Ok(head) => return Ok(UpstreamResponse { head, exchange }),
        }
    }
}

async fn connect(upstream: SocketAddr, client: &ClientConnection) -> Result<Box<UpstreamConnection>, UpstreamError> {
    let limit = client.worker.shared.config.timeouts.connect;
    match timeout(limit, UpstreamConnection::open(upstream)).await {
        Err(_) => Err(UpstreamError::ConnectTimeout),
        Ok(Err(error)) => Err(UpstreamError::Connect(error)),
        Ok(Ok(conn)) => Ok(Box::new(conn)),
    }
}

fn is_idempotent(method: &Method) -> bool {
    // RFC 9110 9.2.2
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE)
}
