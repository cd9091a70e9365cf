//! What an operator says about his zone.

use std::net::SocketAddr;

use stoa_model::{host::Hostname, secret::SecretString};

use super::{
    Vendor, cloudflare::Cloudflare, desec::Desec, digitalocean::DigitalOcean, error::Fault, hetzner::Hetzner,
    powerdns::PowerDns, rfc2136::Rfc2136,
};

/// Which zone is kept, and how.
#[derive(Debug, Clone)]
pub struct DnsConfig {
    /// The zone in which records may be made: as the server or vendor calls it, not a part of it.
    pub zone: Hostname,
    /// How long others may remember the platform's records, in seconds; see [`stoa_provider::dns::Dns::ttl`].
    pub ttl: u32,
    /// By whom.
    pub access: DnsAccess,
}

/// Who keeps the zone, and how he knows us.
#[derive(Debug, Clone)]
pub enum DnsAccess {
    /// A name server that takes signed updates (RFC 2136, RFC 8945): Knot, BIND, PowerDNS.
    Rfc2136 {
        /// The zone's primary server.
        server: SocketAddr,
        /// How updates travel.
        transport: Transport,
        /// Name of the TSIG key.
        key: String,
        /// Its algorithm.
        algorithm: TsigAlgorithm,
        /// The key itself in base64, as `keymgr -t` and `tsig-keygen` print it.
        secret: SecretString,
    },
    /// Cloudflare.
    Cloudflare(Token),
    /// DigitalOcean.
    DigitalOcean(Token),
    /// deSEC.
    Desec(Token),
    /// Hetzner, where the zone is in the Cloud Console (not the older DNS Console).
    Hetzner(Token),
    /// The HTTP API of a PowerDNS Authoritative Server.
    PowerDns {
        /// Where it is: `http://127.0.0.1:8081`.
        api: String,
        /// Which server behind that API; almost always `localhost`.
        server: String,
        /// `api-key` of its configuration.
        key: SecretString,
    },
}

/// Credentials for a vendor's API.
#[derive(Debug, Clone)]
pub struct Token {
    /// What the vendor calls an API token.
    pub token: SecretString,
    /// Another place for the API than the vendor's own: for tests, and for proxies.
    pub api: Option<String>,
}

/// How updates travel to a name server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In one datagram; what does not fit takes TCP.
    Udp,
    /// Over a connection.
    Tcp,
}

/// How updates are signed (RFC 8945 section 6); what is weaker is not offered.
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
    /// As messages call it.
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

    /// The maker behind it; asks nobody yet.
    pub(super) fn open(self, zone: &Hostname) -> Result<Box<dyn Vendor>, Fault> {
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
