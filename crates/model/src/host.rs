//! Hostnames (RFC 1123, RFC 5890) and the subdomains that customers choose.
//!
//! A subdomain is plain ASCII. Internationalised labels are refused, in Unicode and as `xn--`: a
//! label that merely looks like another customer's is a way to impersonate him.

mod typed;

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::field::Invalid;

/// Names that belong to the operator or to well-known services.
pub const RESERVED: &[&str] = &[
    "abuse",
    "account",
    "accounts",
    "acme",
    "admin",
    "administrator",
    "api",
    "app",
    "assets",
    "auth",
    "autoconfig",
    "autodiscover",
    "backup",
    "billing",
    "blog",
    "cdn",
    "cpanel",
    "dashboard",
    "db",
    "demo",
    "dev",
    "dns",
    "docs",
    "edge",
    "email",
    "ftp",
    "git",
    "health",
    "help",
    "host",
    "hostmaster",
    "http",
    "https",
    "imap",
    "internal",
    "invoice",
    "kb",
    "localhost",
    "login",
    "mail",
    "metrics",
    "mx",
    "mysql",
    "news",
    "noc",
    "ns",
    "ns1",
    "ns2",
    "ns3",
    "panel",
    "pay",
    "payment",
    "phpmyadmin",
    "pop",
    "pop3",
    "portal",
    "postmaster",
    "proxy",
    "public",
    "register",
    "root",
    "secure",
    "security",
    "server",
    "sftp",
    "shop",
    "signup",
    "smtp",
    "sql",
    "ssh",
    "ssl",
    "staff",
    "staging",
    "static",
    "stats",
    "status",
    "stoa",
    "store",
    "support",
    "sysadmin",
    "system",
    "test",
    "vpn",
    "webmail",
    "webmaster",
    "whois",
    "wpad",
    "www",
];

/// A subdomain of the platform's base domain: 3 to 40 of `a-z`, `0-9` and inner single hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Subdomain(String);

impl Subdomain {
    /// Shortest and longest accepted length, in characters.
    pub const LENGTH: std::ops::RangeInclusive<usize> = 3..=40;

    /// Reads the label of a site that exists: a name that became reserved later stays its own.
    /// Upper case and surrounding blanks are forgiven.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn from_stored(text: &str) -> Result<Self, Invalid> {
        let bad = |message: &str| Err(Invalid::new("subdomain", message));
        let name = text.trim().to_ascii_lowercase();
        if name.is_empty() {
            return bad("Choose an address for the store.");
        }
        if !name.is_ascii() {
            return bad("Use only the letters a to z, digits and hyphens: accented letters aren't supported.");
        }
        if !Self::LENGTH.contains(&name.len()) {
            return bad("Use 3 to 40 characters.");
        }
        if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return bad("Use only the letters a to z, digits and hyphens.");
        }
        if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
            return bad("Hyphens can't be at the start or end, or next to each other.");
        }
        Ok(Self(name))
    }

    /// Parses what somebody typed as the label of a new site: reserved names are refused too.
    ///
    /// # Errors
    /// Says which rule the text breaks. Whether it is *free* only the database knows.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let subdomain = Self::from_stored(text)?;
        if RESERVED.contains(&subdomain.as_str()) {
            return Err(Invalid::new("subdomain", "This name is reserved. Please choose another one."));
        }
        Ok(subdomain)
    }

    /// The label, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hostname under the platform's base domain.
    ///
    /// # Errors
    /// If the whole name would exceed 253 characters.
    pub fn under(&self, base: &Hostname) -> Result<Hostname, Invalid> {
        Hostname::parse(&format!("{}.{base}", self.0))
    }
}

impl fmt::Display for Subdomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A full hostname: lower case, no trailing dot, no port. Cheap to clone, as routing tables hold
/// thousands of them and are copied at every change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hostname(Arc<str>);

