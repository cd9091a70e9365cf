//! The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): what a balancer that
//! passes TCP on says first about the client it speaks for.
//!
//! It is read from the peers that the operator named and from nobody else, and from them it is
//! required: a header that is optional could be left out by whoever reaches the port around the
//! balancer, or be forged by the balancer's own clients.

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

/// Looked at in one go; nearly every header fits.
const PEEK_BYTES: usize = 512;

/// Takes the header off the stream, and no byte of what comes after it: the socket stays bare. The
/// client's address; none if the balancer speaks for itself, as when it checks our health.
/// Nothing here has a deadline: the caller gives up when the watch says so.
///
/// # Errors
/// If the stream ends before, or what comes is no such header.
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
        // It is there already.
        stream.read_exact(&mut window[..taken]).await?;
        if let Step::Done { source, .. } = step {
            return Ok(source.map(|source: SocketAddr| source.ip()));
        }
    }
}

/// What must hold for any bytes of a balancer: a header that is whole stays the same whatever
/// comes after it, and one that is not yet whole is never longer than we are ready to keep.
#[cfg(any(test, feature = "fuzzing"))]
pub fn fuzz(bytes: &[u8]) {
    let whole = parse::parse(bytes);
    if let Ok(Step::Done { length, .. }) = whole {
        assert_eq!(parse::parse(&bytes[..length]), whole, "its own bytes are enough");
        assert!((0..length).all(|part| parse::parse(&bytes[..part]) == Ok(Step::More)), "and no fewer are");
    }
    assert!(whole != Ok(Step::More) || bytes.len() < 8 * 1024, "it never ends");
}
