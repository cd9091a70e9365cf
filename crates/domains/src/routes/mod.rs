//! Keeps the edge's routing table equal to the rows of the database and the certificates on the
//! shelf. One site's change is applied at once; the whole table is read anew every minute, and soon
//! after another process changed something.

mod acme_challenges;
mod edge_lag;
mod target;
mod version_tracker;

use crate::Domains;
use std::{
    collections::HashSet,
    mem,
    sync::{Arc, MutexGuard, PoisonError},
};

use stoa_db::routes::{RouteRow, route_of, routes};
use stoa_model::{
    account::Role,
    certificate::{CertName, Certificate},
    host::Hostname,
    id::SiteId,
    route::{Route, RoutingTable},
    routes::Routes,
};
use stoa_provider::edge::EdgeError;
use tokio::sync::Mutex;

use crate::certificates::Certificates;
use stoa_core::{Error, RequestContext, Result};

pub use edge_lag::EdgeLag;
pub use target::ApplicationUrl;
use version_tracker::RouteVersionTracker;

/// What this process knows of the routes.
#[derive(Default)]
pub(crate) struct Routing {
    /// The table as it was last applied. The lock is held while the edge applies, so that tables
    /// arrive in the order of their versions.
    table: Mutex<RoutingTable>,
    /// LoadedCertificate while all routes are read anew.
    reading: Mutex<()>,
    /// Sites that were read alone since then; what was read of them with all others may be older.
    reread: std::sync::Mutex<HashSet<SiteId>>,
    /// The versions in the database that were followed.
    followed: std::sync::Mutex<RouteVersionTracker>,
}

