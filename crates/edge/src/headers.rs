//! Which header fields pass through, and which the edge writes itself (`request_head`).
//!
//! * Hop-by-hop fields (RFC 9110 7.6.1), and those that `Connection` lists, end here, both ways.
//! * What a client says about itself (`X-Real-IP`, `X-Forwarded-*`, `Forwarded`) is believed only if the
//!   peer is a trusted proxy; otherwise it is removed and replaced.
//! * Names with underscores are removed: CGI, PHP and WSGI read `X_Forwarded_For` and `X-Forwarded-For`
//!   as the same variable, which would bypass the rule above. `Proxy` is removed because the same
//!   applications read it as `HTTP_PROXY`.
//! * `Expect` ends here, as the edge answers it; `Content-Length` is written with the framing.

use http::{
    HeaderMap, HeaderName, HeaderValue, Version,
    header::{CONNECTION, UPGRADE},
    request::Parts,
};

/// What happens to a request's header field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FieldRule {
    Pass,
    Drop,
    /// Passes only if a trusted proxy sent it.
    TrustedOnly,
}

pub(crate) fn field_rule(name: &str) -> FieldRule {
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

/// Whether a field may come after a request's body: none that decides about the request may.
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

/// The protocol that the client asks to switch to, if it may. HTTP/2 is not allowed: RFC 9113 3.1 has
/// removed this upgrade, and requests in such a tunnel would pass the edge unseen. It could hide in a
/// value that can't be read.
pub(crate) fn requested_upgrade(parts: &Parts) -> Option<&HeaderValue> {
    let wanted = parts.headers.get(UPGRADE)?;
    let asked = tokens(&parts.headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"));
    let hides_http =
        tokens(&parts.headers, &UPGRADE).any(is_http) || parts.headers.get_all(UPGRADE).iter().any(is_opaque);
    (parts.version == Version::HTTP_11 && asked && !hides_http).then_some(wanted)
}

/// Whether a value contains bytes that no token may (RFC 9110 5.6.2), so others may read it
/// differently.
fn is_opaque(value: &HeaderValue) -> bool {
    value.to_str().is_err()
}

/// Whether a protocol (RFC 9110 7.8: a name and maybe a version) is HTTP itself.
fn is_http(protocol: &str) -> bool {
    let name = protocol.split('/').next().unwrap_or_default();
    ["h2c", "h2", "http"].iter().any(|http| name.eq_ignore_ascii_case(http))
}

/// The fields that `Connection` lists, except those that every hop knows anyway.
pub(crate) struct ConnectionFields<'a>(Vec<&'a str>);

impl<'a> ConnectionFields<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let known = |token: &&str| {
            !["close", "keep-alive", "upgrade", "te"].iter().any(|known| token.eq_ignore_ascii_case(known))
        };
        Self(tokens(headers, &CONNECTION).filter(known).collect())
    }

    pub(crate) fn has(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|token| token.eq_ignore_ascii_case(name.as_str()))
    }
}
