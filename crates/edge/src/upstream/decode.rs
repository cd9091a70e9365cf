//! Finds the end of a response's body, and the chunks within (RFC 9112 7.1).
//!
//! It is strict where leniency has caused vulnerabilities: a size is one to sixteen hexadecimal digits,
//! lines end with CRLF, and a chunk's data is followed by CRLF and nothing else. Extensions are
//! dropped.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::error::UpstreamError;
use crate::headers::is_hop_by_hop;

/// The longest line of a chunk's size with its extensions, and the largest trailer section.
const MAX_LINE_BYTES: usize = 4 * 1024;
const MAX_TRAILER_BYTES: usize = 16 * 1024;

/// Less data than this is copied, and combined with what follows if that has arrived already.
pub(super) const SMALL_PIECE_BYTES: usize = 4 * 1024;

/// How the rest of a body is framed.
#[derive(Debug)]
pub(crate) enum Decoder {
    /// This many bytes are missing.
    Length(u64),
    /// In chunks.
    Chunked(ChunkState),
    /// Everything until the connection closes.
    Eof,
}

/// The position in the chunked coding.
#[derive(Debug)]
pub(crate) enum ChunkState {
    Size,
    Data(u64),
    DataEnd,
    Trailers,
}

/// The result of decoding the bytes so far.
#[derive(Debug)]
pub(super) enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Done,
    /// More bytes are needed.
    More,
}

impl Decoder {
    pub(super) fn chunked() -> Self {
        Self::Chunked(ChunkState::Size)
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Length(0))
    }

    /// Takes the next piece from `buf`.
    pub(super) fn step(&mut self, buf: &mut BytesMut) -> Result<Step, UpstreamError> {
        match self {
            Self::Length(0) => Ok(Step::Done),
            _ if buf.is_empty() => Ok(Step::More),
            Self::Length(left) => {
                let length = take_count(left, buf);
                Ok(Step::Data(take_bytes(buf, length)))
            }
            Self::Eof => Ok(Step::Data(take_bytes(buf, buf.len()))),
            Self::Chunked(chunk) => {
                let step = chunk.step(buf)?;
                if matches!(step, Step::Trailers(_) | Step::Done) {
                    *self = Self::Length(0);
                }
                Ok(step)
            }
        }
    }
}

/// How many of the missing bytes are in `buf`; they count as taken.
fn take_count(left: &mut u64, buf: &BytesMut) -> usize {
    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(buf.len());
    *left -= length as u64;
    length
}

/// Takes this many bytes. A slice would keep the whole buffer alive, and the next read would need
/// another one: too much for a few bytes that wait for a client that does not read.
pub(super) fn take_bytes(buf: &mut BytesMut, length: usize) -> Bytes {
    if length >= SMALL_PIECE_BYTES {
        return buf.split_to(length).freeze();
    }
    let copy = Bytes::copy_from_slice(&buf[..length]);
    buf.advance(length);
    copy
}

impl ChunkState {
    fn step(&mut self, buf: &mut BytesMut) -> Result<Step, UpstreamError> {
        match self.data(buf)? {
            Some(length) => self.gather(length, buf).map(Step::Data),
            None if matches!(self, Self::Trailers) => parse_trailers(buf),
            None => Ok(Step::More),
        }
    }

    /// How many bytes of data are at the beginning of `buf`, for the caller to take; `None` if more
    /// bytes are needed, or the data has ended.
    fn data(&mut self, buf: &mut BytesMut) -> Result<Option<usize>, UpstreamError> {
        loop {
            match self {
                Self::Size => {
                    let Some(size) = parse_chunk_size(buf)? else { return Ok(None) };
                    *self = if size == 0 { Self::Trailers } else { Self::Data(size) };
                }
                Self::Data(_) if buf.is_empty() => return Ok(None),
                Self::Data(left) => {
                    let length = take_count(left, buf);
                    if *left == 0 {
                        *self = Self::DataEnd;
                    }
                    return Ok(Some(length));
                }
                Self::DataEnd if buf.len() < 2 => return Ok(None),
                Self::DataEnd if buf.starts_with(b"\r\n") => {
                    buf.advance(2);
                    *self = Self::Size;
                }
                Self::DataEnd => return Err(UpstreamError::Malformed("a chunk is longer than it says")),
                Self::Trailers => return Ok(None),
            }
        }
    }

