//! Detects by the first three bytes which HTTP a plain connection speaks. Almost always they arrive
//! together and are only peeked at. If fewer arrive, another peek would return the same at once, so
//! they are read: they are a prefix of `PRI`, and hyper gets them from there.

use std::{future::poll_fn, io};

use tokio::{io::ReadBuf, net::TcpStream, time::timeout};

use super::opening::unless_shut_down;
use crate::client::ClientConnection;

/// How HTTP/2 with prior knowledge begins (RFC 9113 3.4).
const HTTP2_PREFIX: &[u8] = b"PRI";

/// What a connection began with.
pub(super) struct DetectedProtocol {
    pub(super) is_http2: bool,
    /// What was read from the socket.
    pub(super) prefix: &'static [u8],
}

/// Waits for the first bytes, for as long as a request's head may take.
pub(super) async fn detect(stream: &TcpStream, client: &ClientConnection) -> io::Result<DetectedProtocol> {
    let limit = client.worker.shared.config.timeouts.header;
    let reading = unless_shut_down(&client.state, peek_protocol(stream));
    timeout(limit, reading).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn peek_protocol(stream: &TcpStream) -> io::Result<DetectedProtocol> {
    let mut prefix = 0;
    loop {
        let rest = &HTTP2_PREFIX[prefix..];
        let mut first = [0; HTTP2_PREFIX.len()];
        let mut peek = ReadBuf::new(&mut first[..rest.len()]);
        poll_fn(|cx| stream.poll_peek(cx, &mut peek)).await?;
        let here = peek.filled();
        if here.len() == rest.len() || here.is_empty() || !rest.starts_with(here) {
            return Ok(DetectedProtocol { is_http2: here == rest, prefix: &HTTP2_PREFIX[..prefix] });
        }
        let mut begun = [0; HTTP2_PREFIX.len()];
        prefix += stream.try_read(&mut begun[..here.len()])?;
    }
}
