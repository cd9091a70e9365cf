//! Makers of DNS records: a name server of the operator's own that takes updates (RFC 2136), and
//! the APIs of DNS vendors.
//!
//! All of them are thin clients of our own that know one thing: replace the records of one name and
//! kind. Vendors come in two shapes. Some keep sets and replace them whole; some keep single
//! records, and there new ones are made before old ones go ([`record_api`]), so that a name never
//! vanishes in between.

mod cloudflare;
mod config;
mod desec;
mod digitalocean;
mod error;
mod hetzner;
mod json_api;
mod powerdns;
mod record_api;
mod rfc2136;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use stoa_model::host::Hostname;
use stoa_provider::dns::{Dns, DnsError, RecordKind, RecordName, RecordSet};

pub use self::config::{DnsAccess, DnsConfig, Token, Transport, TsigAlgorithm};
use self::error::Fault;

/// The longest that one change may take; a vendor needs up to about ten requests for it.
const PATIENCE: Duration = Duration::from_secs(30);

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
