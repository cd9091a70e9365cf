//! Which header fields pass through, and which the edge writes itself.
//!
//! * Hop-by-hop fields (RFC 9110 7.6.1), and those that `Connection` lists, end here, both ways.
//! * What a client says about itself (`X-Real-IP`, `X-Forwarded-*`, `Forwarded`) is believed only
//!   if the peer is a trusted proxy; otherwise it is removed and written anew.
//! * Names with underscores are removed: CGI, PHP and WSGI read `X_Forwarded_For` and
//!   `X-Forwarded-For` as the same variable, so they would be the way around the rule above.
//!   `Proxy` is removed because the same applications read it as `HTTP_PROXY`.
//! * `Expect` ends here, as the edge answers it; `Content-Length` is written with the framing.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::{BufMut, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Version,
    header::{CONNECTION, COOKIE, FORWARDED, HOST, TE, UPGRADE},
    request::Parts,
};

use crate::client::{ClientConnection, X_FORWARDED_FOR, X_FORWARDED_PROTO};

const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What becomes of a request's header field.
#[derive(Debug, PartialEq, Eq)]
enum FieldRule {
    Pass,
    Drop,
    /// Passes only if a trusted proxy sent it.
    TrustedOnly,
}

fn field_rule(name: &str) -> FieldRule {
    match name {
        "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade"
        | "http2-settings" | "proxy" | "expect" | "content-length" | "host" | "cookie" | "x-request-id" => {
            FieldRule::Drop
        }
        "x-real-ip" | "forwarded" => FieldRule::TrustedOnly,
        _ if name.starts_with("x-forwarded-") => FieldRule::TrustedOnly,
        _ if name.contains('_') => FieldRule::Drop,
        _ => FieldRule::Pass,
    }
}

/// Whether a response's header field ends here.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(name.as_str(), "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade")
}

/// Whether a field may come after a request's body: nothing that decides about the request may.
pub(crate) fn may_trail(name: &HeaderName) -> bool {
    field_rule(name.as_str()) == FieldRule::Pass
}

