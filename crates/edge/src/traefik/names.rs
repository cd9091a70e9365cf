//! Names and rules in Traefik's configuration.

use std::fmt::Write;

use stoa_model::host::Hostname;

/// The entry points of HTTP and HTTPS, named as in Traefik's documentation.
pub(crate) const WEB_ENTRY_POINT: &str = "web";
pub(crate) const WEBSECURE_ENTRY_POINT: &str = "websecure";

/// The service that is Stoa itself.
pub(crate) const STOA_SERVICE: &str = "stoa";

/// The TLS options of every handshake whose name is in no router's rule.
pub(crate) const DEFAULT_TLS_OPTIONS: &str = "default";

/// The rule that matches these hosts, in a form for versions 2 and 3. A hostname has no backtick, so it can't
/// end its quotes.
pub(crate) fn host_rule(hosts: &[impl std::borrow::Borrow<Hostname>]) -> String {
    let mut rule = String::new();
    for host in hosts {
        let or = if rule.is_empty() { "" } else { " || " };
        // Infallible: writing to a string.
        let _ = write!(rule, "{or}Host(`{}`)", host.borrow());
    }
    rule
}

/// The rule that matches one path on every host; `None` if it can't be written.
pub(crate) fn path_rule(path: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'`' | b'\\' | b'"' | b'{' | b'}');
    (path.starts_with('/') && path.bytes().all(plain)).then(|| format!("Path(`{path}`)"))
}
