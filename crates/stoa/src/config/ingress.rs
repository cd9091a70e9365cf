//! What the configuration says of the way in: which edge, where it listens, and whom it believes.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde::Deserialize;
use stoa_edge::Cidr;

use super::Config;

/// What leads visitors to sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// Stoa's own, in this process.
    Embedded,
    /// An nginx on this machine.
    Nginx,
    /// A Traefik that asks us for its configuration.
    Traefik,
}

impl Config {
    /// Proxies whose forwarded headers are believed.
    pub fn trusted(&self) -> Result<Vec<Cidr>> {
        ranges("trusted_proxies", &self.trusted_proxies)
    }

    /// Load balancers that announce their clients by the PROXY protocol.
    pub fn announcing(&self) -> Result<Vec<Cidr>> {
        ranges("proxy_protocol", &self.proxy_protocol)
    }

    /// Where visitors are received: for plain HTTP, and for HTTPS if they can come so.
    pub fn listen_addresses(&self) -> Result<(SocketAddr, Option<SocketAddr>)> {
        match self.edge {
            EdgeKind::Embedded => Ok((self.listen, self.https()?)),
            EdgeKind::Traefik => Ok((self.traefik.http, self.traefik.https)),
            EdgeKind::Nginx => {
                let plain = self.nginx.http_listen.first().context("nginx.http_listen: give an address at least")?;
                Ok((*plain, self.nginx.https_listen.first().copied()))
            }
        }
    }

    /// The ports of HTTP and HTTPS as visitors see them.
    pub fn public_ports(&self) -> Result<(u16, Option<u16>)> {
        let (plain, secure) = self.listen_addresses()?;
        Ok(self.ports_of(plain, secure))
    }

    pub(super) fn ports_of(&self, plain: SocketAddr, secure: Option<SocketAddr>) -> (u16, Option<u16>) {
        let seen = |port: u16, at: SocketAddr| if port == 0 { at.port() } else { port };
        (seen(self.public_port, plain), secure.map(|at| seen(self.https_port, at)))
    }

    /// Where the embedded edge listens for HTTPS, if it does.
    pub fn https(&self) -> Result<Option<SocketAddr>> {
        let text = &self.https_listen;
        let parse = || text.parse().with_context(|| format!("https_listen: {text:?} is no address like 0.0.0.0:443"));
        if text.is_empty() { Ok(None) } else { parse().map(Some) }
    }

    /// How long browsers shall insist on HTTPS.
    pub fn hsts_seconds(&self) -> u32 {
        self.hsts_days.saturating_mul(24 * 3600)
    }

    /// Name servers that tell how the world sees a domain.
    pub fn resolvers(&self) -> Result<Vec<SocketAddr>> {
        let read = |text: &String| text.parse().with_context(|| format!("resolvers: {text:?} is not like 9.9.9.9:53"));
        self.resolvers.iter().map(read).collect()
    }
}

/// Where this process reaches what listens there.
pub(super) fn loopback(at: SocketAddr) -> SocketAddr {
    if at.ip().is_unspecified() { ([127, 0, 0, 1], at.port()).into() } else { at }
}

fn ranges(setting: &str, texts: &[String]) -> Result<Vec<Cidr>> {
    texts.iter().map(|text| text.parse().with_context(|| format!("{setting}: {text:?}"))).collect()
}
