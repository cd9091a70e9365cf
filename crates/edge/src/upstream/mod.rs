//! The connection to a site's own service: HTTP/1.1 over pooled connections.
//!
//! The HTTP client is our own for one reason: an exchange runs entirely inside the task of the client
//! connection that asked for it. No second task (except for an upload that outlasts the head of its
//! response), no channels, no copy of the header map; the bytes of one `read` leave with the next
//! `write`. Heads are parsed by `httparse`, as in hyper. What it must get right is documented where it
//! is done: framing of requests in `body_forwarder`, of responses in `head` and `decode`, reuse in
//! `pool`.

mod body_forwarder;
mod connection;
mod decode;
mod error;
mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod head;
pub(crate) mod limiter;
mod piece;
pub(crate) mod pool;
mod response_body;
mod upload;

use std::{io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};

use http::{Method, request::Parts};
use tokio::time::timeout;

use self::{body_forwarder::BodyForwarder, connection::UpstreamConnection, exchange::Exchange};
pub(crate) use self::{error::UpstreamError, head::Head, response_body::UpstreamBody};
use crate::{client::ClientConnection, connection_state::StreamState, request_body::RequestBody, request_head};

/// A response whose head has arrived.
#[derive(Debug)]
pub(crate) struct UpstreamResponse {
    pub(crate) head: Head,
    pub(crate) exchange: Exchange,
}

/// Sends a request and waits for the head of the response.
///
/// The upstream may just have closed a pooled connection. If that breaks before the first byte of a
/// response, a request without a body and with an idempotent method is sent again over a new
/// connection; anything else might happen twice, and fails.
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
        request_head::write_request(&mut conn.out, parts, authority, client);
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
        Err(_) => Err(UpstreamError::Connect(ErrorKind::TimedOut.into())),
        Ok(Err(error)) => Err(UpstreamError::Connect(error)),
        Ok(Ok(conn)) => Ok(Box::new(conn)),
    }
}

fn is_idempotent(method: &Method) -> bool {
    // RFC 9110 9.2.2
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE)
}
