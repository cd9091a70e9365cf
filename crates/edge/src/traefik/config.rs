//! What an operator decides about Traefik.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// The settings of a Traefik edge.
#[derive(Debug, Clone)]
pub struct TraefikConfig {
    /// Where Traefik reaches Stoa's own edge over plain HTTP. That edge must trust Traefik's address as a proxy.
    pub stoa: SocketAddr,
    /// Names of the platform itself. They win over routes.
    pub platform_hosts: Vec<String>,
    /// The ports of HTTP and HTTPS as visitors see them, for redirects.
    pub public_ports: (u16, u16),
    /// `max-age` of HSTS for names that require HTTPS, in seconds; 0 sends none.
    pub hsts_seconds: u32,
    /// Whether Traefik limits request bodies. It buffers whole requests and responses for that, so nothing is
    /// streamed.
    pub limit_bodies: bool,
    /// Traefik's access log in JSON, and the file with the position in it. Without a log nothing is counted.
    pub log: Option<(PathBuf, PathBuf)>,
    /// How long Traefik may take to fetch a new document.
    pub deadline: Duration,
    /// How long after it was fetched a document counts as applied.
    pub pause: Duration,
}

impl TraefikConfig {
    /// The settings for a Traefik that polls about every second and has no log.
    pub fn new(stoa: SocketAddr) -> Self {
        Self {
            stoa,
            platform_hosts: Vec::new(),
            public_ports: (80, 443),
            hsts_seconds: 180 * 24 * 60 * 60,
            limit_bodies: true,
            log: None,
            deadline: Duration::from_secs(30),
            pause: Duration::from_secs(2),
        }
    }
}
