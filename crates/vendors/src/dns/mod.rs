//! Makers of DNS records: a name server of the operator's own that takes updates (RFC 2136), and
//! the APIs of DNS vendors.
//!
//! All of them are thin clients of our own that know one thing: replace the records of one name and
//! kind. Vendors come in two shapes. Some keep sets and replace them whole; some keep single
//! records, and there new ones are made before old ones go ([`records`]), so that a name never
//! vanishes in between.

mod cloudflare;
mod desec;
mod digitalocean;
mod fault;
mod hetzner;
mod http;
mod powerdns;
mod records;
mod rfc2136;
mod wire;

use std::{net::SocketAddr, time::Duration};

use async_trait::async_trait;
use stoa_model::{host::Hostname, secret::SecretString};
use stoa_provider::dns::{Dns, DnsError, RecordKind, RecordName, RecordSet};

use self::{
    cloudflare::Cloudflare, desec::Desec, digitalocean::DigitalOcean, fault::Fault, hetzner::Hetzner,
    powerdns::PowerDns, rfc2136::Rfc2136,
};

/// The longest that one change may take; a vendor needs up to about ten requests for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which zone is kept, and how.
#[derive(Debug, Clone)]
pub struct DnsConfig {
    /// The zone in which records may be made: as the server or vendor calls it, not a part of it.
    pub zone: Hostname,
    /// How long others may remember the platform's records, in seconds; see [`Dns::ttl`].
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

/// Keeps records in one zone.
pub struct DnsMaker {
    zone: Hostname,
    ttl: u32,
    name: &'static str,
    vendor: Box<dyn Vendor>,
}

/// The records of one name and kind, as they shall be. No contents: there shall be none.
struct Change<'a> {
    name: &'a RecordName,
    kind: RecordKind,
    ttl: u32,
    /// As [`RecordSet::contents`].
    contents: Vec<String>,
}

impl Change<'_> {
    /// The contents as zone files write them, texts in quotes. Plain texts need no escapes.
    fn written(&self) -> Vec<String> {
        let write = |content: &String| match self.kind {
            RecordKind::Txt => format!("\"{content}\""),
            RecordKind::A | RecordKind::Aaaa => content.clone(),
        };
        self.contents.iter().map(write).collect()
    }

    /// The name inside the zone, which itself is `@`.
    fn inside(&self, zone: &Hostname) -> &str {
        self.name.below(zone).filter(|below| !below.is_empty()).unwrap_or("@")
    }
}

/// What a maker must know: the rest is the same for all of them.
#[async_trait]
trait Vendor: Send + Sync {
    /// Makes the records so. Idempotent; its names are in the zone, its contents plain.
    async fn replace(&self, change: &Change<'_>) -> Result<(), Fault>;
}

impl DnsMaker {
    /// Reads a configuration; asks nobody yet.
    ///
    /// # Errors
    /// If a key, name or address in it can't be used.
    pub fn new(config: DnsConfig) -> Result<Self, DnsError> {
        let DnsConfig { zone, ttl, access } = config;
        let name = access.name();
        let error = |Fault { reason, transient }: Fault| DnsError {
            maker: name,
            doing: format!("preparing to keep the zone {zone}"),
            reason,
            transient,
        };
        let vendor = access.open(&zone).map_err(error)?;
        Ok(Self { zone, ttl, name, vendor })
    }

    /// Name of the kind of maker, as messages call it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    async fn replace(&self, change: Change<'_>) -> Result<(), Fault> {
        let slow = Fault::transient(format!("it did not answer within {} seconds", PATIENCE.as_secs()));
        tokio::time::timeout(PATIENCE, self.vendor.replace(&change)).await.unwrap_or(Err(slow))
    }

    fn error(&self, doing: String, Fault { reason, transient }: Fault) -> DnsError {
        DnsError { maker: self.name, doing, reason, transient }
    }
}

#[async_trait]
impl Dns for DnsMaker {
    async fn set(&self, set: &RecordSet) -> Result<(), DnsError> {
        let kind = set.kind();
        let error = |fault| self.error(format!("setting the {} records of {}", kind.as_str(), set.name), fault);
        set.check(&self.zone).map_err(|reason| error(Fault::permanent(reason)))?;
        let change = Change { name: &set.name, kind, ttl: set.ttl, contents: set.contents() };
        self.replace(change).await.map_err(error)
    }

    async fn remove(&self, name: &RecordName, kind: RecordKind) -> Result<(), DnsError> {
        let error = |fault| self.error(format!("removing the {} records of {name}", kind.as_str()), fault);
        name.check(&self.zone).map_err(|reason| error(Fault::permanent(reason)))?;
        self.replace(Change { name, kind, ttl: 0, contents: Vec::new() }).await.map_err(error)
    }

    fn zone(&self) -> &Hostname {
        &self.zone
    }

    fn ttl(&self) -> u32 {
        self.ttl
    }
}

impl DnsAccess {
    fn name(&self) -> &'static str {
        match self {
            Self::Rfc2136 { .. } => "RFC 2136",
            Self::Cloudflare(_) => "Cloudflare",
            Self::DigitalOcean(_) => "DigitalOcean",
            Self::Desec(_) => "deSEC",
            Self::Hetzner(_) => "Hetzner",
            Self::PowerDns { .. } => "PowerDNS",
        }
    }

    fn open(self, zone: &Hostname) -> Result<Box<dyn Vendor>, Fault> {
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
