//! The configuration of a DNS provider.

use std::net::SocketAddr;

use stoa_model::{host::Hostname, secret::SecretString};

use super::{
    Backend, cloudflare::Cloudflare, desec::Desec, digitalocean::DigitalOcean, error::Failure, hetzner::Hetzner,
    powerdns::PowerDns, rfc2136::Rfc2136,
};

/// Which zone is managed, and how.
#[derive(Debug, Clone)]
pub struct DnsConfig {
    /// The zone as the server or provider knows it, not a part of it.
    pub zone: Hostname,
    /// Time to live of the platform's lasting records, in seconds; see [`stoa_provider::dns::Dns::ttl`].
    pub ttl: u32,
    /// The provider and its credentials.
    pub access: DnsAccess,
}

/// A DNS provider and its credentials.
#[derive(Debug, Clone)]
pub enum DnsAccess {
    /// A name server that accepts signed updates (RFC 2136, RFC 8945): Knot, BIND, PowerDNS.
    Rfc2136 {
        /// The zone's primary server.
        server: SocketAddr,
        /// Transport protocol of the updates.
        transport: Transport,
        /// Name of the TSIG key.
        key: String,
        /// Its algorithm.
        algorithm: TsigAlgorithm,
        /// The secret in base64, as `keymgr -t` and `tsig-keygen` print it.
        secret: SecretString,
    },
    /// Cloudflare.
    Cloudflare(Token),
    /// DigitalOcean.
    DigitalOcean(Token),
    /// deSEC.
    Desec(Token),
    /// Hetzner, for zones in the Cloud Console (not the older DNS Console).
    Hetzner(Token),
    /// The HTTP API of a PowerDNS Authoritative Server.
    PowerDns {
        /// URL, such as `http://127.0.0.1:8081`.
        api: String,
        /// The server behind that API; almost always `localhost`.
        server: String,
        /// `api-key` of the server's configuration.
        key: SecretString,
    },
}

/// Credentials for a provider's API.
#[derive(Debug, Clone)]
pub struct Token {
    /// The API token.
    pub token: SecretString,
    /// URL of the API if it is not the provider's own: for tests and proxies.
    pub api: Option<String>,
}

/// Transport protocol of updates to a name server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One datagram; updates that do not fit use TCP.
    Udp,
    /// A connection per update.
    Tcp,
}

/// How updates are signed (RFC 8945 section 6). Weaker algorithms are not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TsigAlgorithm {
    /// `hmac-sha256`
    HmacSha256,
    /// `hmac-sha384`
    HmacSha384,
    /// `hmac-sha512`
    HmacSha512,
}

impl DnsAccess {
    /// The provider's name in messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Rfc2136 { .. } => "RFC 2136",
            Self::Cloudflare(_) => "Cloudflare",
            Self::DigitalOcean(_) => "DigitalOcean",
            Self::Desec(_) => "deSEC",
            Self::Hetzner(_) => "Hetzner",
            Self::PowerDns { .. } => "PowerDNS",
        }
    }

    /// The client for it; sends nothing yet.
    pub(super) fn into_backend(self, zone: &Hostname) -> Result<Box<dyn Backend>, Failure> {
        Ok(match self {
            Self::Rfc2136 { server, transport, key, algorithm, secret } => {
                Box::new(Rfc2136::new(zone, server, transport, &key, algorithm, &secret)?)
            }
            Self::Cloudflare(Token { token, api }) => Box::new(Cloudflare::new(zone, &token, api.as_deref())?),
            Self::DigitalOcean(Token { token, api }) => Box::new(DigitalOcean::new(zone, &token, api.as_deref())?),
            Self::Desec(Token { token, api }) => Box::new(Desec::new(zone, &token, api.as_deref())?),
            Self::Hetzner(Token { token, api }) => Box::new(Hetzner::new(zone, &token, api.as_deref())?),
            Self::PowerDns { api, server, key } => Box::new(PowerDns::new(zone, &api, &server, &key)?),
        })
    }
}
