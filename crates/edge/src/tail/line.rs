//! One line of an access log.

use serde::Deserialize;
use stoa_model::id::SiteId;

/// A finished request of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) site: SiteId,
    pub(crate) status: u16,
    /// Bytes of the bodies.
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) micros: u64,
}

/// As our `log_format` writes it: all values are text, as nginx has nothing better for some.
#[derive(Deserialize)]
struct NginxLine<'a> {
    site: &'a str,
    status: &'a str,
    bytes_in: &'a str,
    bytes_out: &'a str,
    seconds: &'a str,
}

/// Reads a line of nginx; nothing if it is no site's, or no line of ours.
pub(crate) fn nginx_line(line: &[u8]) -> Option<Seen> {
    let text = String::from_utf8_lossy(line);
    let line: NginxLine<'_> = serde_json::from_str(&text).ok()?;
    let seconds: f64 = line.seconds.parse().ok()?;
    Some(Seen {
        site: line.site.parse().ok()?,
        status: line.status.parse().ok()?,
        bytes_in: line.bytes_in.parse().unwrap_or(0),
        bytes_out: line.bytes_out.parse().unwrap_or(0),
        micros: (seconds * 1e6) as u64,
    })
}
