//! What must hold for any bytes of an upstream, checked by the fuzzers and by a test with random bytes.
//! Panics where it does not hold.

#[cfg(test)]
use bytes::Bytes;
use bytes::BytesMut;
use http::{Method, header::CONTENT_LENGTH};

use super::{
    decode::{Decoder, Step},
    head,
};
use crate::headers::is_hop_by_hop;

/// The head of a response is the same however its bytes arrive, and has no hop-by-hop fields.
pub(crate) fn response_head(bytes: &[u8]) {
    for method in [Method::GET, Method::HEAD] {
        let whole = read_head(bytes, bytes.len(), &method);
        for size in [1, 7] {
            assert_eq!(read_head(bytes, size, &method), whole, "in pieces of {size}");
        }
    }
}

/// A head in text form; `None` if it is incomplete.
fn read_head(bytes: &[u8], size: usize, method: &Method) -> Result<Option<String>, ()> {
    let (mut buf, mut interim) = (BytesMut::new(), 0);
    for piece in bytes.chunks(size.max(1)) {
        buf.extend_from_slice(piece);
        if let Some(head) = head::parse(&mut buf, method, &mut interim).map_err(|_| ())? {
            assert!(head.headers.keys().all(|name| !is_hop_by_hop(name)), "{head:?}");
            assert!(head.headers.get_all(CONTENT_LENGTH).iter().count() <= 1, "{head:?}");
            assert!(!(head.keep_alive && matches!(head.body, Decoder::Eof)), "{head:?}");
            return Ok(Some(format!("{head:?}")));
        }
    }
    Ok(None)
}

/// Chunks decode as in a plain reading of RFC 9112 7.1, however they arrive.
pub(crate) fn chunks(bytes: &[u8]) {
    let whole = read_chunks(bytes, bytes.len());
    assert_eq!(whole, plainly(bytes), "the plain reading differs");
    for size in [1, 7] {
        assert_eq!(read_chunks(bytes, size), whole, "in pieces of {size}");
    }
}

/// The data, and how many bytes are left after the end; `None` if there is no end yet.
type Decoded = (Vec<u8>, Option<usize>);

fn read_chunks(bytes: &[u8], size: usize) -> Result<Decoded, ()> {
    let (mut decoder, mut buf, mut data) = (Decoder::chunked(), BytesMut::new(), Vec::new());
    let mut pieces = bytes.chunks(size.max(1));
    loop {
        match decoder.step(&mut buf).map_err(|_| ())? {
            Step::Data(piece) => data.extend_from_slice(&piece),
            Step::Done | Step::Trailers(_) => {
                assert!(decoder.is_done());
                return Ok((data, Some(buf.len() + pieces.map(<[u8]>::len).sum::<usize>())));
            }
            Step::More => match pieces.next() {
                Some(piece) => buf.extend_from_slice(piece),
                None => return Ok((data, None)),
            },
        }
    }
}

/// The same, slowly and by slices. Trailers are left to `httparse` here too.
fn plainly(bytes: &[u8]) -> Result<Decoded, ()> {
    let (mut data, mut rest) = (Vec::new(), bytes);
    loop {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return Ok((data, None)) };
        let line = rest[..end].strip_suffix(b"\r").ok_or(())?;
        rest = &rest[end + 1..];
        let digits = line.split(|byte| !byte.is_ascii_hexdigit()).next().unwrap_or_default();
        let behind = line[digits.len()..].trim_ascii_start();
        if digits.is_empty() || digits.len() > 16 || !matches!(behind.first(), None | Some(b';')) {
            return Err(());
        }
        let size =
            digits.iter().fold(0u64, |size, digit| size << 4 | u64::from((*digit as char).to_digit(16).unwrap_or(0)));
        if size == 0 {
            return trailers(rest).map(|left| (data, left));
        }
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        data.extend_from_slice(&rest[..length.min(rest.len())]);
        let Some(after) = rest.get(length..).filter(|after| after.len() >= 2) else { return Ok((data, None)) };
        rest = after.strip_prefix(b"\r\n").ok_or(())?;
    }
}

fn trailers(rest: &[u8]) -> Result<Option<usize>, ()> {
    if rest.starts_with(b"\r\n") {
        return Ok(Some(rest.len() - 2));
    }
    let mut fields = [httparse::EMPTY_HEADER; 32];
    match httparse::parse_headers(rest, &mut fields) {
        Ok(httparse::Status::Complete((length, _))) => Ok(Some(rest.len() - length)),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(()),
    }
}

/// Seeds.
#[cfg(test)]
pub(crate) const SEEDS: [Bytes; 8] = [
    Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close, x-a\r\nX-A: b\r\n\r\nhello"),
    Bytes::from_static(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
    Bytes::from_static(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
    Bytes::from_static(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-b\r\n\r\n2\r\nab\r\n0\r\n\r\n"),
    Bytes::from_static(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n"),
    Bytes::from_static(b"5\r\nhello\r\n0\r\n\r\n"),
    Bytes::from_static(b"5;a=\"b\"\r\nhello\r\n000A \r\n0123456789\r\n0\r\nx-sum: 1\r\n\r\nmore"),
    Bytes::from_static(b"ffffffffffffffff\r\nhello"),
];
