//! A routing table sorted for providers that write it down for another program: site by site, with the
//! names of a site grouped by route and certificate.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use stoa_model::{
    certificate::{CertName, Certificate},
    host::Hostname,
    id::SiteId,
    route::{Route, RouteLimits, RoutingTable, Target},
};

/// Names of one site with the same route and certificate.
#[derive(Debug)]
pub(crate) struct HostGroup<'a> {
    /// Sorted, at least one.
    pub(crate) hosts: Vec<&'a Hostname>,
    pub(crate) target: &'a Target,
    pub(crate) limits: RouteLimits,
    /// Whether visitors must use HTTPS; then there is a certificate.
    pub(crate) secure: bool,
    pub(crate) certificate: Option<&'a Arc<Certificate>>,
}

/// The whole table, in a deterministic order.
#[derive(Debug)]
pub(crate) struct RoutePlan<'a> {
    pub(crate) table: &'a RoutingTable,
    pub(crate) sites: BTreeMap<SiteId, Vec<HostGroup<'a>>>,
    pub(crate) certificates: CertificateIndex<'a>,
}

impl<'a> RoutePlan<'a> {
    /// Sorts a table; without `tls` as if it had no certificates. Routes for names of the platform
    /// itself are left out.
    pub(crate) fn new(table: &'a RoutingTable, tls: bool, is_platform: impl Fn(&Hostname) -> bool) -> Self {
        let certificates = CertificateIndex::new(if tls { &table.certificates } else { &[] });
        let mut routes: Vec<_> = table.routes.iter().filter(|(host, _)| !is_platform(host)).collect();
        routes.sort_unstable_by_key(|(host, _)| *host);
        let mut sites: BTreeMap<_, Vec<HostGroup<'a>>> = BTreeMap::new();
        for (host, route) in routes {
            let certificate = certificates.find(host.as_str());
            let groups = sites.entry(route.site).or_default();
            match groups.iter_mut().find(|group| group.matches(route, certificate)) {
                Some(group) => group.hosts.push(host),
                None => groups.push(HostGroup {
                    hosts: vec![host],
                    target: &route.target,
                    limits: route.limits,
                    secure: route.secure && certificate.is_some(),
                    certificate,
                }),
            }
        }
        Self { table, sites, certificates }
    }

    /// Whether a name must be visited over HTTPS, and whether it can be.
    pub(crate) fn https_of(&self, host: &Hostname) -> (bool, bool) {
        let covered = self.certificates.find(host.as_str()).is_some();
        (covered && self.table.routes.get(host.as_str()).is_some_and(|route| route.secure), covered)
    }
}

impl HostGroup<'_> {
    fn matches(&self, route: &Route, certificate: Option<&Arc<Certificate>>) -> bool {
        *self.target == route.target
            && self.limits == route.limits
            && self.secure == (route.secure && certificate.is_some())
            && self.certificate == certificate
    }
}

/// Certificates by their names; of two for the same name the later one.
#[derive(Debug, Default)]
pub(crate) struct CertificateIndex<'a> {
    exact: HashMap<&'a str, &'a Arc<Certificate>>,
    /// For the names one label below a host.
    pub(crate) wildcards: BTreeMap<Hostname, &'a Arc<Certificate>>,
}

impl<'a> CertificateIndex<'a> {
    pub(crate) fn new(certificates: &'a [Arc<Certificate>]) -> Self {
        let mut all = Self::default();
        for certificate in certificates {
            for CertName { host, wildcard } in &certificate.names {
                if *wildcard {
                    all.wildcards.insert(host.clone(), certificate);
                } else {
                    all.exact.insert(host.as_str(), certificate);
                }
            }
        }
        all
    }

    /// Whether there is one for this host, or for all names below it.
    pub(crate) fn has(&self, name: &CertName) -> bool {
        if name.wildcard { self.wildcards.contains_key(&name.host) } else { self.find(name.host.as_str()).is_some() }
    }

    /// The certificate for a name: an exact one before a wildcard.
    pub(crate) fn find(&self, name: &str) -> Option<&'a Arc<Certificate>> {
        let below = || self.wildcards.get(name.split_once('.')?.1);
        self.exact.get(name).copied().or_else(|| below().copied())
    }
}
