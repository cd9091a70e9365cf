//! Which HTTP a plain connection speaks, told by its first three bytes. Almost always they come at
//! once and are only peeked at. A peek that brings fewer would find the same again and again, so
//! these are taken: what is taken is the beginning of `PRI`, and read anew from here.

use std::{future::poll_fn, io};

use tokio::{io::ReadBuf, net::TcpStream, time::timeout};

use super::while_running;
use crate::client::Client;

/// How HTTP/2 with prior knowledge begins (RFC 9113 3.4).
const PRI: &[u8] = b"PRI";

/// What a connection began with.
pub(super) struct First {
    pub(super) is_http2: bool,
    /// What is no longer in the socket.
    pub(super) taken: &'static [u8],
}

/// Waits for the first bytes, for as long as a request's head may take.
pub(super) async fn read(stream: &TcpStream, client: &Client) -> io::Result<First> {
    let limit = client.worker.shared.config.timeouts.header;
    let reading = while_running(&client.watched, look(stream));
    timeout(limit, reading).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn look(stream: &TcpStream) -> io::Result<First> {
    let mut taken = 0;
    loop {
        let rest = &PRI[taken..];
        let mut first = [0; PRI.len()];
        let mut peek = ReadBuf::new(&mut first[..rest.len()]);
        poll_fn(|cx| stream.poll_peek(cx, &mut peek)).await?;
        let here = peek.filled();
        if here.len() == rest.len() || here.is_empty() || !rest.starts_with(here) {
            return Ok(First { is_http2: here == rest, taken: &PRI[..taken] });
        }
        let mut begun = [0; PRI.len()];
        taken += stream.try_read(&mut begun[..here.len()])?;
    }
}
