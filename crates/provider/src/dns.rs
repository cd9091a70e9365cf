//! Who keeps the records of a DNS zone.

use std::net::IpAddr;

use async_trait::async_trait;
use stoa_model::host::Hostname;

/// A maker of DNS records: a name server that takes updates (RFC 2136), or a vendor's API.
#[async_trait]
pub trait Dns: Send + Sync + 'static {
    /// Makes `set` the only records of its name and kind. Idempotent. Other kinds of the same name,
    /// and other names, stay as they are.
    ///
    /// # Errors
    /// If it could not be done or it is not known whether it was; it can be repeated then.
    async fn set(&self, set: &RecordSet) -> Result<(), DnsError>;

    /// Removes all records of this name and kind. Idempotent: none there is no error.
    ///
    /// # Errors
    /// If it could not be done or it is not known whether it was; it can be repeated then.
    async fn remove(&self, name: &RecordName, kind: RecordKind) -> Result<(), DnsError>;

    /// The zone in which records can be made; names outside it are refused.
    fn zone(&self) -> &Hostname;
}

/// All records of one name and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSet {
    /// Whose records.
    pub name: RecordName,
    /// How long others may remember them, in seconds.
    pub ttl: u32,
    /// The values; never empty, all of one kind.
    pub values: RecordValues,
}

/// The values of records of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordValues {
    /// Addresses of one family: all IPv4, or all IPv6.
    Addresses(Vec<IpAddr>),
    /// Texts, each up to 255 bytes.
    Texts(Vec<String>),
}

/// Kinds of records that the platform makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Texts.
    Txt,
}

impl RecordKind {
    /// As zone files write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Txt => "TXT",
        }
    }
}

impl RecordSet {
    /// Of which kind its values are.
    pub fn kind(&self) -> RecordKind {
        match &self.values {
            RecordValues::Addresses(list) if list.iter().any(IpAddr::is_ipv4) => RecordKind::A,
            RecordValues::Addresses(_) => RecordKind::Aaaa,
            RecordValues::Texts(_) => RecordKind::Txt,
        }
    }
}

/// The name of a record: a host, maybe with a label of the platform's own before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordName(String);

impl RecordName {
    /// The host itself.
    pub fn host(host: &Hostname) -> Self {
        Self(host.to_string())
    }

    /// All names one label below a host that have no records of their own.
    pub fn wildcard(parent: &Hostname) -> Self {
        Self(format!("*.{parent}"))
    }

    /// Where a certificate authority looks for the answer to its challenge (RFC 8555 8.4).
    pub fn acme_challenge(host: &Hostname) -> Self {
        Self(format!("_acme-challenge.{host}"))
    }

    /// Where a customer proves that a name is his.
    pub fn ownership(host: &Hostname) -> Self {
        Self(format!("_stoa.{host}"))
    }

    /// As text, without a dot at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it lies in this zone.
    pub fn is_in(&self, zone: &Hostname) -> bool {
        self.0 == zone.as_str() || self.0.strip_suffix(zone.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }
}

impl std::fmt::Display for RecordName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a record could not be made or removed.
#[derive(Debug, thiserror::Error)]
#[error("{doing} at the {maker} name server: {reason}")]
pub struct DnsError {
    /// Name of the maker.
    pub maker: &'static str,
    /// What was tried, with the record's name.
    pub doing: String,
    /// What went wrong and what to do.
    pub reason: String,
    /// Whether it may work in a moment.
    pub transient: bool,
}