    /// Combines small pieces that have arrived already: each becomes a frame of its own in HTTP/2,
    /// and while it waits for a client that does not read, it takes hundreds of bytes beside its
    /// data.
    fn gather(&mut self, length: usize, buf: &mut BytesMut) -> Result<Bytes, UpstreamError> {
        let first = take_bytes(buf, length);
        if first.len() >= SMALL_PIECE_BYTES {
            return Ok(first);
        }
        let Some(mut length) = self.data(buf)? else { return Ok(first) };
        let mut all = BytesMut::with_capacity((first.len() + buf.len()).min(2 * SMALL_PIECE_BYTES));
        all.extend_from_slice(&first);
        loop {
            all.extend_from_slice(&buf[..length]);
            buf.advance(length);
            if all.len() >= SMALL_PIECE_BYTES {
                break;
            }
            let Some(more) = self.data(buf)? else { break };
            length = more;
        }
        Ok(all.freeze())
    }
}

/// The size of the next chunk, if its line is complete.
fn parse_chunk_size(buf: &mut BytesMut) -> Result<Option<u64>, UpstreamError> {
    let bad = UpstreamError::Malformed("the size of a chunk is no hexadecimal number");
    let Some(end) = buf.iter().take(MAX_LINE_BYTES).position(|byte| *byte == b'\n') else {
        return if buf.len() >= MAX_LINE_BYTES { Err(bad) } else { Ok(None) };
    };
    let line = buf.split_to(end + 1);
    let Some(line) = line.strip_suffix(b"\r\n") else { return Err(bad) };
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let rest = line[digits..].trim_ascii_start();
    if !(1..=16).contains(&digits) || !(rest.is_empty() || rest.starts_with(b";")) {
        return Err(bad);
    }
    let text =
        std::str::from_utf8(&line[..digits]).map_err(|_| UpstreamError::Malformed("the size of a chunk is no text"))?;
    u64::from_str_radix(text, 16).map(Some).map_err(|_| bad)
}

/// The fields after the last chunk, if they are complete.
fn parse_trailers(buf: &mut BytesMut) -> Result<Step, UpstreamError> {
    if buf.starts_with(b"\r\n") {
        buf.advance(2);
        return Ok(Step::Done);
    }
    let mut fields = [httparse::EMPTY_HEADER; 32];
    match httparse::parse_headers(buf, &mut fields) {
        Ok(httparse::Status::Partial) if buf.len() < MAX_TRAILER_BYTES => Ok(Step::More),
        Ok(httparse::Status::Complete((length, fields))) => {
            let mut headers = HeaderMap::with_capacity(fields.len());
            for field in fields {
                let name = HeaderName::from_bytes(field.name.as_bytes());
                let value = HeaderValue::from_bytes(field.value);
                if let (Ok(name), Ok(value)) = (name, value)
                    && !is_hop_by_hop(&name)
                {
                    headers.append(name, value);
                }
            }
            buf.advance(length);
            Ok(Step::Trailers(headers))
        }
        _ => Err(UpstreamError::Malformed("its trailers are no HTTP")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `text` in pieces of `size` bytes; data, whether the end was found, what was left.
    fn decode(text: &str, size: usize) -> Result<(String, bool, usize), UpstreamError> {
        let (mut decoder, mut buf, mut data) = (Decoder::chunked(), BytesMut::new(), Vec::new());
        for piece in text.as_bytes().chunks(size) {
            buf.extend_from_slice(piece);
            loop {
                match decoder.step(&mut buf)? {
                    Step::Data(bytes) => data.extend_from_slice(&bytes),
                    Step::More => break,
                    Step::Done | Step::Trailers(_) => {
                        return Ok((String::from_utf8(data).expect("text"), true, buf.len()));
                    }
                }
            }
        }
        Ok((String::from_utf8(data).expect("text"), false, buf.len()))
    }

    #[test]
    fn chunks_are_joined_however_they_arrive() {
        let text = "5\r\nhello\r\n1;a=b\r\n \r\n0005 \r\nworld\r\n0\r\nx-sum: 1\r\n\r\n";
        for size in 1..=text.len() {
            assert_eq!(decode(text, size).expect("valid"), ("hello world".into(), true, 0), "in pieces of {size}");
        }
    }

    #[test]
    fn an_early_end_is_no_end() {
        assert!(matches!(decode("5\r\nhel", 1), Ok((_, false, _))));
        assert!(matches!(decode("5\r\nhello\r\n0\r\n", 1), Ok((_, false, _))));
    }

    #[test]
    fn bad_chunks_are_refused() {
        for text in [
            "x\r\n",
            "\r\n",
            "-5\r\nhello\r\n",
            "+5\r\n",
            "0x5\r\n",
            "5\nhello",
            "5\r\nhello!\r\n",
            "11112222333344445\r\n",
            "5 5\r\n",
        ] {
            assert!(matches!(decode(text, 1), Err(UpstreamError::Malformed(_))), "{text:?} was accepted");
        }
    }
}
