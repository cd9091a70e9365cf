//! The host of a request, without allocating.
//!
//! The name comes from `:authority` (HTTP/2), from an absolute request-target, or from the single
//! `Host` field. Ambiguity is rejected, never resolved: a proxy and an application that disagree about
//! the host poison caches and mix up tenants. So no host, several hosts, a target that contradicts the
//! field, userinfo, or characters that no hostname has are all answered 400.

use std::{
    io::{self, Write},
    net::Ipv6Addr,
};

use http::{HeaderMap, Uri, header::HOST};

/// Why a request names no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHost {
    Missing,
    Several,
    Contradictory,
    Malformed,
}

impl BadHost {
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::Missing => "The request does not say which host it is for. Send one Host header.",
            Self::Several => "The request has several Host headers. Send exactly one.",
            Self::Contradictory => "The request's address and its Host header differ. Send the same host in both.",
            Self::Malformed => "The request's host is not a valid hostname.",
        }
    }
}

/// Longest hostname in text form (RFC 1035).
pub(crate) const MAX_NAME: usize = 253;

/// Writes each of the platform's own names as requests are compared with it.
///
/// # Errors
/// If one is not a hostname or an address.
pub(crate) fn normalize_platform_hosts(hosts: &mut [String]) -> io::Result<()> {
    for host in hosts {
        let bare = name(host, &mut [0; MAX_NAME]).map(str::to_owned);
        *host = bare.map_err(|_| {
            io::Error::other(format!("reading the platform host {host:?}: write a bare hostname or address"))
        })?;
    }
    Ok(())
}

/// The authority as the client wrote it.
pub(crate) fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, BadHost> {
    let mut fields = headers.get_all(HOST).iter();
    let field = match (fields.next(), fields.next()) {
        (None, _) => None,
        (Some(value), None) => Some(value.to_str().map_err(|_| BadHost::Malformed)?),
        (Some(_), Some(_)) => return Err(BadHost::Several),
    };
    match (uri.authority().map(http::uri::Authority::as_str), field) {
        (None, None) => Err(BadHost::Missing),
        (None, Some(text)) | (Some(text), None) => Ok(text),
        (Some(target), Some(text)) if target.eq_ignore_ascii_case(text) => Ok(text),
        (Some(_), Some(_)) => Err(BadHost::Contradictory),
    }
}

/// The bare lower-case name in an authority: no port, no trailing dot. `scratch` is only written for
/// names with capitals, and for IPv6 addresses, which have many spellings: they get the one of RFC
/// 5952, as browsers write it.
pub(crate) fn name<'a>(authority: &'a str, scratch: &'a mut [u8; MAX_NAME]) -> Result<&'a str, BadHost> {
    let (name, port) = split_port(authority)?;
    if !port.bytes().all(|b| b.is_ascii_digit()) || port.len() > 5 {
        return Err(BadHost::Malformed);
    }
    if let Some(literal) = name.strip_prefix('[') {
        let address: Ipv6Addr = literal.trim_end_matches(']').parse().map_err(|_| BadHost::Malformed)?;
        let mut room = &mut scratch[..];
        write!(room, "[{address}]").map_err(|_| BadHost::Malformed)?;
        let length = MAX_NAME - room.len();
        return std::str::from_utf8(&scratch[..length]).map_err(|_| BadHost::Malformed);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(BadHost::Malformed);
    }
    let (mut capitals, mut before) = (false, b'.');
    for byte in name.bytes() {
        match byte {
            // An empty label (RFC 1034 3.1): no name has one, and programs disagree on what
            // remains.
            b'.' if before == b'.' => return Err(BadHost::Malformed),
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {}
            b'A'..=b'Z' => capitals = true,
            _ => return Err(BadHost::Malformed),
        }
        before = byte;
    }
    if before == b'.' {
        return Err(BadHost::Malformed);
    }
    if !capitals {
        return Ok(name);
    }
    let lower = &mut scratch[..name.len()];
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).map_err(|_| BadHost::Malformed)
}

/// Name and port; an IPv6 literal keeps its brackets.
fn split_port(authority: &str) -> Result<(&str, &str), BadHost> {
    if let Some(rest) = authority.strip_prefix('[') {
        let end = rest.find(']').ok_or(BadHost::Malformed)?;
        let valid = rest[..end].parse::<Ipv6Addr>().is_ok();
        return match (&rest[end + 1..], valid) {
            ("", true) => Ok((&authority[..end + 2], "")),
            (port, true) => Ok((&authority[..end + 2], port.strip_prefix(':').ok_or(BadHost::Malformed)?)),
            (_, false) => Err(BadHost::Malformed),
        };
    }
    Ok(authority.split_once(':').unwrap_or((authority, "")))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn named(text: &str) -> Result<String, BadHost> {
        name(text, &mut [0; MAX_NAME]).map(str::to_owned)
    }

    #[test]
    fn names_are_bare_and_lower() {
        for (text, expected) in [
            ("shop.example.com", "shop.example.com"),
            ("Shop.Example.COM:8080", "shop.example.com"),
            ("shop.example.com.", "shop.example.com"),
            ("shop.example.com.:", "shop.example.com"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("[2001:DB8:0::1]:80", "[2001:db8::1]"),
        ] {
            assert_eq!(named(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn doubtful_names_are_refused() {
        let long = "a".repeat(254);
        for text in [
            "",
            ".",
            "a..",
            ".a",
            "a..b",
            ":80",
            "user@shop.example.com",
            "a b",
            "a/b",
            "a:b",
            "a:1:2",
            "a:123456",
            "[::1",
            "[::1]x",
            "[zz]",
            "é",
            "a,b",
            "a\tb",
            &long,
        ] {
            assert_eq!(named(text), Err(BadHost::Malformed), "{text:?} was accepted");
        }
    }

    #[test]
    fn target_and_field_must_agree() {
        let mut headers = HeaderMap::new();
        let origin = Uri::from_static("/x");
        let absolute = Uri::from_static("http://a.example/x");
        assert_eq!(authority(&origin, &headers), Err(BadHost::Missing));
        assert_eq!(authority(&absolute, &headers), Ok("a.example"));
        headers.append(HOST, HeaderValue::from_static("A.example"));
        assert_eq!(authority(&absolute, &headers), Ok("A.example"));
        assert_eq!(authority(&Uri::from_static("http://b.example/"), &headers), Err(BadHost::Contradictory));
        headers.append(HOST, HeaderValue::from_static("a.example"));
        assert_eq!(authority(&origin, &headers), Err(BadHost::Several));
    }
}
