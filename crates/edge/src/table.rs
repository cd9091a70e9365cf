//! The routing table as requests read it: immutable, replaced as a whole, looked up by the bare
//! lower-case name. The platform's own names come first, so no customer's route can take over the
//! portal.
//!
//! Compiling a table costs only what is new in it: shards of routes that are the same as the previous
//! table's are not compiled again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Method, request::Parts};
use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::{Route, RouteLimits, RoutingTable, Target},
    routes::{Routes, Shard},
};

use crate::{
    config::Config,
    stats::SiteStats,
    tls::{CertificateStore, TlsConfig},
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
    pub(crate) target: Target,
    pub(crate) limits: RouteLimits,
    pub(crate) secure: bool,
}

impl SiteEntry {
    /// Whether this is the entry of a route.
    fn matches(&self, route: &Route) -> bool {
        self.stats.site == route.site
            && self.target == route.target
            && self.limits == route.limits
            && self.secure == route.secure
    }
}

/// The prefix of the paths of all answers of a table (RFC 8615).
const WELL_KNOWN: &str = "/.well-known/";

/// A shard of routes, compiled.
type Entries = HashMap<Arc<str>, Entry>;

/// The counters of all sites that ever had a route, shared by all tables: what was served must not
/// vanish from a bill.
type Counters = Arc<Mutex<HashMap<SiteId, Arc<SiteStats>>>>;

/// A compiled routing table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) version: u64,
    pub(crate) certificates: Arc<CertificateStore>,
    /// The platform's own names.
    platform: Entries,
    /// What `entries` was compiled from.
    routes: Routes,
    /// The sites' names, by the shards of `routes`.
    entries: Vec<Arc<Entries>>,
    counters: Counters,
    /// Texts by their paths.
    answers: HashMap<Box<str>, Bytes>,
}

impl Table {
    /// Compiles `next`, reusing the counters of `previous`, its parsed certificates, and all that
    /// is the same.
    pub(crate) fn compile(next: RoutingTable, previous: &Self, config: &Config, tls: &TlsConfig) -> Self {
        let certificates = CertificateStore::updated(&next.certificates, &previous.certificates);
        let platform = config.platform_hosts.iter().map(|name| {
            let secure = config.public_https_port.is_some() && certificates.find(name, tls).is_some();
            let name: Arc<str> = name.as_str().into();
            (Arc::clone(&name), Entry::Platform { name, secure })
        });
        let entries = next.routes.shards().iter().enumerate().map(|(number, shard)| {
            let known = previous.entries.get(number);
            match known.filter(|_| Arc::ptr_eq(shard, &previous.routes.shards()[number])) {
                Some(same) => Arc::clone(same),
                None => Arc::new(previous.compile_shard(shard, known, config.threads)),
            }
        });
        Self {
            version: next.version,
            platform: platform.collect(),
            entries: entries.collect(),
            answers: next.answers.into_iter().map(|(path, text)| (path.into(), text.into())).collect(),
            counters: Arc::clone(&previous.counters),
            routes: next.routes,
            certificates,
        }
    }

    /// Compiles a changed shard; its unchanged routes keep their entries.
    fn compile_shard(&self, shard: &Shard, known: Option<&Arc<Entries>>, threads: usize) -> Entries {
        let mut counters = self.counters();
        let compiled = shard.iter().map(|(name, route)| {
            let entry = match known.and_then(|known| known.get(name.as_str())) {
                Some(Entry::Site(old)) if old.matches(route) => Arc::clone(old),
                _ => {
                    let stats =
                        counters.entry(route.site).or_insert_with(|| Arc::new(SiteStats::new(route.site, threads)));
                    Arc::new(SiteEntry {
                        name: name.as_str().into(),
                        stats: Arc::clone(stats),
                        target: route.target.clone(),
                        limits: route.limits,
                        secure: route.secure,
                    })
                }
            };
            (Arc::clone(&entry.name), Entry::Site(entry))
        });
        compiled.collect()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        self.platform.get(name).or_else(|| self.entries.get(Routes::shard_of(name))?.get(name))
    }

    /// Whether a name of a site must be visited over HTTPS, and whether it can be.
    pub(crate) fn https_of(&self, name: &Hostname) -> (bool, bool) {
        let required = self.routes.get(name.as_str()).is_some_and(|route| route.secure);
        (required, self.certificates.covers(name.as_str()))
    }

    /// The text that answers a request, whatever its host.
    pub(crate) fn answer(&self, parts: &Parts) -> Option<Entry> {
        // Almost no request gets past this line.
        let path = Some(parts.uri.path()).filter(|path| path.starts_with(WELL_KNOWN) && !self.answers.is_empty())?;
        let text = self.answers.get(path).filter(|_| matches!(parts.method, Method::GET | Method::HEAD))?;
        Some(Entry::Text(text.clone()))
    }

    /// The counters of all sites.
    pub(crate) fn sites(&self) -> Vec<Arc<SiteStats>> {
        self.counters().values().map(Arc::clone).collect()
    }

    fn counters(&self) -> MutexGuard<'_, HashMap<SiteId, Arc<SiteStats>>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
