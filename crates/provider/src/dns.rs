//! Who keeps the records of a DNS zone.
//!
//! The platform owns *sets*: all records of one name and kind. What else is in the zone belongs to
//! somebody else and is never touched. A set is replaced as a whole, because that is idempotent and
//! every server can do it: a name and its wildcard are proven in one order, both answers in one set.

pub mod conformance;
pub mod fake;

use std::net::IpAddr;

use async_trait::async_trait;
use stoa_model::host::Hostname;

/// A maker of DNS records: a name server that takes updates (RFC 2136), or a vendor's API.
#[async_trait]
pub trait Dns: Send + Sync + 'static {
    /// Makes `set` the only records of its name and kind. Idempotent. Other kinds of the same name,
    /// and other names, stay as they are. There is no moment at which a record that is there before
    /// and after is missing.
    ///
    /// # Errors
    /// If it could not be done or it is not known whether it was; it can be repeated then. A set
    /// that [`RecordSet::check`] refuses is refused before anything is sent.
    async fn set(&self, set: &RecordSet) -> Result<(), DnsError>;

    /// Removes all records of this name and kind. Idempotent: none there is no error.
    ///
    /// # Errors
    /// As [`Dns::set`].
    async fn remove(&self, name: &RecordName, kind: RecordKind) -> Result<(), DnsError>;

    /// The zone in which records can be made; names outside it are refused.
    fn zone(&self) -> &Hostname;

    /// How long others may remember records that are to last, in seconds, as the operator wishes;
    /// for [`RecordSet::ttl`].
    fn ttl(&self) -> u32;
}

/// All records of one name and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSet {
    /// Whose records.
    pub name: RecordName,
    /// How long others may remember them, in seconds. A maker may raise it to its vendor's least.
    pub ttl: u32,
    /// The values; never empty, all of one kind.
    pub values: RecordValues,
}

/// The values of records of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordValues {
    /// Addresses of one family: all IPv4, or all IPv6.
    Addresses(Vec<IpAddr>),
    /// Texts, each of 1 to 255 printable ASCII characters without quotes and backslashes, which
    /// vendors escape in different ways.
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

    /// The values as zone files write them, texts without quotes; sorted, none twice.
    pub fn contents(&self) -> Vec<String> {
        let mut contents = match &self.values {
            RecordValues::Addresses(list) => list.iter().map(IpAddr::to_string).collect(),
            RecordValues::Texts(list) => list.clone(),
        };
        contents.sort_unstable();
        contents.dedup();
        contents
    }

    /// Whether these records can be made in this zone: every maker asks this first.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self, zone: &Hostname) -> Result<(), String> {
        self.name.check(zone)?;
        let contents = self.contents();
        if contents.is_empty() {
            return Err("a set of records without values can't be made; remove it instead".into());
        }
        match &self.values {
            RecordValues::Addresses(list) if list.iter().any(|ip| ip.is_ipv4() != list[0].is_ipv4()) => {
                Err("IPv4 and IPv6 addresses are two kinds of records; set each kind by itself".into())
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
        self.below(zone).is_some()
    }

    /// What stands before the zone's name: nothing for the zone itself.
    pub fn below(&self, zone: &Hostname) -> Option<&str> {
        let rest = self.0.strip_suffix(zone.as_str())?;
        if rest.is_empty() { Some(rest) } else { rest.strip_suffix('.') }
    }

    /// Whether a record of this name can be in this zone.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, zone: &Hostname) -> Result<(), String> {
        if !self.is_in(zone) {
            return Err(format!("{self} is not in the zone {zone}; only names in that zone can be kept here"));
        }
        // The longest name that has a wire form (RFC 1035 2.3.4): a label of ours can make one too long.
        if self.0.len() > 253 {
            return Err(format!("{self} is longer than the 253 characters that a name may have"));
        }
        Ok(())
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
            assert_eq!(RecordName::host(&host(name)).below(&zone), Some(below));
        }
        assert_eq!(RecordName::acme_challenge(&zone).below(&zone), Some("_acme-challenge"));
        for name in ["badexample.com", "com", "example.com.org"] {
            assert!(RecordName::host(&host(name)).check(&zone).is_err(), "{name} was taken for a part of the zone");
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
    fn contents_are_sorted_and_single() {
        let set = addresses(&["192.0.2.2", "192.0.2.1", "192.0.2.2"]);
        assert_eq!(set.contents(), ["192.0.2.1", "192.0.2.2"]);
        assert_eq!(set.kind(), RecordKind::A);
    }

    #[test]
    fn sets_that_no_server_could_keep_are_refused() {
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