impl Routing {
    fn reread(&self) -> MutexGuard<'_, HashSet<SiteId>> {
        self.reread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Domains {
    /// All routes and certificates as the database has them now, for who writes an edge's files anew.
    ///
    /// # Errors
    /// Without the role admin; if the database does not answer.
    pub async fn edge_table(&self, cx: &RequestContext) -> Result<RoutingTable> {
        cx.require(Role::Admin)?;
        self.reload_certificates().await?;
        let shelf = self.certificate_cache.all();
        let version = self.next_version(&RoutingTable::default());
        let routes = self.read_routes(&shelf).await?;
        Ok(RoutingTable { version, routes, certificates: shelf.ready(), ..RoutingTable::default() })
    }

    /// Loads certificates and routes and gives them to the edge, before a process begins to serve.
    ///
    /// # Errors
    /// If the database or the edge does not answer; reconcilers try again.
    pub async fn load(&self) -> Result<()> {
        let certificates = self.reload_certificates().await;
        self.reload_routes().await.and(certificates)
    }

    /// This process committed a change with this version of the routes and follows it by itself.
    pub fn mark_own_version(&self, version: u64) {
        self.routes.mark_own(version);
    }

    async fn read_routes(&self, shelf: &Certificates) -> Result<Routes> {
        let rows = routes(&self.core.db).await?;
        Ok(rows.into_iter().filter_map(|row| self.route(row, shelf)).collect())
    }

    /// Reads all routes anew and applies them.
    ///
    /// They are read without the lock, as that takes long where there are many, and nobody's change
    /// shall wait for it. Sites that changed in between are read again.
    pub async fn reload_routes(&self) -> Result<()> {
        let _alone = self.routes.reading.lock().await;
        loop {
            {
                let _table = self.routes.table.lock().await;
                self.routes.reread().clear();
            }
            let shelf = self.certificate_cache.all();
            let mut routes = self.read_routes(&shelf).await?;
            let mut table = self.routes.table.lock().await;
            // Certificates that came in between belong to the routes: once more with them.
            if Arc::ptr_eq(&shelf, &self.certificate_cache.all()) {
                let newer = mem::take(&mut *self.routes.reread());
                self.replace_routes_of(&mut routes, newer, &shelf).await?;
                routes.share_with(&table.routes);
                let certificates = shelf.ready();
                let next = RoutingTable { version: self.next_version(&table), routes, certificates, ..table.clone() };
                return self.apply_if_changed(&mut table, next, None).await;
            }
        }
    }

    /// Replaces the routes of these sites by what the database has now.
    async fn replace_routes_of(&self, routes: &mut Routes, sites: HashSet<SiteId>, shelf: &Certificates) -> Result<()> {
        routes.retain(|_, route| !sites.contains(&route.site));
        for site in sites {
            let rows = route_of(&self.core.db, site).await?;
            routes.extend(rows.into_iter().filter_map(|row| self.route(row, shelf)));
        }
        Ok(())
    }

    /// Brings a table to the edge, unless it has the same already.
    async fn apply_if_changed(
        &self,
        table: &mut RoutingTable,
        next: RoutingTable,
        waits: Option<SiteId>,
    ) -> Result<()> {
        if table.version > 0 && table.routes == next.routes && table.certificates == next.certificates {
            return Ok(());
        }
        self.apply_table(table, next, waits).await
    }

    /// Reads one site's routes anew; when this returns, every new request follows them.
    pub async fn refresh_routes(&self, site: SiteId) -> Result<()> {
        self.reread_routes(|_| HashSet::from([site]), Some(site)).await
    }

    /// As [`Domains::routes_refresh`], after something was committed: an edge that can't follow now
    /// is brought up by the reconciler, and what was committed stays true.
    pub async fn refresh_routes_or_lag(&self, site: SiteId) {
        if let Err(error) = self.refresh_routes(site).await {
            self.routes.mark_lagging();
            tracing::warn!(%site, error = error.for_operator(), "the edge did not take a site's new state over yet");
        }
    }

    /// After this process has committed a change of a site with this version of the routes.
    pub async fn publish_routes(&self, version: u64, site: SiteId) {
        self.routes.mark_own(version);
        self.refresh_routes_or_lag(site).await;
    }

    /// Brings certificates that came or went to the edge, with the routes that they are for.
    pub async fn apply_certificates(&self) -> Result<()> {
        self.reload_certificates().await?;
        let served = self.routes.table.lock().await.certificates.clone();
        let changed = differing(&served, &self.certificate_cache.all().ready());
        if changed.is_empty() {
            return Ok(());
        }
        if changed.iter().any(|name| name.wildcard) {
            return self.reload_routes().await;
        }
        let named = |table: &RoutingTable| {
            let routes = changed.iter().filter_map(|name| table.routes.get(name.host.as_str()));
            routes.map(|route| route.site).collect()
        };
        self.reread_routes(named, None).await
    }

    /// Reads the routes of these sites anew, and takes over the certificates of this moment.
    async fn reread_routes(
        &self,
        sites: impl FnOnce(&RoutingTable) -> HashSet<SiteId>,
        waits: Option<SiteId>,
    ) -> Result<()> {
        let mut table = self.routes.table.lock().await;
        if table.version == 0 {
            // Nothing was loaded yet: some routes alone would take all others off the air.
            drop(table);
            return self.reload_routes().await;
        }
        let (shelf, sites) = (self.certificate_cache.all(), sites(&table));
        self.routes.reread().extend(&sites);
        let mut next =
            RoutingTable { version: self.next_version(&table), certificates: shelf.ready(), ..table.clone() };
        self.replace_routes_of(&mut next.routes, sites, &shelf).await?;
        self.apply_if_changed(&mut table, next, waits).await
    }

    /// Brings a table to the edge. Single sites that the edge refuses keep what they had, and keep no
    /// other site from its own: only who waits for one of them is told.
    pub(crate) async fn apply_table(
        &self,
        table: &mut RoutingTable,
        next: RoutingTable,
        waits: Option<SiteId>,
    ) -> Result<()> {
        let unavailable = |error: EdgeError| Error::Unavailable {
            message: "The new address could not be switched on yet; this is tried again by itself.".into(),
            source: error.into(),
        };
        let applied = self.edge.apply(next.clone()).await;
        let Err(error) = applied else {
            *table = next;
            return Ok(());
        };
        let Some(refused) = &error.refused else { return Err(unavailable(error)) };
        tracing::error!(%error, "the edge refuses some of the routes");
        *table = next;
        let mine = waits.is_some_and(|site| refused.contains(&site));
        if mine { Err(unavailable(error)) } else { Ok(()) }
    }

    /// Grows across restarts too: the first version of a process is the time of its start.
    pub(crate) fn next_version(&self, table: &RoutingTable) -> u64 {
        let now = u64::try_from(self.core.clock.now().as_millisecond()).unwrap_or(0);
        if table.version == 0 { now } else { table.version + 1 }
    }

    /// Where a site's name leads, with these certificates.
    fn route(&self, row: RouteRow, certificates: &Certificates) -> Option<(Hostname, Route)> {
        target::route(row, |name| self.core.settings.https_port.is_some() && certificates.covers(name))
    }
}

/// The names of all certificates that are in one of the lists only.
fn differing(one: &[Arc<Certificate>], other: &[Arc<Certificate>]) -> Vec<CertName> {
    let ids = |list: &[Arc<Certificate>]| list.iter().map(|certificate| certificate.id).collect::<HashSet<_>>();
    let (in_one, in_other) = (ids(one), ids(other));
    let gone = one.iter().filter(|certificate| !in_other.contains(&certificate.id));
    let new = other.iter().filter(|certificate| !in_one.contains(&certificate.id));
    gone.chain(new).flat_map(|certificate| certificate.names.clone()).collect()
}
