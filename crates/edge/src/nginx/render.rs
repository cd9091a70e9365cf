//! A routing table as files, without touching the disk.

use std::{collections::BTreeMap, sync::Arc};

use stoa_model::{certificate::Certificate, id::CertificateId, route::RoutingTable};

use super::{conf::InvalidText, config::Settings, file_name::FileName, platform, site};
use crate::plan::RoutePlan;

/// All that nginx needs for a table.
#[derive(Debug)]
pub(crate) struct Files {
    /// All files but the version.
    pub(crate) confs: BTreeMap<FileName, String>,
    /// The certificates that some file shows.
    pub(crate) certificates: BTreeMap<CertificateId, Arc<Certificate>>,
    /// What had to be left out, in words.
    pub(crate) left_out: Vec<String>,
}

/// What every file is written from.
pub(crate) struct Context<'a> {
    pub(crate) plan: &'a RoutePlan<'a>,
    pub(crate) settings: &'a Settings,
    /// The certificate that servers show which name none.
    pub(crate) shared: Option<CertificateId>,
}

/// The certificate that is to be shared: the one that most groups of names show. What is shared now
/// (`present`) stays so while it is not far behind, as a change writes the files of all these sites.
fn to_share(plan: &RoutePlan<'_>, present: Option<CertificateId>) -> Option<CertificateId> {
    let mut uses: BTreeMap<CertificateId, usize> = BTreeMap::new();
    for certificate in plan.sites.values().flatten().filter_map(|group| group.certificate) {
        *uses.entry(certificate.id).or_default() += 1;
    }
    let (best, most) = uses.iter().map(|(id, uses)| (*id, *uses)).max_by_key(|(id, uses)| (*uses, *id))?;
    let enough = |id: &CertificateId| uses.get(id).is_some_and(|uses| uses * 2 >= most && *uses > 1);
    present.filter(enough).or_else(|| (most > 1).then_some(best))
}

impl Files {
    /// `shared` is the certificate that most sites share now.
    ///
    /// # Errors
    /// If a path of the settings can't be written; they are checked before, so never.
    pub(crate) fn render(
        table: &RoutingTable,
        settings: &Settings,
        shared: Option<CertificateId>,
    ) -> Result<Self, InvalidText> {
        let plan = RoutePlan::new(table, !settings.config.https.is_empty(), |host| settings.is_platform(host));
        let (mut left_out, shared) = (Vec::new(), to_share(&plan, shared));
        let context = Context { plan: &plan, settings, shared };
        let mut confs = BTreeMap::from([
            (FileName::Limits, platform::limits(table)),
            (FileName::Log, platform::log()),
            (FileName::Platform, platform::platform(table, settings, &mut left_out)),
            (FileName::Unknown, platform::unknown(settings, shared)?),
            (FileName::Portal, platform::portal(&context)?),
            (FileName::Server, platform::server(settings)?),
            (FileName::Proxy, platform::proxy()),
            (FileName::Tls, platform::tls_common()),
        ]);
        for (site, groups) in &plan.sites {
            confs.insert(FileName::Site(*site), site::file(*site, groups, &context)?);
        }
        let shown = plan.sites.values().flatten().filter_map(|group| group.certificate);
        let platforms = settings.platform_hosts.iter().filter_map(|(name, _)| plan.certificates.find(name));
        let all = shown.chain(platforms).chain(plan.certificates.wildcards.values().copied());
        let certificates = all.map(|certificate| (certificate.id, Arc::clone(certificate))).collect();
        Ok(Self { confs, certificates, left_out })
    }
}
