//! The parsers of this crate for the fuzzers in `fuzz/`, and what must hold for any input. Each
//! function panics where it does not hold. Not part of the crate's interface.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, Uri, header::HOST};
use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::{Notice, Route, RouteLimits, RoutingTable, Target},
};

pub use crate::proxy_protocol::fuzz as proxy_protocol;
use crate::{
    config::Config,
    host::{self, MAX_NAME},
    table::{Entry, Table},
    tls::TlsConfig,
    upstream,
};

/// The head of an upstream's response.
pub fn response_head(bytes: &[u8]) {
    upstream::fuzz::response_head(bytes);
}

/// The chunks of an upstream's response.
pub fn chunks(bytes: &[u8]) {
    upstream::fuzz::chunks(bytes);
}

/// The routed names; the last one is the platform's.
const NAMES: [&str; 4] = ["shop.example.com", "xn--bcher-kva.example", "a-b.c", "portal.example.com"];

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let config = Config { platform_hosts: vec![NAMES[3].to_owned()], ..Config::default() };
    let mut table = RoutingTable { version: 1, ..RoutingTable::default() };
    for (number, name) in NAMES[..3].iter().enumerate() {
        let route = Route {
            site: SiteId::from_uuid(uuid::Uuid::from_u128(number as u128)),
            target: Target::Notice(Notice::Stopped),
            limits: RouteLimits::body(0),
            secure: false,
        };
        table.routes.insert(Hostname::parse(name).expect("a name"), route);
    }
    Table::compile(table, &Table::default(), &config, &TlsConfig::new().expect("a TLS library"))
});

/// From a `Host` field, and maybe an absolute target before it on its own line, to a route: only the
/// name itself, in any case, with a port or a trailing dot, finds it.
pub fn host(bytes: &[u8]) {
    let (target, field) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (&b"/"[..], bytes),
    };
    let (Ok(uri), Ok(value)) = (Uri::try_from(target), HeaderValue::from_bytes(field)) else { return };
    let headers = HeaderMap::from_iter([(HOST, value)]);
    let Ok(authority) = host::authority(&uri, &headers) else { return };
    assert_eq!(authority.as_bytes(), field, "the field's own text is what the upstream gets");
    let mut scratch = [0; MAX_NAME];
    let Ok(name) = host::name(authority, &mut scratch) else { return };
    assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase() && !name.starts_with('[')), "{name:?} has capitals");
    assert_eq!(host::name(name, &mut [0; MAX_NAME]), Ok(name), "{name:?} reads as something else");
    let found = match TABLE.find(name) {
        Some(Entry::Site(site)) => Some(site.name.to_string()),
        Some(Entry::Platform { name, .. }) => Some(name.to_string()),
        Some(Entry::Text(_)) | None => None,
    };
    assert_eq!(found.as_deref(), intended_name(authority), "{authority:?} leads elsewhere");
}

/// The name that an authority means, spelled out.
fn intended_name(authority: &str) -> Option<&'static str> {
    NAMES.into_iter().find(|name| {
        let Some(rest) = authority.get(..name.len()).filter(|text| text.eq_ignore_ascii_case(name)) else {
            return false;
        };
        let rest = &authority[rest.len()..];
        let port = rest.strip_prefix('.').unwrap_or(rest);
        port.is_empty() || port.starts_with(':')
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// Random bytes from a seed, the same in every run (xorshift).
    struct RandomBytes(u64);

    impl RandomBytes {
        fn below(&mut self, sides: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 16).unwrap_or(0) % sides.max(1)
        }

        /// A seed after a few changes that often matter.
        fn mutant(&mut self, seeds: &[Bytes]) -> Vec<u8> {
            const PIECES: [&[u8]; 12] = [
                b"\r\n",
                b"\n",
                b"\r",
                b":",
                b" ",
                b"0",
                b";",
                b"chunked",
                b"Content-Length: 1\r\n",
                b"\0",
                b".",
                b"@",
            ];
            let mut bytes = seeds[self.below(seeds.len())].to_vec();
            for _ in 0..self.below(6) {
                let at = self.below(bytes.len());
                match self.below(5) {
                    0 if !bytes.is_empty() => drop(bytes.remove(at)),
                    1 if !bytes.is_empty() => bytes[at] = u8::try_from(self.below(256)).unwrap_or(0),
                    2 => bytes.truncate(at),
                    3 => drop(bytes.splice(at..at, PIECES[self.below(PIECES.len())].iter().copied())),
                    _ => bytes.extend_from_slice(&seeds[self.below(seeds.len())]),
                }
            }
            bytes
        }
    }

    /// A short form of what `cargo fuzz` does for longer.
    #[test]
    fn invariants_hold_for_random_input() {
        let mut hosts: Vec<_> = NAMES.iter().map(|name| Bytes::from_static(name.as_bytes())).collect();
        hosts.extend(
            [&b"http://SHOP.example.com/\nshop.example.com:80"[..], b"[::1]:8", b"a@b"].map(Bytes::from_static),
        );
        let balancers = [
            &b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET"[..],
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\x01\0\x02GET",
        ];
        let balancers = balancers.map(Bytes::from_static);
        let mut random = RandomBytes(0x5107_2026);
        for _ in 0..20_000 {
            let response = random.mutant(&upstream::fuzz::SEEDS);
            response_head(&response);
            chunks(&response);
            host(&random.mutant(&hosts));
            proxy_protocol(&random.mutant(&balancers));
        }
    }
}
