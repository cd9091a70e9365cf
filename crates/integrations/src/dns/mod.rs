//! DNS providers: a name server that accepts updates (RFC 2136), and the APIs of DNS hosting services.
//!
//! Each provider does one thing: replace the records of one name and kind. Some APIs replace a set as
//! a whole. Others hold single records; there new records are created before old ones are deleted
//! ([`record_api`]), so that a name never vanishes in between.

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
pub(crate) mod wire;

use std::time::Duration;

use async_trait::async_trait;
use stoa_model::host::Hostname;
use stoa_provider::dns::{Dns, DnsError, RecordKind, RecordName, RecordSet};

pub use self::config::{DnsAccess, DnsConfig, Token, Transport, TsigAlgorithm};
use self::error::Failure;

/// One change takes up to about ten requests.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Manages records in one zone.
pub struct DnsProvider {
    zone: Hostname,
    ttl: u32,
    name: &'static str,
    backend: Box<dyn Backend>,
}

/// The records that one name and kind should have. No contents: they are removed.
struct Change<'a> {
    name: &'a RecordName,
    kind: RecordKind,
    ttl: u32,
    /// As [`RecordSet::contents`].
    contents: Vec<String>,
}

impl Change<'_> {
    /// The contents as zone files write them: texts in quotes. Accepted texts need no escapes.
    fn zone_file_contents(&self) -> Vec<String> {
        let write = |content: &String| match self.kind {
            RecordKind::Txt => format!("\"{content}\""),
            RecordKind::A | RecordKind::Aaaa => content.clone(),
        };
        self.contents.iter().map(write).collect()
    }

    /// The name relative to the zone; `@` is the zone itself.
    fn relative_name(&self, zone: &Hostname) -> &str {
        self.name.relative_to(zone).filter(|name| !name.is_empty()).unwrap_or("@")
    }
}

/// What differs between providers.
#[async_trait]
trait Backend: Send + Sync {
    /// Replaces the records. Idempotent. The caller has checked that the name is in the zone and that
    /// the texts need no escapes.
    async fn replace(&self, change: &Change<'_>) -> Result<(), Failure>;
}

impl DnsProvider {
    /// Checks the configuration; sends nothing yet.
    ///
    /// # Errors
    /// If a key, name or address in it is invalid.
    pub fn new(config: DnsConfig) -> Result<Self, DnsError> {
        let DnsConfig { zone, ttl, access } = config;
        let name = access.name();
        let error = |Failure { reason, transient }: Failure| DnsError {
            provider: name,
            doing: format!("preparing to manage the zone {zone}"),
            reason,
            transient,
        };
        let backend = access.into_backend(&zone).map_err(error)?;
        Ok(Self { zone, ttl, name, backend })
    }

    /// Name of the kind of provider, for messages.
    pub fn name(&self) -> &'static str {
        self.name
    }

    async fn replace(&self, change: Change<'_>) -> Result<(), Failure> {
        let slow = Failure::transient(format!("it did not finish within {} seconds", CHANGE_TIMEOUT.as_secs()));
        tokio::time::timeout(CHANGE_TIMEOUT, self.backend.replace(&change)).await.unwrap_or(Err(slow))
    }

    fn error(&self, doing: String, Failure { reason, transient }: Failure) -> DnsError {
        DnsError { provider: self.name, doing, reason, transient }
    }
}

#[async_trait]
impl Dns for DnsProvider {
    async fn set(&self, set: &RecordSet) -> Result<(), DnsError> {
        let kind = set.kind();
        let error = |fault| self.error(format!("setting the {} records of {}", kind.as_str(), set.name), fault);
        set.check(&self.zone).map_err(|reason| error(Failure::permanent(reason)))?;
        let change = Change { name: &set.name, kind, ttl: set.ttl, contents: set.contents() };
        self.replace(change).await.map_err(error)
    }

    async fn remove(&self, name: &RecordName, kind: RecordKind) -> Result<(), DnsError> {
        let error = |fault| self.error(format!("removing the {} records of {name}", kind.as_str()), fault);
        name.check(&self.zone).map_err(|reason| error(Failure::permanent(reason)))?;
        self.replace(Change { name, kind, ttl: 0, contents: Vec::new() }).await.map_err(error)
    }

    fn zone(&self) -> &Hostname {
        &self.zone
    }

    fn ttl(&self) -> u32 {
        self.ttl
    }
}
