//! Which names need a certificate from the authority, as a pure function.

use std::collections::{BTreeMap, HashSet};

use stoa_integrations::acme::Method;
use stoa_model::{certificate::CertName, host::Hostname};

/// A certificate that should exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateSpec {
    /// Its first name, which identifies it.
    pub subject: CertName,
    /// All its names.
    pub names: Vec<CertName>,
    /// How the names are validated.
    pub method: Method,
    /// Whether it is for a customer's own domain.
    pub custom: bool,
}

/// The input of [`required_certificates`].
pub(crate) struct Facts<'a> {
    /// The platform's own domain; `None` for one that no authority certifies, like `localhost`.
    pub base: Option<&'a Hostname>,
    /// Whether we can create records in the zone of the platform's own domain.
    pub dns: bool,
    /// Hostnames of the portal besides `base`.
    pub portal: Vec<Hostname>,
    /// Hostnames of sites below the platform's own domain.
    pub subdomains: Vec<Hostname>,
    /// Verified domains of customers.
    pub domains: Vec<Hostname>,
    /// Names that an uploaded certificate covers.
    pub uploaded: HashSet<Hostname>,
}

/// The certificates that should exist. With DNS, there is one wildcard for all subdomains, otherwise one certificate
/// each. Each custom domain has its own, so that a failing domain does not affect others.
pub(crate) fn required_certificates(facts: Facts<'_>) -> Vec<CertificateSpec> {
    let single = |name: Hostname, custom| {
        let subject = CertName::host(name);
        (subject.clone(), CertificateSpec { names: vec![subject.clone()], subject, method: Method::Http01, custom })
    };
    let mut all = BTreeMap::new();
    if let Some(base) = facts.base {
        if facts.dns {
            let names = vec![CertName::below(base.clone()), CertName::host(base.clone())];
            let subject = names[0].clone();
            all.insert(subject.clone(), CertificateSpec { subject, names, method: Method::Dns01, custom: false });
        } else {
            all.extend([single(base.clone(), false)]);
            all.extend(facts.subdomains.into_iter().map(|name| single(name, false)));
        }
    }
    let covered =
        |name: &Hostname| all.values().flat_map(|wanted: &CertificateSpec| &wanted.names).any(|n| n.covers(name));
    let portal: Vec<_> = facts.portal.into_iter().filter(|name| !covered(name)).collect();
    all.extend(portal.into_iter().map(|name| single(name, false)));
    all.extend(facts.domains.into_iter().map(|name| single(name, true)));
    all.into_values()
        .filter(|wanted| !facts.uploaded.contains(&wanted.subject.host) || wanted.subject.wildcard)
        .collect()
}

/// Whether a public authority can certify names below this one. It can't for special-use domains (RFC 6761).
pub(crate) fn is_public(base: &Hostname) -> bool {
    base.as_str().contains('.') && !base.is_special_use()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Hostname {
        Hostname::parse(text).unwrap()
    }

    fn subjects(dns: bool, uploaded: &[&str]) -> Vec<String> {
        let base = host("stoa.test");
        let facts = Facts {
            base: Some(&base),
            dns,
            portal: vec![host("panel.stoa.test"), host("stoa.test"), host("panel.test")],
            subdomains: vec![host("jane.stoa.test")],
            domains: vec![host("shop.example.com"), host("www.shop.example.com")],
            uploaded: uploaded.iter().map(|name| host(name)).collect(),
        };
        required_certificates(facts).iter().map(|wanted| format!("{} {:?}", wanted.subject, wanted.method)).collect()
    }

    #[test]
    fn one_wildcard_with_dns_and_one_each_without() {
        let (shop, www) = ("shop.example.com Http01", "www.shop.example.com Http01");
        let (panel, base) = ("panel.test Http01", "*.stoa.test Dns01");
        assert_eq!(subjects(true, &[]), [panel, shop, base, www]);
        assert_eq!(
            subjects(false, &[]),
            ["jane.stoa.test Http01", "panel.stoa.test Http01", panel, shop, "stoa.test Http01", www]
        );
        assert_eq!(subjects(true, &["shop.example.com"]), [panel, base, www]);
    }

    #[test]
    fn names_that_no_authority_certifies() {
        for (name, public) in [("localhost", false), ("a.localhost", false), ("stoa.test", true), ("nas", false)] {
            assert_eq!(is_public(&host(name)), public, "{name}");
        }
    }
}
