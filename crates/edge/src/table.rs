//! The routing table as requests read it: immutable, replaced as a whole, looked up by the bare
//! lower-case name. The platform's own names lie in the same map and win over routes, so that no
//! customer's route can ever take the portal over.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::{Notice, RouteLimits, RoutingTable, Target},
};

use crate::stats::SiteStats;

/// What answers for a name.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// The platform's own handler.
    Platform,
    /// A site.
    Site(Arc<SiteEntry>),
}

/// One route, with the counters of its site.
#[derive(Debug)]
pub(crate) struct SiteEntry {
    pub(crate) stats: Arc<SiteStats>,
    pub(crate) answer: Answer,
    pub(crate) limits: RouteLimits,
    pub(crate) secure: bool,
}

/// What answers for a site.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Upstream(SocketAddr),
    Redirect(Hostname),
    Notice(Notice),
}

/// A compiled routing table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) version: u64,
    entries: HashMap<Box<str>, Entry>,
    sites: HashMap<SiteId, Arc<SiteStats>>,
}

impl Table {
    /// Compiles `routes`, taking over the counters of `former`.
    pub(crate) fn compile(routes: RoutingTable, former: &Self, platform: &[String], threads: usize) -> Self {
        let mut sites = former.sites.clone();
        let mut entries = HashMap::with_capacity(routes.routes.len() + platform.len());
        for (name, route) in routes.routes {
            let stats = sites.entry(route.site).or_insert_with(|| Arc::new(SiteStats::new(route.site, threads)));
            let answer = match route.target {
                Target::Upstream(address) => Answer::Upstream(address),
                Target::Redirect(to) => Answer::Redirect(to),
                Target::Notice(notice) => Answer::Notice(notice),
            };
            let entry = SiteEntry { stats: Arc::clone(stats), answer, limits: route.limits, secure: route.secure };
            entries.insert(name.as_str().into(), Entry::Site(Arc::new(entry)));
        }
        entries.extend(platform.iter().map(|name| (name.as_str().into(), Entry::Platform)));
        Self { version: routes.version, entries, sites }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    pub(crate) fn sites(&self) -> impl Iterator<Item = &SiteStats> {
        self.sites.values().map(AsRef::as_ref)
    }
}
