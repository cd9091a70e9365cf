//! The routing table as requests read it: immutable, replaced as a whole, looked up by the bare
//! lower-case name. The platform's own names lie in the same map and win over routes, so that no
//! customer's route can ever take the portal over.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Method, request::Parts};
use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::{Notice, Route, RouteLimits, RoutingTable, Target},
};

use crate::{
    config::Config,
    stats::SiteStats,
    tls::{self, Store},
};

/// What answers for a name.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// The platform's own handler.
    Platform {
        name: Arc<str>,
        /// Whether visitors must use HTTPS: wherever they can.
        secure: bool,
    },
    /// A site.
    Site(Arc<SiteEntry>),
    /// A text of the table itself.
    Text(Bytes),
}

impl Entry {
    /// Whether visitors must use HTTPS.
    pub(crate) fn is_secure(&self) -> bool {
        match self {
            Self::Platform { secure, .. } => *secure,
            Self::Site(site) => site.secure,
            Self::Text(_) => false,
        }
    }
}

/// One route, with the counters of its site.
#[derive(Debug)]
pub(crate) struct SiteEntry {
    pub(crate) name: Arc<str>,
    pub(crate) stats: Arc<SiteStats>,
    pub(crate) answer: Answer,
    pub(crate) limits: RouteLimits,
    pub(crate) secure: bool,
}

impl SiteEntry {
    /// Whether it is this route already.
    fn is(&self, route: &Route, answer: &Answer) -> bool {
        self.stats.site == route.site
            && self.answer == *answer
            && self.limits == route.limits
            && self.secure == route.secure
    }
}

/// What answers for a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Upstream(SocketAddr),
    Redirect {
        to: Hostname,
        /// Whether that name's own route requires HTTPS.
        secure: bool,
        /// Whether there is a certificate for that name.
        covered: bool,
    },
    Notice(Notice),
}

/// Where the paths of all answers of a table begin (RFC 8615).
const WELL_KNOWN: &str = "/.well-known/";

/// A compiled routing table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) version: u64,
    pub(crate) certificates: Arc<Store>,
    entries: HashMap<Arc<str>, Entry>,
    sites: HashMap<SiteId, Arc<SiteStats>>,
    /// Texts by their paths.
    answers: HashMap<Box<str>, Bytes>,
}

impl Table {
    /// Compiles `routes`, taking over from `former` its counters and parsed certificates.
    pub(crate) fn compile(routes: RoutingTable, former: &Self, config: &Config, setup: &tls::Setup) -> Self {
        let mut sites = former.sites.clone();
        let certificates = Store::after(&routes.certificates, &former.certificates);
        let mut entries = HashMap::with_capacity(routes.routes.len() + config.platform_hosts.len());
        for (name, route) in &routes.routes {
            let stats = sites.entry(route.site).or_insert_with(|| Arc::new(SiteStats::new(route.site, config.threads)));
            let answer = match &route.target {
                Target::Upstream(address) => Answer::Upstream(*address),
                Target::Redirect(to) => Answer::Redirect {
                    to: to.clone(),
                    secure: routes.routes.get(to).is_some_and(|route| route.secure),
                    covered: certificates.covers(to.as_str()),
                },
                Target::Notice(notice) => Answer::Notice(*notice),
            };
            // Nearly all routes are as they were: a table with one change costs little more than its copy.
            let entry = match former.entries.get(name.as_str()) {
                Some(Entry::Site(old)) if old.is(route, &answer) => Arc::clone(old),
                _ => Arc::new(SiteEntry {
                    name: name.as_str().into(),
                    stats: Arc::clone(stats),
                    answer,
                    limits: route.limits,
                    secure: route.secure,
                }),
            };
            entries.insert(Arc::clone(&entry.name), Entry::Site(entry));
        }
        entries.extend(config.platform_hosts.iter().map(|name| {
            let secure = config.public_https_port.is_some() && certificates.find(name, setup).is_some();
            let name: Arc<str> = name.as_str().into();
            (Arc::clone(&name), Entry::Platform { name, secure })
        }));
        let answers = routes.answers.into_iter().map(|(path, text)| (path.into(), text.into())).collect();
        Self { version: routes.version, certificates, entries, sites, answers }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The text that answers a request itself, whatever host it is for.
    pub(crate) fn answer(&self, parts: &Parts) -> Option<Entry> {
        // Nearly no request gets past this line.
        let path = Some(parts.uri.path()).filter(|path| path.starts_with(WELL_KNOWN) && !self.answers.is_empty())?;
        let text = self.answers.get(path).filter(|_| matches!(parts.method, Method::GET | Method::HEAD))?;
        Some(Entry::Text(text.clone()))
    }

    pub(crate) fn sites(&self) -> impl Iterator<Item = &SiteStats> {
        self.sites.values().map(AsRef::as_ref)
    }
}
