//! The settings of how visitors come in: which edge, its addresses, and the proxies that it trusts.

use std::net::SocketAddr;

use serde::Deserialize;
use stoa_edge::Cidr;

use super::{Config, mistake::Mistake, schema::SettingType};

/// The proxy that forwards visitors to sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// Stoa's own, in this process.
    Embedded,
    /// An nginx on this machine.
    Nginx,
    /// A Traefik that polls us for its configuration.
    Traefik,
}

impl SettingType for EdgeKind {
    const EXAMPLE: &'static str = "nginx";
}

/// The addresses at which visitors arrive.
#[derive(Debug, Clone, Copy)]
pub struct PublicAddresses {
    pub http: SocketAddr,
    pub https: Option<SocketAddr>,
}

impl Config {
    /// Proxies whose forwarded headers are trusted.
    pub fn trusted_proxies(&self) -> Result<Vec<Cidr>, Mistake> {
        networks("trusted_proxies", &self.trusted_proxies)
    }

    /// Load balancers that announce their clients by the PROXY protocol.
    pub fn proxy_protocol_sources(&self) -> Result<Vec<Cidr>, Mistake> {
        networks("proxy_protocol", &self.proxy_protocol)
    }

    /// The addresses at which visitors arrive.
    pub fn listen_addresses(&self) -> Result<PublicAddresses, Mistake> {
        match self.edge {
            EdgeKind::Embedded => Ok(PublicAddresses { http: self.listen, https: self.https_listen.0 }),
            EdgeKind::Traefik => Ok(PublicAddresses { http: self.traefik.http, https: self.traefik.https.0 }),
            EdgeKind::Nginx => {
                let http = self.nginx.http_listen.first();
                Ok(PublicAddresses {
                    http: *http.ok_or_else(|| Mistake::new("nginx.http_listen", "give at least one address"))?,
                    https: self.nginx.https_listen.first().copied(),
                })
            }
        }
    }

    /// The setting that turns HTTPS on.
    pub(super) const fn https_key(&self) -> &'static str {
        match self.edge {
            EdgeKind::Embedded => "https_listen",
            EdgeKind::Traefik => "traefik.https",
            EdgeKind::Nginx => "nginx.https_listen",
        }
    }

    /// The ports of HTTP and HTTPS as visitors see them.
    pub fn public_ports(&self) -> Result<(u16, Option<u16>), Mistake> {
        Ok(self.ports_of(self.listen_addresses()?))
    }

    pub(super) fn ports_of(&self, addresses: PublicAddresses) -> (u16, Option<u16>) {
        let port = |port: u16, address: SocketAddr| if port == 0 { address.port() } else { port };
        (port(self.public_port, addresses.http), addresses.https.map(|https| port(self.https_port, https)))
    }

    /// Seconds for which browsers insist on HTTPS.
    pub fn hsts_seconds(&self) -> u32 {
        self.hsts_days.saturating_mul(24 * 3600)
    }
}

/// Where this process reaches what listens on `address`.
pub(super) fn loopback(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { ([127, 0, 0, 1], address.port()).into() } else { address }
}

fn networks(key: &str, texts: &[String]) -> Result<Vec<Cidr>, Mistake> {
    let parse = |text: &String| text.parse().map_err(|error| Mistake::new(key, format!("{text:?}: {error}")));
    texts.iter().map(parse).collect()
}
