//! The head of a response, and what it says about the body (RFC 9112 6.3).
//!
//! An upstream is a customer's program and may be wrong or hostile. A response with an ambiguous length
//! (both `Transfer-Encoding` and `Content-Length`, two different lengths, an unknown coding) is
//! answered 502, as nginx does; guessing would give one visitor another's page.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE},
};
use httparse::{ParserConfig, Status};

use super::{decode::Decoder, error::UpstreamError};
use crate::headers::is_hop_by_hop;

/// Largest head of a response, and the most fields in it.
const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_FIELDS: usize = 100;

/// The most interim responses before the final one. Each costs this thread time, and a program that
/// reports its progress sends one every few seconds.
const MAX_INTERIM_RESPONSES: u32 = 200;

/// A parsed head.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(super) body: Decoder,
    /// The connection may serve another request after this response.
    pub(super) keep_alive: bool,
    /// The protocol that a 101 changes to.
    pub(crate) upgrade: Option<HeaderValue>,
}

/// Takes one head from `buf`; `None` if it is incomplete. Interim responses (1xx) except 101 are
/// skipped and counted.
pub(super) fn parse(buf: &mut BytesMut, method: &Method, interim: &mut u32) -> Result<Option<Head>, UpstreamError> {
    while !buf.is_empty() {
        let mut ranges = [const { (0..0, 0..0) }; MAX_FIELDS];
        let Some(raw) = locate_fields(buf, &mut ranges)? else {
            return if buf.len() > MAX_HEAD_BYTES {
                Err(UpstreamError::Malformed("its head is larger than 64 KB"))
            } else {
                Ok(None)
            };
        };
        let bytes = buf.split_to(raw.length).freeze();
        if !(raw.status.is_informational() && raw.status != StatusCode::SWITCHING_PROTOCOLS) {
            return build_head(&raw, &bytes, &ranges[..raw.fields], method).map(Some);
        }
        *interim += 1;
        if *interim > MAX_INTERIM_RESPONSES {
            return Err(UpstreamError::Malformed("it has too many interim responses before it"));
        }
    }
    Ok(None)
}

/// The places of a field's name and value.
type FieldRange = (Range<usize>, Range<usize>);

struct RawHead {
    status: StatusCode,
    http_11: bool,
    length: usize,
    fields: usize,
}

/// Finds where everything is, so that names and values can be slices of one buffer.
fn locate_fields(buf: &[u8], ranges: &mut [FieldRange; MAX_FIELDS]) -> Result<Option<RawHead>, UpstreamError> {
    let mut fields = [const { std::mem::MaybeUninit::uninit() }; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = ParserConfig::default()
        .allow_spaces_after_header_name_in_responses(false)
        .parse_response_with_uninit_headers(&mut response, buf, &mut fields)
        .map_err(|_| UpstreamError::Malformed("its head is no HTTP"))?;
    let Status::Complete(length) = parsed else { return Ok(None) };
    let status = StatusCode::from_u16(response.code.unwrap_or_default())
        .map_err(|_| UpstreamError::Malformed("its status is out of range"))?;
    let base = buf.as_ptr() as usize;
    let place = |part: &[u8]| {
        let start = part.as_ptr() as usize - base;
        start..start + part.len()
    };
    for (range, field) in ranges.iter_mut().zip(response.headers.iter()) {
        *range = (place(field.name.as_bytes()), place(field.value));
    }
    Ok(Some(RawHead { status, http_11: response.version == Some(1), length, fields: response.headers.len() }))
}

fn build_head(raw: &RawHead, bytes: &Bytes, ranges: &[FieldRange], method: &Method) -> Result<Head, UpstreamError> {
    let mut headers = HeaderMap::with_capacity(ranges.len());
    let mut framing = FramingFields { keep_alive: raw.http_11, ..FramingFields::default() };
    for (name, value) in ranges {
        let name = HeaderName::from_bytes(&bytes[name.clone()])
            .map_err(|_| UpstreamError::Malformed("it has an invalid field name"))?;
        let value = HeaderValue::from_maybe_shared(bytes.slice(value.clone()))
            .map_err(|_| UpstreamError::Malformed("it has an invalid field value"))?;
        framing.note(&name, &value, &headers)?;
        let repeated = name == CONTENT_LENGTH && headers.contains_key(CONTENT_LENGTH);
        if !repeated && !is_hop_by_hop(&name) {
            headers.append(name, value);
        }
    }
    for name in &framing.listed {
        headers.remove(name);
    }
    let body = framing.decoder(raw, method, &mut headers)?;
    let keep_alive = framing.keep_alive && !matches!(body, Decoder::Eof);
    Ok(Head { status: raw.status, headers, body, keep_alive, upgrade: framing.upgrade })
}

/// What the fields say about framing and connection.
#[derive(Default)]
struct FramingFields {
    length: Option<u64>,
    chunked: bool,
    keep_alive: bool,
    upgrade: Option<HeaderValue>,
    listed: Vec<HeaderName>,
}

impl FramingFields {
    fn note(&mut self, name: &HeaderName, value: &HeaderValue, earlier: &HeaderMap) -> Result<(), UpstreamError> {
        match *name {
            CONTENT_LENGTH => {
                let length = parse_decimal(value.as_bytes())
                    .ok_or(UpstreamError::Malformed("its Content-Length is no number"))?;
                if earlier.contains_key(CONTENT_LENGTH) && self.length != Some(length) {
                    return Err(UpstreamError::Malformed("it has two different Content-Lengths"));
                }
                self.length = Some(length);
            }
            TRANSFER_ENCODING if value.as_bytes().eq_ignore_ascii_case(b"chunked") && !self.chunked => {
                self.chunked = true
            }
            TRANSFER_ENCODING => return Err(UpstreamError::Malformed("it has a Transfer-Encoding other than chunked")),
            UPGRADE => self.upgrade = Some(value.clone()),
            CONNECTION => self.connection(value.to_str().unwrap_or_default()),
            _ => {}
        }
        Ok(())
    }

    fn connection(&mut self, value: &str) {
        for token in value.split(',').map(str::trim) {
            if token.eq_ignore_ascii_case("close") {
                self.keep_alive = false;
            } else if token.eq_ignore_ascii_case("keep-alive") {
                self.keep_alive = true;
            } else if !token.eq_ignore_ascii_case("upgrade") {
                self.listed
                    .extend(HeaderName::from_bytes(token.as_bytes()).ok().filter(|name| *name != CONTENT_LENGTH));
            }
        }
    }

    fn decoder(&self, raw: &RawHead, method: &Method, headers: &mut HeaderMap) -> Result<Decoder, UpstreamError> {
        if self.chunked && (self.length.is_some() || !raw.http_11) {
            return Err(UpstreamError::Malformed(
                "it has two framings: a Transfer-Encoding beside a Content-Length or in HTTP/1.0",
            ));
        }
        let bodiless =
            matches!(raw.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS);
        if raw.status == StatusCode::NO_CONTENT {
            headers.remove(CONTENT_LENGTH);
        }
        Ok(match self.length {
            _ if bodiless || *method == Method::HEAD => Decoder::Length(0),
            _ if self.chunked => Decoder::chunked(),
            Some(length) => Decoder::Length(length),
            None => Decoder::Eof,
        })
    }
}

/// Digits only: no sign, no blank, no list.
fn parse_decimal(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}
