//! The interface to a DNS zone.
//!
//! The platform owns *sets*: all records of one name and kind. Everything else in the zone belongs to
//! others and is never touched. A set is replaced as a whole, because that is idempotent and every
//! server can do it. A name and its wildcard are proven in one order with both answers in one set.

pub mod conformance;
pub mod fake;

use std::net::IpAddr;

use async_trait::async_trait;
use stoa_model::host::Hostname;

/// A provider of DNS records: a name server that accepts updates (RFC 2136), or a service's API.
#[async_trait]
pub trait Dns: Send + Sync + 'static {
    /// Makes `set` the only records of its name and kind. Idempotent. Other kinds and other names stay
    /// as they are. A record that exists before and after is never missing in between.
    ///
    /// # Errors
    /// If it failed, or nobody knows whether it did; repeating it is safe. A set that
    /// [`RecordSet::check`] refuses is refused before anything is sent.
    async fn set(&self, set: &RecordSet) -> Result<(), DnsError>;

    /// Removes all records of this name and kind. Idempotent: a missing set is no error.
    ///
    /// # Errors
    /// As [`Dns::set`].
    async fn remove(&self, name: &RecordName, kind: RecordKind) -> Result<(), DnsError>;

    /// The managed zone; names outside it are refused.
    fn zone(&self) -> &Hostname;

    /// The operator's time to live for lasting records, in seconds; for [`RecordSet::ttl`].
    fn ttl(&self) -> u32;
}

/// All records of one name and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSet {
    /// The records' name.
    pub name: RecordName,
    /// Time to live, in seconds. A provider may raise it to the shortest that it accepts.
    pub ttl: u32,
    /// The values; never empty, all of one kind.
    pub values: RecordValues,
}

/// The values of records of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordValues {
    /// Addresses of one family: all IPv4, or all IPv6.
    Addresses(Vec<IpAddr>),
    /// Texts of 1 to 255 printable ASCII characters each, without quotes and backslashes, which
    /// providers escape in different ways.
    Texts(Vec<String>),
}

/// The kinds of records that the platform creates.
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
    /// The kind of its values.
    pub fn kind(&self) -> RecordKind {
        match &self.values {
            RecordValues::Addresses(list) if list.iter().any(IpAddr::is_ipv4) => RecordKind::A,
            RecordValues::Addresses(_) => RecordKind::Aaaa,
            RecordValues::Texts(_) => RecordKind::Txt,
        }
    }

    /// The values as zone files write them, but texts without quotes; sorted, without duplicates.
    pub fn contents(&self) -> Vec<String> {
        let mut contents = match &self.values {
            RecordValues::Addresses(list) => list.iter().map(IpAddr::to_string).collect(),
            RecordValues::Texts(list) => list.clone(),
        };
        contents.sort_unstable();
        contents.dedup();
        contents
    }

    /// Whether these records can exist in this zone. Every provider checks this first.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self, zone: &Hostname) -> Result<(), String> {
        self.name.check(zone)?;
        let contents = self.contents();
        if contents.is_empty() {
            return Err("a set of records needs at least one value; remove it instead".into());
        }
        match &self.values {
            RecordValues::Addresses(list) if list.iter().any(|ip| ip.is_ipv4() != list[0].is_ipv4()) => {
                Err("IPv4 and IPv6 addresses are two kinds of records; set each kind separately".into())
            }
            RecordValues::Texts(_) if !contents.iter().all(|text| is_plain(text)) => {
                Err("a text must have 1 to 255 printable ASCII characters without quotes and backslashes".into())
            }
            _ => Ok(()),
        }
    }
}

fn is_plain(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| matches!(b, b' ' | b'!'..=b'~') && b != b'"' && b != b'\\')
}

/// The name of a record: a host, or a host behind a label of the platform's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordName(String);

impl RecordName {
    /// The host itself.
    pub fn host(host: &Hostname) -> Self {
        Self(host.to_string())
    }

    /// All names one label below `parent` that have no records of their own.
    pub fn wildcard(parent: &Hostname) -> Self {
        Self(format!("*.{parent}"))
    }

