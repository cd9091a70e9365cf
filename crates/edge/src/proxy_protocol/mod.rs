//! The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt), by which a balancer that
//! forwards TCP sends the client's address first.
//!
//! It is read only from the peers that the operator named, and required from them: an optional header
//! could be left out by whoever bypasses the balancer, or forged by the balancer's own clients.

mod parse;

use std::{
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::{
    io::{AsyncReadExt, ReadBuf},
    net::TcpStream,
};

use self::parse::Step;

/// Peeked at together; nearly every header fits.
const PEEK_BYTES: usize = 512;

/// Takes the header off the stream, and no byte after it. Returns the client's address; `None` if the
/// balancer speaks for itself, as in a health check. It has no deadline; the caller sets one.
///
/// # Errors
/// If the stream ends early, or does not begin with a header.
pub(crate) async fn read_source(stream: &mut TcpStream) -> io::Result<Option<IpAddr>> {
    let mut seen = Vec::new();
    loop {
        let mut window = [0; PEEK_BYTES];
        let mut peek = ReadBuf::new(&mut window);
        let there = poll_fn(|cx| stream.poll_peek(cx, &mut peek)).await?;
        if there == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let before = seen.len();
        seen.extend_from_slice(&window[..there]);
        let step = parse::parse(&seen).map_err(io::Error::other)?;
        let taken = match &step {
            Step::More => there,
            Step::Done { length, .. } => length - before,
        };
        // These bytes have arrived already.
        stream.read_exact(&mut window[..taken]).await?;
        if let Step::Done { source, .. } = step {
            return Ok(source.map(|source: SocketAddr| source.ip()));
        }
    }
}

/// What must hold for any bytes of a balancer: a complete header does not depend on what follows it,
/// and an incomplete one is never longer than we are willing to keep.
#[cfg(any(test, feature = "fuzzing"))]
pub fn fuzz(bytes: &[u8]) {
    let whole = parse::parse(bytes);
    if let Ok(Step::Done { length, .. }) = whole {
        assert_eq!(parse::parse(&bytes[..length]), whole, "its own bytes are enough");
        assert!((0..length).all(|part| parse::parse(&bytes[..part]) == Ok(Step::More)), "and no fewer are");
    }
    assert!(whole != Ok(Step::More) || bytes.len() < 8 * 1024, "it never ends");
}
