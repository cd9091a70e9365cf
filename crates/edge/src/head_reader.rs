//! Reads the heads of HTTP/1 requests before hyper does: hyper answers what it can't parse with an empty response
//! that nobody logs or counts.
//!
//! * Characters of a target that should be percent-encoded and often are not (`"`, `<`, Latin-1) are encoded.
//! * A head that hyper would refuse is replaced by a plain request, and the connection's state knows the page that
//!   answers it. So a refusal has a page, a log line and a count, like every request. Nothing is read after it.
//! * Where the next head begins follows from `Content-Length`. After a body in chunks and after an upgrade, hyper reads
//!   the rest of the connection alone.

use std::fmt::Write;

use bytes::{Buf, BytesMut};
use http::{Method, Uri};

use crate::{connection_state::ConnectionState, page::Page};

/// As in hyper.
const MAX_FIELDS: usize = 100;

/// The longest target of the `http` crate.
const MAX_TARGET_BYTES: usize = u16::MAX as usize - 1;

/// How much of a path and a field of a refused request is kept, for the log and the format of the page.
const MAX_KEPT_BYTES: usize = 2048;

/// All that follows on the connection.
const EVERYTHING: u64 = u64::MAX;

/// The heads of one connection.
#[derive(Debug)]
pub(crate) struct HeadReader {
    max_head: usize,
    received: BytesMut,
    /// So many bytes, of the received ones and those after them, are for hyper. 0 where a head is incomplete.
    passing: u64,
    /// How much of the incomplete head has been searched for its end.
    searched: usize,
    /// At this length the incomplete head is parsed though it has no end yet.
    parse_at: usize,
    heads: u32,
    refused: bool,
}

/// A complete head.
#[derive(Debug, PartialEq, Eq)]
struct FoundHead {
    length: usize,
    /// Bytes after the head until the next one begins.
    body: u64,
}

impl HeadReader {
    /// Reads a connection that begins with `prefix`.
    pub(crate) fn new(prefix: &[u8], max_head: usize) -> Self {
        Self { passing: 0, max_head, ..Self::pass_through(prefix) }
    }

    /// Reads nothing itself.
    pub(crate) fn pass_through(prefix: &[u8]) -> Self {
        Self {
            max_head: 0,
            received: prefix.into(),
            passing: EVERYTHING,
            searched: 0,
            parse_at: 0,
            heads: 0,
            refused: false,
        }
    }

    /// How many bytes hyper may have now. If 0, more must be [received](Self::receive), unless the last head was
    /// refused.
    pub(crate) fn passing(&mut self, state: &ConnectionState) -> u64 {
        if self.passing == 0 && !self.refused {
            self.find_head(state);
        }
        self.passing
    }

    /// Whether all that follows is for hyper.
    pub(crate) fn has_ended(&self) -> bool {
        self.passing == EVERYTHING && self.received.is_empty()
    }

