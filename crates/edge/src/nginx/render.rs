//! A routing table as files, without touching the disk.

use std::{collections::BTreeMap, sync::Arc};

use stoa_model::{certificate::Certificate, id::CertificateId, route::RoutingTable};

use super::{conf::BadWord, config::Settings, names::Name, platform, site};
use crate::plan::Plan;

/// All that nginx needs for a table.
#[derive(Debug)]
pub(crate) struct Files {
    /// All files but the version.
    pub(crate) confs: BTreeMap<Name, String>,
    /// The certificates that some file shows.
    pub(crate) certificates: BTreeMap<CertificateId, Arc<Certificate>>,
    /// What had to be left out, in words.
    pub(crate) left_out: Vec<String>,
}

impl Files {
    /// # Errors
    /// If a path of the settings can't be written; they are checked before, so never.
    pub(crate) fn render(table: &RoutingTable, settings: &Settings) -> Result<Self, BadWord> {
        let (plan, mut left_out) =
            (Plan::new(table, !settings.config.https.is_empty(), |host| settings.is_platform(host)), Vec::new());
        let mut confs = BTreeMap::from([
            (Name::Limits, platform::limits(table)),
            (Name::Log, platform::log()),
            (Name::Platform, platform::platform(table, settings, &mut left_out)),
            (Name::Portal, platform::portal(&plan, settings)?),
            (Name::Server, platform::server(settings)?),
            (Name::Proxy, platform::proxy()),
            (Name::Tls, platform::tls_common()),
        ]);
        for (site, groups) in &plan.sites {
            confs.insert(Name::Site(*site), site::file(*site, groups, &plan, settings)?);
        }
        let shown = plan.sites.values().flatten().filter_map(|group| group.certificate);
        let platforms = settings.platform_hosts.iter().filter_map(|(name, _)| plan.certificates.find(name));
        let all = shown.chain(platforms).chain(plan.certificates.below.values().copied());
        let certificates = all.map(|certificate| (certificate.id, Arc::clone(certificate))).collect();
        Ok(Self { confs, certificates, left_out })
    }
}
