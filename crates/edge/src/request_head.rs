//! The head of a request as the site or the platform gets it: the fields that pass (`headers`), and those
//! in which the edge says who asked, how and for what.

use bytes::{BufMut, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{COOKIE, HOST, TE, UPGRADE},
    request::Parts,
};

use crate::{
    client::{ClientConnection, X_FORWARDED_FOR, X_FORWARDED_PROTO},
    headers::{ConnectionFields, FieldRule, field_rule, requested_upgrade, tokens},
};

const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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
            // Whether `Connection` lists it or not: a proxy may have forwarded its client's
            // `Connection`.
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

/// A single `Cookie` field, though HTTP/2 clients may split it (RFC 9113 8.2.3).
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
    match request_id(headers, client) {
        Some(id) => put_field(out, &X_REQUEST_ID, id.as_bytes()),
        None => put_field(out, &X_REQUEST_ID, &client.worker.request_ids.next()),
    }
}

/// Writes one header field of HTTP/1.1.
pub(crate) fn put_field(out: &mut BytesMut, name: &HeaderName, value: &[u8]) {
    out.put_slice(name.as_str().as_bytes());
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

/// The request id that a trusted proxy has given, if it has a safe form. Other clients can't choose one: it would let
/// them pass off their requests as another one's in the logs.
fn request_id<'a>(headers: &'a HeaderMap, client: &ClientConnection) -> Option<&'a str> {
    if !client.trusted {
        return None;
    }
    let id = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (!id.is_empty() && id.len() <= 128 && id.bytes().all(plain)).then_some(id)
}

/// Applies the same rules to a request that stays in this process.
pub(crate) fn rewrite_in_place(parts: &mut Parts, authority: &str, client: &ClientConnection) {
    let text = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    let address = client.address(&parts.headers).to_string();
    let id = request_id(&parts.headers, client)
        .map_or_else(|| text(&String::from_utf8_lossy(&client.worker.request_ids.next())), text);
    let headers = &mut parts.headers;
    if !client.trusted {
        let claims: Vec<_> =
            headers.keys().filter(|name| field_rule(name.as_str()) == FieldRule::TrustedOnly).cloned().collect();
        for name in claims {
            headers.remove(name);
        }
    }
    headers.insert(X_REAL_IP, text(&address));
    headers.append(X_FORWARDED_FOR, text(&client.peer_text));
    headers.entry(X_FORWARDED_PROTO).or_insert(HeaderValue::from_static(client.listener.scheme()));
    headers.entry(X_FORWARDED_HOST).or_insert_with(|| text(authority));
    headers.entry(HOST).or_insert_with(|| text(authority));
    headers.insert(X_REQUEST_ID, id);
}
