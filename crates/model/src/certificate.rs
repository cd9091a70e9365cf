//! Certificates for TLS (RFC 5280), and the names that they are for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{field::Invalid, host::Hostname, id::CertificateId, secret::SecretString};

/// A name in a certificate: one host, or `*.` and a host for all names one label below it
/// (RFC 9525 6.3: a wildcard stands for exactly one label, and not for the host itself).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CertName {
    /// The host; with a wildcard its parent.
    pub host: Hostname,
    /// Whether it stands for the names below the host.
    pub wildcard: bool,
}

impl CertName {
    /// This one host.
    pub const fn host(host: Hostname) -> Self {
        Self { host, wildcard: false }
    }

    /// All names one label below `parent`.
    pub const fn below(parent: Hostname) -> Self {
        Self { host: parent, wildcard: true }
    }

    /// The names that satisfy a visitor of `name`: itself, then the wildcard above it.
    pub fn covering(name: &Hostname) -> impl Iterator<Item = Self> {
        let parent = name.as_str().split_once('.').and_then(|(_, parent)| Hostname::parse(parent).ok());
        std::iter::once(Self::host(name.clone())).chain(parent.map(Self::below))
    }

    /// Whether a visitor of `name` is satisfied by it.
    pub fn covers(&self, name: &Hostname) -> bool {
        match name.as_str().split_once('.') {
            Some((_, parent)) if self.wildcard => parent == self.host.as_str(),
            _ => !self.wildcard && *name == self.host,
        }
    }
}

impl fmt::Display for CertName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.wildcard { "*." } else { "" }, self.host)
    }
}

impl FromStr for CertName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Ok(match text.strip_prefix("*.") {
            Some(parent) => Self::below(Hostname::parse(parent)?),
            None => Self::host(Hostname::parse(text)?),
        })
    }
}

impl TryFrom<String> for CertName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<CertName> for String {
    fn from(name: CertName) -> Self {
        name.to_string()
    }
}

/// A certificate with its key, ready to be served. It never changes: a renewed one has another id,
/// so that an edge can tell by the id alone whether it has it already.
#[derive(Clone)]
pub struct Certificate {
    /// Its id.
    pub id: CertificateId,
    /// The names that it is for.
    pub names: Vec<CertName>,
    /// PEM: the leaf first, then what leads to the root, without the root.
    pub chain: String,
    /// PEM: the leaf's private key.
    pub key: SecretString,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("id", &self.id).field("names", &self.names).finish_non_exhaustive()
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Certificate {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let name = |text: &str| text.parse::<CertName>().expect("a name");
        let host = |text: &str| Hostname::parse(text).expect("a hostname");
        for (cert, visited, covered) in [
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "example.com", false),
            ("example.com", "example.com", true),
            ("example.com", "a.example.com", false),
            ("*.example.com", "com", false),
        ] {
            assert_eq!(name(cert).covers(&host(visited)), covered, "{cert} for {visited}");
            let covering = CertName::covering(&host(visited)).any(|one| one == name(cert));
            assert_eq!(covering, covered, "{cert} for {visited}");
            assert_eq!(name(cert).to_string(), cert);
        }
        for text in ["*", "*.*.a.b", "a.*.b", "*a.b", ""] {
            assert!(text.parse::<CertName>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn names_are_stored_as_text() {
        let name: CertName = "*.Example.com".parse().expect("a name");
        assert_eq!(serde_json::to_value(&name).expect("a text"), "*.example.com");
        assert_eq!(serde_json::from_str::<CertName>("\"*.example.com\"").expect("a name"), name);
        assert!(serde_json::from_str::<CertName>("\"*.*\"").is_err());
    }

    #[test]
    fn certificates_are_compared_by_id_and_print_no_key() {
        let certificate = |id: u128, chain: &str| Certificate {
            id: CertificateId::from_uuid(uuid::Uuid::from_u128(id)),
            names: vec!["shop.example.com".parse().expect("a name")],
            chain: chain.into(),
            key: SecretString::from("hunter2"),
        };
        assert_eq!(certificate(1, "one"), certificate(1, "two"), "a certificate never changes");
        assert_ne!(certificate(1, "one"), certificate(2, "one"));
        let printed = format!("{:?}", certificate(1, "one"));
        assert!(printed.contains("CertificateId") && printed.contains("shop.example.com"), "{printed}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
