//! Where a name leads: does the world find this machine under it?

use crate::Domains;
use std::net::IpAddr;

use stoa_integrations::resolver::ResolveError;
use stoa_model::host::Hostname;

use crate::certificates::{CertificateSpec, Failure};

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DnsTarget {
    /// Here, and nowhere else.
    Here,
    /// It was not looked at, as the operator has not said where here is.
    Unasked,
    /// Here and to other addresses: some visitors end up there.
    Partly(Vec<IpAddr>),
    /// To other addresses.
    Elsewhere(Vec<IpAddr>),
    /// It has no address.
    Nowhere,
    /// Its aliases go round in a circle.
    Circle,
    /// Its name servers don't answer.
    Unknown(String),
}

impl DnsTarget {
    fn of(found: &[IpAddr], ours: &[IpAddr]) -> Self {
        let others: Vec<IpAddr> = found.iter().filter(|address| !ours.contains(address)).copied().collect();
        match (found.len(), others.len()) {
            (0, _) => Self::Nowhere,
            (_, 0) => Self::Here,
            (all, others_) if all == others_ => Self::Elsewhere(others),
            _ => Self::Partly(others),
        }
    }

    /// What is wrong, in words; nothing if it leads here.
    pub fn problem(&self, name: &Hostname, ours: &[IpAddr]) -> Option<String> {
        let list = |addresses: &[IpAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let us = list(ours);
        Some(match self {
            Self::Here | Self::Unasked => return None,
            Self::Partly(others) => {
                format!(
                    "{name} leads to this server, but also to {}. Remove the records that lead elsewhere.",
                    list(others)
                )
            }
            Self::Elsewhere(others) => format!(
                "{name} still points to {}, not to this server ({us}). Change its address records; it can take a while until the change is seen.",
                list(others)
            ),
            Self::Nowhere => format!("{name} has no address records yet. Make them point to {us}."),
            Self::Circle => {
                format!("The aliases (CNAME records) of {name} go round in a circle. Make one of them point to {us}.")
            }
            Self::Unknown(_) => {
                format!("The name servers of {name} do not answer. Ask your domain provider, or wait a little.")
            }
        })
    }
}

impl Domains {
    /// Looks where a name leads.
    pub(crate) async fn dns_target(&self, name: &Hostname) -> DnsTarget {
        if self.core.settings.public_addresses.is_empty() {
            return DnsTarget::Unasked;
        }
        match self.resolver.addresses(name).await {
            Ok(found) => DnsTarget::of(&found.list, &self.core.settings.public_addresses),
            Err(ResolveError::Loop { .. }) => DnsTarget::Circle,
            Err(error) => DnsTarget::Unknown(error.to_string()),
        }
    }

    /// Refuses to order a certificate that is proven over HTTP for a name that leads elsewhere.
    pub(crate) async fn ensure_points_here(&self, wanted: &CertificateSpec) -> Result<(), Failure> {
        if wanted.method == stoa_integrations::acme::Method::Dns01 {
            return Ok(());
        }
        for name in &wanted.names {
            let leads = self.dns_target(&name.host).await;
            // With some of its addresses elsewhere, the authority may still come here.
            if matches!(leads, DnsTarget::Partly(_)) {
                continue;
            }
            if let Some(problem) = leads.problem(&name.host, &self.core.settings.public_addresses) {
                return Err(Failure::leads_elsewhere(problem));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_names_lead() {
        let (ours, other): (IpAddr, IpAddr) = ("198.51.100.1".parse().unwrap(), "203.0.113.9".parse().unwrap());
        let name = Hostname::parse("mybusiness.com").unwrap();
        for (found, leads, words) in [
            (vec![ours], DnsTarget::Here, None),
            (vec![], DnsTarget::Nowhere, Some("has no address records")),
            (
                vec![other],
                DnsTarget::Elsewhere(vec![other]),
                Some("still points to 203.0.113.9, not to this server (198.51.100.1)"),
            ),
            (vec![ours, other], DnsTarget::Partly(vec![other]), Some("also to 203.0.113.9")),
        ] {
            assert_eq!(DnsTarget::of(&found, &[ours]), leads);
            let problem = leads.problem(&name, &[ours]);
            match words {
                Some(words) => assert!(problem.as_ref().is_some_and(|p| p.contains(words)), "{problem:?}"),
                None => assert_eq!(problem, None),
            }
        }
    }
}
