//! A routing table as files, without touching the disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use stoa_model::{certificate::Certificate, id::CertificateId, route::RoutingTable};

use super::{
    config::Settings,
    context::Context,
    disk::{ConfigFile, ConfigFiles},
    file_name::FileName,
    platform, site,
    state::{SiteRoutes, State},
};
use crate::plan::{HostGroup, RoutePlan};

/// All that nginx needs for a table.
#[derive(Debug)]
pub(crate) struct Rendered {
    /// All files but those that depend on the state.
    pub(crate) files: ConfigFiles,
    pub(crate) state: State,
    /// The certificates that some file names.
    pub(crate) certificates: Vec<Arc<Certificate>>,
    /// One sentence about each answer that can't be written.
    pub(crate) left_out: Vec<String>,
}

impl Rendered {
    /// `shared` is the certificate that most sites share now.
    pub(crate) fn new(table: &RoutingTable, settings: &Settings, shared: Option<CertificateId>) -> io::Result<Self> {
        let plan = RoutePlan::new(table, !settings.config.https.is_empty(), |host| settings.is_platform(host));
        let shared_certificate = choose_shared(&plan, shared);
        let context = Context { plan: &plan, settings, shared_certificate };
        let mut left_out = Vec::new();
        let mut texts = vec![
            (FileName::Log, platform::log()),
            (FileName::Platform, platform::platform(table, settings, &mut left_out)),
            (FileName::Unknown, platform::unknown(settings, shared_certificate).map_err(io::Error::other)?),
            (FileName::Portal, platform::portal(&context).map_err(io::Error::other)?),
            (FileName::Server, platform::server(settings).map_err(io::Error::other)?),
            (FileName::Proxy, platform::proxy()),
            (FileName::Tls, platform::tls_common()),
        ];
        for (site, groups) in &plan.sites {
            let text = site::site_file(*site, groups, &context).map_err(io::Error::other)?;
            texts.push((FileName::Site(*site), text));
        }
        let shown = plan.sites.values().flatten().filter_map(|group| group.certificate);
        let platforms = settings.platform_hosts.iter().filter_map(|(name, _)| plan.certificates.find(name));
        let all = shown.chain(platforms).chain(plan.certificates.wildcards.values().copied());
        let certificates: BTreeMap<_, _> = all.map(|certificate| (certificate.id, certificate)).collect();
        let state = State {
            stamp: String::new(),
            shared_certificate,
            certificates: certificates.iter().map(|(id, certificate)| (*id, certificate.names.clone())).collect(),
            rates: rates(table),
            sites: plan.sites.iter().map(|(site, groups)| (*site, site_routes(groups))).collect(),
        };
        let files =
            texts.into_iter().map(|(name, text)| (name, ConfigFile::wanted(name, text, &settings.config))).collect();
        Ok(Self { files, state, certificates: certificates.into_values().cloned().collect(), left_out })
    }
}

/// The certificate that most groups of names use. The present one stays while it is not far behind, as a
/// change rewrites the files of all these sites.
fn choose_shared(plan: &RoutePlan<'_>, present: Option<CertificateId>) -> Option<CertificateId> {
    let mut uses: BTreeMap<CertificateId, usize> = BTreeMap::new();
    for certificate in plan.sites.values().flatten().filter_map(|group| group.certificate) {
        *uses.entry(certificate.id).or_default() += 1;
    }
    let (best, most) = uses.iter().map(|(id, uses)| (*id, *uses)).max_by_key(|(id, uses)| (*uses, *id))?;
    let is_enough = |id: &CertificateId| uses.get(id).is_some_and(|uses| uses * 2 >= most && *uses > 1);
    present.filter(is_enough).or_else(|| (most > 1).then_some(best))
}

fn rates(table: &RoutingTable) -> BTreeSet<u32> {
    table.routes.iter().map(|(_, route)| route.limits.rate).filter(|rate| *rate > 0).collect()
}

fn site_routes(groups: &[HostGroup<'_>]) -> SiteRoutes {
    let pairs = groups.iter().flat_map(|group| group.hosts.iter().map(|host| ((*host).clone(), group.target.clone())));
    pairs.collect()
}
