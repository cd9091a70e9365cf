//! One line of an access log.

use serde::Deserialize;
use stoa_model::id::SiteId;

/// A finished request of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoggedRequest {
    pub(crate) site: SiteId,
    pub(crate) status: u16,
    /// Bytes of the bodies.
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) micros: u64,
}

/// As our `log_format` writes it. All values are text, because nginx has no other type for some.
#[derive(Deserialize)]
struct NginxLine<'a> {
    site: &'a str,
    status: &'a str,
    /// The length that the request declares.
    bytes_in: &'a str,
    /// All bytes received, the head included; lines of older versions have none.
    #[serde(default)]
    read: Option<&'a str>,
    bytes_out: &'a str,
    seconds: &'a str,
}

/// Parses a line of nginx; `None` if it is not a site's or not ours.
pub(crate) fn parse_nginx_line(line: &[u8]) -> Option<LoggedRequest> {
    let text = String::from_utf8_lossy(line);
    let line: NginxLine<'_> = serde_json::from_str(&text).ok()?;
    let seconds: f64 = line.seconds.parse().ok()?;
    // Anybody can declare any length and send nothing.
    let declared = line.bytes_in.parse().unwrap_or(0);
    let read = line.read.map_or(Ok(u64::MAX), str::parse).unwrap_or(0);
    Some(LoggedRequest {
        site: line.site.parse().ok()?,
        status: line.status.parse().ok()?,
        bytes_in: declared.min(read),
        bytes_out: line.bytes_out.parse().unwrap_or(0),
        micros: (seconds * 1e6) as u64,
    })
}

/// As Traefik writes it with `accessLog.format: json`.
#[derive(Deserialize)]
struct TraefikLine<'a> {
    #[serde(rename = "RouterName")]
    router: Option<&'a str>,
    #[serde(rename = "DownstreamStatus")]
    status: u16,
    #[serde(rename = "RequestContentSize", default)]
    bytes_in: i64,
    #[serde(rename = "DownstreamContentSize", default)]
    bytes_out: i64,
    /// Nanoseconds.
    #[serde(rename = "Duration", default)]
    nanos: i64,
}

/// Parses a line of Traefik; `None` if its router is not a site's. Unknown sizes are negative.
pub(crate) fn parse_traefik_line(line: &[u8]) -> Option<LoggedRequest> {
    let text = String::from_utf8_lossy(line);
    let line: TraefikLine<'_> = serde_json::from_str(&text).ok()?;
    let size = |size: i64| u64::try_from(size).unwrap_or(0);
    Some(LoggedRequest {
        site: line.router?.get(..SITE_ID_LENGTH)?.parse().ok()?,
        status: line.status,
        bytes_in: size(line.bytes_in),
        bytes_out: size(line.bytes_out),
        micros: size(line.nanos) / 1000,
    })
}

/// The length of a site's id, with which the names of its routers begin.
const SITE_ID_LENGTH: usize = SiteId::PREFIX.len() + 1 + 32;