    pub(crate) fn has_refused(&self) -> bool {
        self.refused
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// What was received already.
    pub(crate) fn received(&self) -> &[u8] {
        &self.received
    }

    /// Hyper has got so many bytes, the received ones first.
    pub(crate) fn note_passed(&mut self, length: usize) {
        if self.passing != EVERYTHING {
            self.passing -= length as u64;
        }
        self.received.advance(length.min(self.received.len()));
        if self.received.is_empty() {
            // Idle connections hold no memory.
            self.received = BytesMut::new();
        }
    }

    fn find_head(&mut self, state: &ConnectionState) {
        // RFC 9112 2.2: empty lines before a request are ignored.
        while let Some(line) = [&b"\r\n"[..], b"\n"].into_iter().find(|line| self.received.starts_with(line)) {
            self.received.advance(line.len());
        }
        let length = self.received.len();
        let unseen = &self.received[self.searched.saturating_sub(2).min(length)..];
        if !(has_empty_line(unseen) || length >= self.parse_at || length > self.max_head) {
            self.searched = length;
            return;
        }
        // Each attempt costs as much as there is: twice as much must have arrived before the next.
        (self.searched, self.parse_at) = (length, 2 * length.max(1));
        match self.parse() {
            Ok(None) => {}
            Ok(Some(found)) => {
                let length = found.length as u64;
                self.passing = if found.body == EVERYTHING { EVERYTHING } else { length.saturating_add(found.body) };
                self.heads += 1;
                (self.searched, self.parse_at) = (0, 0);
            }
            Err(page) => {
                state.refuse_request(self.heads, page);
                self.received = substitute(&self.received).as_bytes().into();
                (self.passing, self.refused) = (self.received.len() as u64, true);
            }
        }
    }

    fn parse(&mut self) -> Result<Option<FoundHead>, Page> {
        let mut found = parse_head(&self.received);
        if found == Err(Page::BadTarget)
            && let Some(encoded) = encode_target(&self.received)
        {
            self.received = encoded;
            found = parse_head(&self.received);
        }
        let length = match &found {
            Ok(Some(found)) => found.length,
            // Its line has not ended, so it was not encoded.
            Ok(None) | Err(Page::BadTarget) if !self.received.contains(&b'\n') => {
                found = Ok(None);
                self.received.len()
            }
            Ok(None) => self.received.len(),
            Err(_) => 0,
        };
        if length <= self.max_head {
            return found;
        }
        let line = self.received.iter().position(|byte| *byte == b'\n');
        Err(if line.is_none_or(|end| end >= self.max_head) { Page::TargetTooLong } else { Page::HeadTooLarge })
    }
}

/// Whether a head may end in these bytes.
fn has_empty_line(bytes: &[u8]) -> bool {
    let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    ends.any(|at| bytes[at..].starts_with(b"\n") || bytes[at..].starts_with(b"\r\n"))
}

/// Parses a head as hyper does; `None` if it is incomplete. [`Page::BadTarget`] if another target would help.
fn parse_head(bytes: &[u8]) -> Result<Option<FoundHead>, Page> {
    let mut fields = [const { std::mem::MaybeUninit::uninit() }; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(httparse::Status::Partial) => return Ok(None),
        Ok(httparse::Status::Complete(length)) => length,
        Err(httparse::Error::TooManyHeaders) => return Err(Page::TooManyFields),
        Err(httparse::Error::Token) if request.method.is_some() => return Err(Page::BadTarget),
        Err(_) => return Err(Page::Malformed),
    };
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    if target.len() > MAX_TARGET_BYTES {
        return Err(Page::TargetTooLong);
    }
    target.parse::<Uri>().map_err(|_| Page::BadTarget)?;
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Page::Malformed)?;
    let body = body_length(&method, request.version == Some(1), request.headers)?;
    Ok(Some(FoundHead { length, body }))
}

