//! Where a name points: whether its addresses are this machine's, or those of a proxy that forwards to it.

use crate::Domains;
use std::net::IpAddr;

use stoa_integrations::resolver::ResolveError;
use stoa_model::host::Hostname;

use crate::certificates::{CertificateSpec, Failure};
use crate::reachability::Probed;

/// Where a name points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DnsTarget {
    /// Only to this machine.
    Here,
    /// Unknown, as no public addresses are configured.
    Unchecked,
    /// To proxies that forward to this machine, at these addresses.
    Forwarded(Vec<IpAddr>),
    /// To this machine and to other addresses, so that some visitors end up there.
    Partly {
        /// All addresses.
        all: Vec<IpAddr>,
        /// Those that don't lead to this machine.
        others: Vec<IpAddr>,
    },
    /// Only to other addresses, and to what the server there calls itself, if that is known.
    Elsewhere(Vec<IpAddr>, Option<String>),
    /// It has no address records.
    Nowhere,
    /// Its CNAME records form a loop.
    AliasLoop,
    /// It can't be looked up.
    Unknown(ResolveError),
}

impl DnsTarget {
    fn of(found: &[IpAddr], ours: &[IpAddr]) -> Self {
        let others: Vec<IpAddr> = found.iter().filter(|address| !ours.contains(address)).copied().collect();
        match (found.len(), others.len()) {
            (0, _) => Self::Nowhere,
            (_, 0) => Self::Here,
            (all, other) if all == other => Self::Elsewhere(others, None),
            _ => Self::Partly { all: found.to_vec(), others },
        }
    }

    /// The same, knowing what answers at the other addresses. A proxy's addresses that we can't reach, such as those of
    /// a family that this machine lacks, don't matter where another one forwards to us.
    fn with_probed(self, probed: Probed) -> Self {
        match self {
            Self::Elsewhere(..) if !probed.reaching_us.is_empty() => Self::Forwarded(probed.reaching_us),
            Self::Elsewhere(others, _) => Self::Elsewhere(others, probed.server),
            Self::Partly { all, mut others } => {
                others.retain(|address| !probed.reaching_us.contains(address));
                if others.is_empty() { Self::Forwarded(probed.reaching_us) } else { Self::Partly { all, others } }
            }
            other => other,
        }
    }

    /// The problem, for the customer; `None` if the name reaches this machine.
    pub fn problem(&self, name: &Hostname, ours: &[IpAddr]) -> Option<String> {
        let us = list(ours);
        Some(match self {
            Self::Here | Self::Forwarded(_) | Self::Unchecked => return None,
            Self::Partly { others, .. } => {
                format!(
                    "{name} leads to this server, but also to {}. Remove the records that lead elsewhere.",
                    list(others)
                )
            }
            Self::Elsewhere(others, server) => format!(
                "{name} still points to {}{}, not to this server ({us}), and requests for it do not arrive here. Change \
                 its address records; it can take a while until the change is seen. To keep a proxy or CDN in front, \
                 make it forward http://{name}/.well-known/acme-challenge/ to this server, or upload a certificate.",
                list(others),
                server.as_ref().map(|server| format!(" ({server})")).unwrap_or_default()
            ),
            Self::Nowhere => format!("{name} has no address records yet. Make them point to {us}."),
            Self::AliasLoop => {
                format!("The aliases (CNAME records) of {name} go round in a circle. Make one of them point to {us}.")
            }
            Self::Unknown(error) => format!("{name} can't be looked up: {}.", error.owner_text()),
        })
    }
}

impl Domains {
    /// Resolves where a name points.
    pub(crate) async fn dns_target(&self, name: &Hostname) -> DnsTarget {
        if self.core.settings.public_addresses.is_empty() {
            return DnsTarget::Unchecked;
        }
        match self.resolver.addresses(name).await {
            Ok(found) => {
                let target = DnsTarget::of(&found.list, &self.core.settings.public_addresses);
                let (DnsTarget::Elsewhere(others, _) | DnsTarget::Partly { others, .. }) = &target else {
                    return target;
                };
                let probed = self.probe_reachability(name, others).await;
                target.with_probed(probed)
            }
            Err(ResolveError::Loop { .. }) => DnsTarget::AliasLoop,
            Err(error) => DnsTarget::Unknown(error),
        }
    }

    /// Fails if a certificate is validated over HTTP and one of its names does not reach this machine: the order would
    /// fail and count against the authority's limits. Of a name that points to other machines too, the authority may
    /// still ask this one: the addresses are returned, and one refusal (`refused_at`) is enough until they change.
    pub(crate) async fn ensure_points_here(
        &self,
        wanted: &CertificateSpec,
        refused_at: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        let mut mixed_addresses = None;
        if wanted.method == stoa_integrations::acme::Method::Dns01 {
            return Ok(mixed_addresses);
        }
        let ours = &self.core.settings.public_addresses;
        for name in &wanted.names {
            let target = self.dns_target(&name.host).await;
            let Some(problem) = target.problem(&name.host, ours) else { continue };
            match target {
                DnsTarget::Partly { all, .. } if refused_at != Some(&list(&all)) => mixed_addresses = Some(list(&all)),
                _ => return Err(Failure::points_elsewhere(problem)),
            }
        }
        Ok(mixed_addresses)
    }
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_names_point() {
        let (ours, other): (IpAddr, IpAddr) = ("198.51.100.1".parse().unwrap(), "203.0.113.9".parse().unwrap());
        let name = Hostname::parse("mybusiness.com").unwrap();
        for (found, target, message) in [
            (vec![ours], DnsTarget::Here, None),
            (vec![], DnsTarget::Nowhere, Some("has no address records")),
            (
                vec![other],
                DnsTarget::Elsewhere(vec![other], None),
                Some("still points to 203.0.113.9, not to this server (198.51.100.1)"),
            ),
            (
                vec![ours, other],
                DnsTarget::Partly { all: vec![ours, other], others: vec![other] },
                Some("also to 203.0.113.9"),
            ),
        ] {
            assert_eq!(DnsTarget::of(&found, &[ours]), target);
            let problem = target.problem(&name, &[ours]);
            match message {
                Some(message) => assert!(problem.as_ref().is_some_and(|p| p.contains(message)), "{problem:?}"),
                None => assert_eq!(problem, None),
            }
        }
    }

    #[test]
    fn proxies_that_forward_to_us() {
        let [ours, proxy, v6] = ["198.51.100.1", "9.9.9.9", "2620:fe::9"].map(|ip| ip.parse::<IpAddr>().unwrap());
        let target = |found: &[IpAddr], reaching_us: &[IpAddr]| {
            let probed = Probed { reaching_us: reaching_us.to_vec(), server: Some("nginx".into()) };
            DnsTarget::of(found, &[ours]).with_probed(probed)
        };
        assert_eq!(target(&[proxy, v6], &[proxy]), DnsTarget::Forwarded(vec![proxy]), "we may have no IPv6");
        assert_eq!(target(&[ours, proxy], &[proxy]), DnsTarget::Forwarded(vec![proxy]));
        let old_record = DnsTarget::Partly { all: vec![ours, proxy, v6], others: vec![v6] };
        assert_eq!(target(&[ours, proxy, v6], &[proxy]), old_record);
        assert_eq!(target(&[ours], &[]), DnsTarget::Here);
        let elsewhere = target(&[proxy], &[]);
        let problem = elsewhere.problem(&Hostname::parse("mybusiness.com").unwrap(), &[ours]).unwrap();
        assert!(problem.contains("9.9.9.9 (nginx), not to this server"), "{problem}");
    }
}