    /// Where a certificate authority looks for the answer to its challenge (RFC 8555 8.4).
    pub fn acme_challenge(host: &Hostname) -> Self {
        Self(format!("_acme-challenge.{host}"))
    }

    /// Where a customer proves that they control a name.
    pub fn ownership(host: &Hostname) -> Self {
        Self(format!("_stoa.{host}"))
    }

    /// The name as text, without a trailing dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is in this zone.
    pub fn is_in(&self, zone: &Hostname) -> bool {
        self.relative_to(zone).is_some()
    }

    /// The labels before the zone's name, empty for the zone itself; `None` outside the zone.
    pub fn relative_to(&self, zone: &Hostname) -> Option<&str> {
        let rest = self.0.strip_suffix(zone.as_str())?;
        if rest.is_empty() { Some(rest) } else { rest.strip_suffix('.') }
    }

    /// Whether a record of this name can be in this zone.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, zone: &Hostname) -> Result<(), String> {
        if !self.is_in(zone) {
            return Err(format!("{self} is not in the zone {zone}; this provider manages only names in that zone"));
        }
        // RFC 1035 2.3.4. A label of ours can make a valid hostname too long.
        if self.0.len() > 253 {
            return Err(format!("{self} has more than the 253 characters that a name may have"));
        }
        Ok(())
    }
}

impl std::fmt::Display for RecordName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a record could not be set or removed.
#[derive(Debug, thiserror::Error)]
#[error("{doing} at the {provider} name server: {reason}")]
pub struct DnsError {
    /// Name of the provider.
    pub provider: &'static str,
    /// What was attempted, with the record's name.
    pub doing: String,
    /// What went wrong and what to do.
    pub reason: String,
    /// Whether the same call may work later without anybody doing anything.
    pub transient: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Hostname {
        Hostname::parse(text).expect("a hostname")
    }

    fn addresses(list: &[&str]) -> RecordSet {
        let list = list.iter().map(|ip| ip.parse().expect("an address")).collect();
        let name = RecordName::host(&host("a.example.com"));
        RecordSet { name, ttl: 60, values: RecordValues::Addresses(list) }
    }

    #[test]
    fn a_zone_ends_at_a_dot() {
        let zone = host("example.com");
        for (name, below) in [("example.com", ""), ("a.example.com", "a"), ("a.b.example.com", "a.b")] {
            assert_eq!(RecordName::host(&host(name)).relative_to(&zone), Some(below));
        }
        assert_eq!(RecordName::acme_challenge(&zone).relative_to(&zone), Some("_acme-challenge"));
        for name in ["badexample.com", "com", "example.com.org"] {
            assert!(RecordName::host(&host(name)).check(&zone).is_err(), "{name} is outside the zone");
        }
    }

    #[test]
    fn a_label_of_ours_can_make_a_name_too_long() {
        let long = host(&format!("{}.example.com", vec!["a".repeat(60); 3].join(".")));
        assert!(RecordName::host(&long).check(&host("example.com")).is_ok());
        let longer = host(&format!("{}.example.com", vec!["a".repeat(59); 4].join(".")));
        assert!(RecordName::acme_challenge(&longer).check(&host("example.com")).is_err());
    }

    #[test]
    fn contents_are_sorted_without_duplicates() {
        let set = addresses(&["192.0.2.2", "192.0.2.1", "192.0.2.2"]);
        assert_eq!(set.contents(), ["192.0.2.1", "192.0.2.2"]);
        assert_eq!(set.kind(), RecordKind::A);
    }

    #[test]
    fn sets_that_no_server_can_hold_are_refused() {
        let zone = host("example.com");
        assert_eq!(addresses(&["192.0.2.1", "192.0.2.2"]).check(&zone), Ok(()));
        assert!(addresses(&[]).check(&zone).is_err());
        assert!(addresses(&["192.0.2.1", "2001:db8::1"]).check(&zone).is_err());
        let long = "x".repeat(256);
        for text in ["", "line\nbreak", "quo\"te", "back\\slash", "é", long.as_str()] {
            let set = RecordSet { values: RecordValues::Texts(vec![text.into()]), ..addresses(&[]) };
            assert!(set.check(&zone).is_err(), "{text:?} was accepted");
        }
    }
}