impl Hostname {
    /// Parses a hostname of letters, digits, hyphens and dots; a trailing dot is dropped.
    ///
    /// # Errors
    /// If it is no valid DNS hostname in ASCII, or is an IP address.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let bad = |message: &str| Err(Invalid::new("hostname", format!("{message} (in {text:?})")));
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() || name.len() > 253 {
            return bad("A hostname has 1 to 253 characters");
        }
        if name.parse::<std::net::Ipv4Addr>().is_ok() {
            return bad("An IP address is no hostname");
        }
        for label in name.split('.') {
            let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if label.is_empty() || label.len() > 63 || !label.bytes().all(inner) {
                return bad("Each part of a hostname has 1 to 63 letters, digits or hyphens");
            }
            if label.starts_with('-') || label.ends_with('-') {
                return bad("No part of a hostname may begin or end with a hyphen");
            }
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Hostname {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Hostname {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<Hostname> for String {
    fn from(name: Hostname) -> Self {
        name.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_subdomains_are_lowered() {
        assert_eq!(Subdomain::parse(" Janes-Shop2 ").map(|s| s.0), Ok("janes-shop2".into()));
    }

    #[test]
    fn bad_subdomains_are_refused() {
        let long = "a".repeat(41);
        for text in [
            "",
            "ab",
            "-abc",
            "abc-",
            "a--b",
            "xn--80ak6aa92e",
            "аpple",
            "a b",
            "a.b.c",
            "a_b",
            "a\nb",
            "shop;ls",
            "admin",
            "WWW",
            "${x}",
            long.as_str(),
        ] {
            assert!(Subdomain::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_name_that_became_reserved_stays_readable() {
        assert!(Subdomain::parse("admin").is_err());
        assert_eq!(Subdomain::from_stored("admin").map(|s| s.0), Ok("admin".into()));
    }

    #[test]
    fn the_reserved_list_is_sorted_for_readers() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn hostnames() {
        assert_eq!(Hostname::parse("Shop.Example.COM.").map(|h| h.0), Ok("shop.example.com".into()));
        for text in ["", ".", "a..b", "-a.b", "a-.b", "127.0.0.1", "a b", "a:80", "user@a", "[::1]", "é.com"] {
            assert!(Hostname::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn lengths_are_limited_exactly() {
        let long = |length: usize| "a".repeat(length);
        for (length, fits) in [(2, false), (3, true), (40, true), (41, false)] {
            assert_eq!(Subdomain::parse(&long(length)).is_ok(), fits, "a subdomain of {length}");
        }
        for (length, fits) in [(63, true), (64, false)] {
            assert_eq!(Hostname::parse(&format!("{}.example", long(length))).is_ok(), fits, "a label of {length}");
        }
        let name = |length: usize| format!("{0}.{0}.{0}.{1}", long(63), long(length - 192));
        for (length, fits) in [(253, true), (254, false)] {
            assert_eq!(name(length).len(), length);
            assert_eq!(Hostname::parse(&name(length)).is_ok(), fits, "a name of {length}");
        }
        let base = Hostname::parse(&name(249)).expect("a base domain");
        let under = |label: &str| Subdomain::parse(label).expect("a label").under(&base);
        assert_eq!(under("abc").expect("253 characters").as_str(), format!("abc.{base}"));
        assert!(under("abcd").is_err());
    }

    #[test]
    fn a_hostname_is_its_text_everywhere() {
        let name = Hostname::parse("shop.example.com").expect("a name");
        assert_eq!((name.as_str(), name.to_string().as_str()), ("shop.example.com", "shop.example.com"));
        assert_eq!(serde_json::to_string(&name).expect("a text"), "\"shop.example.com\"");
        assert_eq!(serde_json::from_str::<Hostname>("\"Shop.example.com\"").expect("a name"), name);
        assert!(serde_json::from_str::<Hostname>("\"a b\"").is_err());
        let names = std::collections::HashSet::from([name]);
        assert!(names.contains("shop.example.com") && !names.contains("example.com"));
        let label = Subdomain::parse("janes-shop").expect("a label");
        assert_eq!((label.as_str(), label.to_string().as_str()), ("janes-shop", "janes-shop"));
    }

    #[test]
    fn hyphens_stand_inside_only() {
        for text in ["-ab", "ab-", "a--b"] {
            assert!(
                Subdomain::parse(text).is_err_and(|error| error.message.to_lowercase().contains("hyphen")),
                "{text}"
            );
        }
        for text in ["-a.example", "a-.example", "a.-b.example"] {
            assert!(
                Hostname::parse(text).is_err_and(|error| error.message.to_lowercase().contains("hyphen")),
                "{text}"
            );
        }
        assert!(Hostname::parse("a--b.xn--p1ai").is_ok());
    }
}