/// The tokens of all values of a comma-separated field.
pub(crate) fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// The protocol that the client asks to change to, if it may. HTTP/2 is none: RFC 9113 3.1 has
/// abolished this way to it, and requests within such a tunnel would pass the edge unseen. Where a
/// value can't be read, it may hide there.
pub(crate) fn requested_upgrade(parts: &Parts) -> Option<&HeaderValue> {
    let wanted = parts.headers.get(UPGRADE)?;
    let asked = tokens(&parts.headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"));
    let hides_http =
        tokens(&parts.headers, &UPGRADE).any(is_http) || parts.headers.get_all(UPGRADE).iter().any(is_opaque);
    (parts.version == Version::HTTP_11 && asked && !hides_http).then_some(wanted)
}

/// Whether a value holds what no token may (RFC 9110 5.6.2), so that nobody knows how others read it.
fn is_opaque(value: &HeaderValue) -> bool {
    value.to_str().is_err()
}

/// Whether a protocol (RFC 9110 7.8: a name and maybe a version) is HTTP itself.
fn is_http(protocol: &str) -> bool {
    let name = protocol.split('/').next().unwrap_or_default();
    ["h2c", "h2", "http"].iter().any(|http| name.eq_ignore_ascii_case(http))
}

/// Writes the head of a request for an upstream, up to the framing fields and the empty line.
pub(crate) fn write_request(out: &mut BytesMut, parts: &Parts, authority: &str, client: &ClientConnection) {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    out.reserve(512 + target.len());
    for piece in [parts.method.as_str(), " ", target, " HTTP/1.1\r\nhost: ", authority, "\r\n"] {
        out.put_slice(piece.as_bytes());
    }
    let listed = ConnectionFields::of(&parts.headers);
    for (name, value) in &parts.headers {
        let passes = match field_rule(name.as_str()) {
            FieldRule::Pass => !listed.has(name),
            FieldRule::Drop => false,
            // Whatever `Connection` lists: a proxy may have passed its client's on.
            FieldRule::TrustedOnly => client.trusted && *name != X_REAL_IP && *name != X_FORWARDED_FOR,
        };
        if passes {
            put_field(out, name, value.as_bytes());
        }
    }
    write_cookies(out, &parts.headers);
    write_forwarded(out, parts, authority, client);
    if let Some(protocol) = requested_upgrade(parts) {
        out.put_slice(b"connection: upgrade\r\n");
        put_field(out, &UPGRADE, protocol.as_bytes());
    } else if tokens(&parts.headers, &TE).any(|token| token.eq_ignore_ascii_case("trailers")) {
        out.put_slice(b"te: trailers\r\nconnection: te\r\n");
    }
}

/// One `Cookie` field, though HTTP/2 clients may split it (RFC 9113 8.2.3).
fn write_cookies(out: &mut BytesMut, headers: &HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    let Some(first) = cookies.next() else { return };
    out.put_slice(b"cookie: ");
    out.put_slice(first.as_bytes());
    for more in cookies {
        out.put_slice(b"; ");
        out.put_slice(more.as_bytes());
    }
    out.put_slice(b"\r\n");
}

/// Who asked, how and for what, in the fields that applications read.
fn write_forwarded(out: &mut BytesMut, parts: &Parts, authority: &str, client: &ClientConnection) {
    let headers = &parts.headers;
    if client.trusted {
        put_field(out, &X_REAL_IP, client.address(headers).to_string().as_bytes());
    } else {
        put_field(out, &X_REAL_IP, client.peer_text.as_bytes());
    }
    out.put_slice(b"x-forwarded-for: ");
    if client.trusted {
        for earlier in headers.get_all(X_FORWARDED_FOR) {
            out.put_slice(earlier.as_bytes());
            out.put_slice(b", ");
        }
    }
    out.put_slice(client.peer_text.as_bytes());
    out.put_slice(b"\r\n");
    if !client.trusted || !headers.contains_key(X_FORWARDED_PROTO) {
        put_field(out, &X_FORWARDED_PROTO, client.listener.scheme().as_bytes());
    }
    if !client.trusted || !headers.contains_key(X_FORWARDED_HOST) {
        put_field(out, &X_FORWARDED_HOST, authority.as_bytes());
    }
    match request_id(headers) {
        Some(id) => put_field(out, &X_REQUEST_ID, id.as_bytes()),
        None => put_field(out, &X_REQUEST_ID, &client.worker.ids.next()),
    }
}

fn put_field(out: &mut BytesMut, name: &HeaderName, value: &[u8]) {
    out.put_slice(name.as_str().as_bytes());
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

/// The request id that the client gave, if it is a plain one.
fn request_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (!id.is_empty() && id.len() <= 128 && id.bytes().all(plain)).then_some(id)
}

/// The same rules for a request that stays in this process.
pub(crate) fn rewrite(parts: &mut Parts, authority: &str, client: &ClientConnection) {
    let text = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    let address = client.address(&parts.headers).to_string();
    let id = request_id(&parts.headers).map_or_else(|| text(&String::from_utf8_lossy(&client.worker.ids.next())), text);
    let headers = &mut parts.headers;
    if !client.trusted {
        let claims: Vec<_> =
            headers.keys().filter(|name| field_rule(name.as_str()) == FieldRule::TrustedOnly).cloned().collect();
        for name in claims {
            headers.remove(name);
        }
        headers.remove(FORWARDED);
    }
    headers.insert(X_REAL_IP, text(&address));
    headers.append(X_FORWARDED_FOR, text(&client.peer_text));
    headers.entry(X_FORWARDED_PROTO).or_insert(HeaderValue::from_static(client.listener.scheme()));
    headers.entry(X_FORWARDED_HOST).or_insert_with(|| text(authority));
    headers.entry(HOST).or_insert_with(|| text(authority));
    headers.insert(X_REQUEST_ID, id);
}

/// The fields that `Connection` lists, beside those that every hop knows anyway.
struct ConnectionFields<'a>(Vec<&'a str>);

impl<'a> ConnectionFields<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let known = |token: &&str| {
            !["close", "keep-alive", "upgrade", "te"].iter().any(|known| token.eq_ignore_ascii_case(known))
        };
        Self(tokens(headers, &CONNECTION).filter(known).collect())
    }

    fn has(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|token| token.eq_ignore_ascii_case(name.as_str()))
    }
}

/// Makes request ids: unique, and unguessable enough to quote in a support ticket.
#[derive(Debug)]
pub(crate) struct RequestIds {
    seed: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        let random = |salt: u8| RandomState::new().hash_one(salt);
        Self { seed: random(0), next: AtomicU64::new(random(1)) }
    }

    /// 32 hexadecimal digits.
    pub(crate) fn next(&self) -> [u8; 32] {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let number = self.next.fetch_add(ODD, Relaxed);
        let mut id = [0; 32];
        for (half, digits) in [self.seed, number].into_iter().zip(id.chunks_exact_mut(16)) {
            for (place, digit) in digits.iter_mut().rev().enumerate() {
                *digit = b"0123456789abcdef"[(half >> (place * 4)) as usize & 15];
            }
        }
        id
    }
}