/// How long the body is; [`EVERYTHING`] if only hyper finds its end. Rejects the framings that hyper rejects.
fn body_length(method: &Method, is_http_11: bool, fields: &[httparse::Header<'_>]) -> Result<u64, Page> {
    let all = |name: &'static str| fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    if let Some(last) = all("transfer-encoding").next_back() {
        let coding = last.value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        let is_chunked = coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return if is_chunked && is_http_11 { Ok(EVERYTHING) } else { Err(Page::Malformed) };
    }
    let mut length = None;
    for field in all("content-length") {
        let digits = !field.value.is_empty() && field.value.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(field.value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
        if number.is_none() || length.is_some() && length != number {
            return Err(Page::Malformed);
        }
        length = number;
    }
    let is_upgrade = *method == Method::CONNECT || all("upgrade").next().is_some();
    Ok(if is_upgrade { EVERYTHING } else { length.unwrap_or(0) })
}

/// The head with the target of its first line encoded; `None` if that line has no target or no end yet.
fn encode_target(head: &[u8]) -> Option<BytesMut> {
    let line = &head[..head.iter().position(|byte| *byte == b'\n')?];
    let begin = line.iter().position(|byte| *byte == b' ')? + 1;
    let end = line.iter().rposition(|byte| *byte == b' ').filter(|end| *end > begin)?;
    let keep = |byte: u8| byte.is_ascii() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{'..=b'}');
    Some([&head[..begin], encode(&line[begin..end], keep).as_bytes(), &head[end..]].concat().as_slice().into())
}

fn encode(bytes: &[u8], keep: impl Fn(u8) -> bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if keep(byte) {
            text.push(char::from(byte));
        } else {
            // Infallible: writing to a string.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// A request in the place of a refused one: its method, path, host and accepted formats, as far as they are legible.
fn substitute(head: &[u8]) -> String {
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut pieces = lines.next().unwrap_or_default().split(|byte| byte.is_ascii_whitespace());
    let methods = [Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS];
    let named = pieces.next().unwrap_or_default();
    let method = methods.into_iter().find(|method| method.as_str().as_bytes() == named).unwrap_or(Method::GET);
    let path = pieces.next().unwrap_or_default().split(|byte| *byte == b'?').next().unwrap_or_default();
    let path = if path.starts_with(b"/") { &path[..path.len().min(MAX_KEPT_BYTES)] } else { b"/" };
    let path = encode(path, |byte| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte));
    let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    let fields: Vec<_> =
        lines.filter_map(|line| std::str::from_utf8(line).ok()?.split_once(':')).take(MAX_FIELDS).collect();
    for name in ["host", "accept"] {
        let value = fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
        let is_legible =
            |value: &&str| value.len() <= MAX_KEPT_BYTES && value.bytes().all(|b| matches!(b, b' '..=b'~'));
        if let Some(value) = value.filter(is_legible) {
            request += &format!("{name}: {value}\r\n");
        }
    }
    request + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(head: &str) -> Result<Option<FoundHead>, Page> {
        parse_head(head.as_bytes())
    }

    #[test]
    fn bodies_end_where_hyper_ends_them() {
        for (fields, body) in [
            ("", Ok(0)),
            ("content-length: 7\r\n", Ok(7)),
            ("content-length: 7\r\nContent-Length: 7\r\n", Ok(7)),
            ("content-length: 7\r\ncontent-length: 8\r\n", Err(Page::Malformed)),
            ("content-length: +7\r\n", Err(Page::Malformed)),
            ("content-length: 7, 7\r\n", Err(Page::Malformed)),
            ("content-length:\r\n", Err(Page::Malformed)),
            ("transfer-encoding: chunked\r\ncontent-length: 7\r\n", Ok(EVERYTHING)),
            ("transfer-encoding: gzip, chunked\r\n", Ok(EVERYTHING)),
            ("transfer-encoding: chunked, gzip\r\n", Err(Page::Malformed)),
            ("upgrade: websocket\r\n", Ok(EVERYTHING)),
        ] {
            let head = format!("POST / HTTP/1.1\r\n{fields}\r\n");
            let expected = body.map(|body| Some(FoundHead { length: head.len(), body }));
            assert_eq!(found(&format!("{head}next")), expected, "{fields:?}");
        }
        assert_eq!(found("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n"), Err(Page::Malformed));
    }

    #[test]
    fn only_the_target_is_encoded() {
        let encoded =
            encode_target(b"GET /caf\xe9?a=\"<b>^`{|}\\&c=%20 HTTP/1.1\r\nx: \xe9\"\r\n\r\n").expect("a target");
        assert_eq!(&encoded[..], b"GET /caf%E9?a=%22%3Cb%3E%5E%60%7B%7C%7D%5C&c=%20 HTTP/1.1\r\nx: \xe9\"\r\n\r\n");
        assert_eq!(encode_target(b"GET /caf\xe9 HTTP/1.1"), None);
    }

    #[test]
    fn every_substitute_is_a_request() {
        for head in [
            &b""[..],
            b"\n",
            b"\x16\x03\x01",
            b"CONNECT \r",
            b"HEAD /a\x00b\xff?secret HTTP/9\r\nHost: shop.example.com\r\nAccept: a/b\r\nx: y\r\n\r\n",
            b"GET /\r\nhost: a\x01\r\naccept: \xff\r\n",
        ] {
            let text = substitute(head);
            assert!(matches!(found(&text), Ok(Some(FoundHead { body: 0, .. }))), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
        let kept = substitute(b"HEAD /a\x00b HTTP/9\r\nHost: shop.example.com\r\nAccept: a/b\r\n");
        let expected = "HEAD /a%00b HTTP/1.1\r\nconnection: close\r\nhost: shop.example.com\r\naccept: a/b\r\n\r\n";
        assert_eq!(kept, expected);
    }
}
