//! Keeps the edge's routing table in sync with the database and the certificate cache. A change of one site is
//! applied immediately. The whole table is reloaded every minute.
//!
//! Every change is recorded with a version (`stoa_db::route_changes`). Each process follows the changes of the others
//! (`follow`), and each edge tells which version it serves (`edge_status`), so that a change is done when all edges
//! serve it, whichever process made it.

mod acme_challenges;
mod edge_status;
mod follow;
mod target;

use crate::Domains;
use std::{
    collections::HashSet,
    mem,
    sync::{Arc, MutexGuard, PoisonError},
};

use stoa_db::{
    DbError, Tx,
    domains::acme_challenges::acme_challenges_all,
    route_changes::{self, RouteChange, routes_version},
    routes::{RouteRow, route_of, routes},
    sites::site_by_hostname,
};
use stoa_model::{
    account::Role,
    certificate::{CertName, Certificate},
    host::Hostname,
    id::SiteId,
    route::{Route, RoutingTable},
    routes::Routes,
};
use tokio::sync::Mutex;

use crate::certificates::Certificates;
use stoa_core::{Error, RequestContext, Result, Wakeup};

pub use edge_status::EdgeLag;
use follow::Followed;
pub use target::ApplicationUrl;

/// The routing state of this process.
#[derive(Default)]
pub(crate) struct Routing {
    /// The table that was last applied. Locked while the edge applies a table, so that tables arrive in order of
    /// their versions.
    table: Mutex<RoutingTable>,
    /// Locked during a reload of all routes.
    reload_lock: Mutex<()>,
    /// Sites whose routes were refreshed since the reload began, so that the reload may have older routes for them.
    refreshed: std::sync::Mutex<HashSet<SiteId>>,
    /// Which changes of the database were applied.
    followed: std::sync::Mutex<Followed>,
    /// Since when the edge of this process has failed to apply changes.
    behind: std::sync::Mutex<Option<EdgeLag>>,
    /// What other edges have reported.
    reports: std::sync::Mutex<edge_status::EdgeReports>,
}

impl Routing {
    fn refreshed(&self) -> MutexGuard<'_, HashSet<SiteId>> {
        self.refreshed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Domains {
    /// All routes and certificates from the database, for a command that rewrites an edge's configuration.
    ///
    /// # Errors
    /// Without the role admin.
    pub async fn edge_table(&self, cx: &RequestContext) -> Result<RoutingTable> {
        cx.require(Role::Admin)?;
        self.reload_certificates().await?;
        let cached = self.certificate_cache.all();
        let version = self.next_version(&RoutingTable::default());
        let routes = self.read_routes(&cached).await?;
        Ok(RoutingTable { version, routes, certificates: cached.ready(), ..RoutingTable::default() })
    }

    /// Loads certificates and routes and applies them to the edge, before the process starts serving. Reconcilers retry
    /// after an error.
    pub async fn load(&self) -> Result<()> {
        // First, so that whoever changes something meanwhile waits for this edge too.
        self.report_edge().await?;
        let version = routes_version(&self.core.db).await?;
        let certificates = self.reload_certificates().await;
        self.reload_routes().await.and(certificates)?;
        self.routes.caught_up(version);
        self.report_edge().await
    }

    /// Whether a container of the site with this lease reaches the name at the edge: it is a name of that site, of the
    /// portal, or one that the platform gives out. Names that other customers brought lead where the world finds them.
    pub async fn leads_to_edge(&self, name: &Hostname, lease: i64) -> bool {
        if self.core.settings.is_portal_name(name) {
            return true;
        }
        let found = site_by_hostname(&self.core.db, name).await.ok().flatten();
        found.is_some_and(|site| self.is_platform_name(name) || site.lease == Some(lease))
    }

    /// Records a change of this process in the caller's transaction; call it last there. After the commit, publish it
    /// with the version that this returns.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn route_changed(&self, tx: &Tx, change: RouteChange) -> std::result::Result<u64, DbError> {
        route_changes::route_changed(tx, change, self.core.leases.owner()).await
    }

    async fn read_routes(&self, cached: &Certificates) -> Result<Routes> {
        let rows = routes(&self.core.db).await?;
        Ok(rows.into_iter().filter_map(|row| self.route(row, cached)).collect())
    }

    /// Reloads all routes and applies them.
    ///
    /// The table is not locked during the query, which may take long, so that changes of single sites don't wait for
    /// it. Sites that changed meanwhile are read again.
    pub async fn reload_routes(&self) -> Result<()> {
        if self.edge.is_none() {
            return Ok(());
        }
        let _reload = self.routes.reload_lock.lock().await;
        loop {
            {
                let _table = self.routes.table.lock().await;
                self.routes.refreshed().clear();
            }
            let cached = self.certificate_cache.all();
            let mut routes = self.read_routes(&cached).await?;
            let answers = acme_challenges_all(&self.core.db).await?;
            let mut table = self.routes.table.lock().await;
            // Routes depend on certificates: if those changed meanwhile, start over.
            if Arc::ptr_eq(&cached, &self.certificate_cache.all()) {
                let refreshed = mem::take(&mut *self.routes.refreshed());
                self.replace_routes_of(&mut routes, refreshed, &cached).await?;
                routes.share_with(&table.routes);
                let certificates = cached.ready();
                let next = RoutingTable { version: self.next_version(&table), routes, certificates, answers };
                return self.apply_if_changed(&mut table, next, None).await;
            }
        }
    }

    /// Replaces the routes of these sites with those in the database.
    async fn replace_routes_of(
        &self,
        routes: &mut Routes,
        sites: HashSet<SiteId>,
        cached: &Certificates,
    ) -> Result<()> {
        routes.retain(|_, route| !sites.contains(&route.site));
        for site in sites {
            let rows = route_of(&self.core.db, site).await?;
            routes.extend(rows.into_iter().filter_map(|row| self.route(row, cached)));
        }
        Ok(())
    }

    /// Applies a table to the edge unless it is unchanged.
    async fn apply_if_changed(
        &self,
        table: &mut RoutingTable,
        next: RoutingTable,
        waiting_for: Option<SiteId>,
    ) -> Result<()> {
        if table.version > 0
            && table.routes == next.routes
            && table.certificates == next.certificates
            && table.answers == next.answers
        {
            return Ok(());
        }
        self.apply_table(table, next, waiting_for).await
    }

    /// Applies one site's routes from the database; when this returns, all edges use them for new requests.
    ///
    /// # Errors
    /// If an edge does not apply them, or none runs.
    pub async fn refresh_routes(&self, site: SiteId) -> Result<()> {
        if !self.core.db.is_server() {
            return self.refresh_own_routes(site).await;
        }
        let body = async |tx: &Tx| self.route_changed(tx, RouteChange::Site(site)).await;
        let version = self.core.db.write(|tx| Box::pin(async move { body(&tx).await })).await?;
        self.core.bus.wake(Wakeup::Routes);
        self.refresh_own_routes(site).await?;
        self.wait_for_edges(version).await
    }

    async fn refresh_own_routes(&self, site: SiteId) -> Result<()> {
        self.refresh_routes_of(|_| HashSet::from([site]), Some(site)).await
    }

    /// Like [`Domains::refresh_routes`], after a commit. If an edge fails, its reconciler applies the change later.
    pub async fn refresh_routes_or_lag(&self, site: SiteId) {
        let refreshed = self.refresh_routes(site).await;
        self.note_lag(refreshed);
    }

    /// Publishes a site's routes to all edges, after this process has committed a change with this version.
    pub async fn publish_routes(&self, version: u64, site: SiteId) {
        self.core.bus.wake(Wakeup::Routes);
        let refreshed = self.refresh_own_routes(site).await;
        self.note_lag(refreshed);
        self.await_edges_or_lag(version).await;
    }

    /// Keeps in mind that the edge of this process lacks a committed change.
    fn note_lag(&self, applied: Result<()>) {
        if let Err(error) = applied {
            self.routes.mark_lagging();
            tracing::warn!(error = error.for_operator(), "the edge did not apply a change yet; will retry");
        }
    }

    /// Waits for the other edges, if there are any: commands work without a server too. They retry by themselves what
    /// they can't apply.
    pub(crate) async fn await_edges_or_lag(&self, version: u64) {
        let waited = match self.other_edges().await {
            Ok(edges) if edges.is_empty() => Ok(()),
            Ok(_) => self.wait_for_edges(version).await,
            Err(error) => Err(error),
        };
        if let Err(error) = waited {
            tracing::warn!(error = error.for_operator(), "another edge did not apply a change yet; it will retry");
        }
    }

    /// Applies added and removed certificates to the edge, with the routes that depend on them.
    pub async fn apply_certificates(&self) -> Result<()> {
        self.reload_certificates().await?;
        if self.edge.is_none() {
            return Ok(());
        }
        let served = self.routes.table.lock().await.certificates.clone();
        let changed = changed_names(&served, &self.certificate_cache.all().ready());
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
        self.refresh_routes_of(named, None).await
    }

    /// Reloads the routes of these sites, and applies them with the cached certificates.
    async fn refresh_routes_of(
        &self,
        sites: impl FnOnce(&RoutingTable) -> HashSet<SiteId>,
        waiting_for: Option<SiteId>,
    ) -> Result<()> {
        if self.edge.is_none() {
            return Ok(());
        }
        let mut table = self.routes.table.lock().await;
        if table.version == 0 {
            // Nothing was loaded yet: a table with only these routes would take all other sites offline.
            drop(table);
            return self.reload_routes().await;
        }
        let (cached, sites) = (self.certificate_cache.all(), sites(&table));
        self.routes.refreshed().extend(&sites);
        let mut next =
            RoutingTable { version: self.next_version(&table), certificates: cached.ready(), ..table.clone() };
        self.replace_routes_of(&mut next.routes, sites, &cached).await?;
        self.apply_if_changed(&mut table, next, waiting_for).await
    }

    /// Applies a table to the edge. If the edge rejects single sites, they keep their previous configuration and all
    /// others are applied. That is an error only if the caller waits for one of the rejected sites.
    pub(crate) async fn apply_table(
        &self,
        table: &mut RoutingTable,
        next: RoutingTable,
        waiting_for: Option<SiteId>,
    ) -> Result<()> {
        let Some(edge) = &self.edge else { return Ok(()) };
        let Err(error) = edge.apply(next.clone()).await else {
            *table = next;
            return Ok(());
        };
        let Some(rejected) = &error.refused else { return Err(not_applied(error.into())) };
        tracing::error!(%error, "the edge rejected some of the routes");
        *table = next;
        let is_affected = waiting_for.is_some_and(|site| rejected.contains(&site));
        if is_affected { Err(not_applied(error.into())) } else { Ok(()) }
    }

    /// Versions also increase across restarts: the first version of a process is its start time.
    pub(crate) fn next_version(&self, table: &RoutingTable) -> u64 {
        let now = u64::try_from(self.core.clock.now().as_millisecond()).unwrap_or(0);
        if table.version == 0 { now } else { table.version + 1 }
    }

    /// The route of a site's hostname, with these certificates.
    fn route(&self, row: RouteRow, certificates: &Certificates) -> Option<(Hostname, Route)> {
        target::route(row, |name| self.core.settings.https_port.is_some() && certificates.covers(name))
    }
}

/// The error when an edge has not applied a change.
fn not_applied(source: stoa_db::Source) -> Error {
    Error::Unavailable {
        message: "The new address could not be switched on yet. This is retried automatically.".into(),
        source,
    }
}

/// The names of all certificates that are in only one of the lists.
fn changed_names(one: &[Arc<Certificate>], other: &[Arc<Certificate>]) -> Vec<CertName> {
    let ids = |list: &[Arc<Certificate>]| list.iter().map(|certificate| certificate.id).collect::<HashSet<_>>();
    let (in_one, in_other) = (ids(one), ids(other));
    let gone = one.iter().filter(|certificate| !in_other.contains(&certificate.id));
    let new = other.iter().filter(|certificate| !in_one.contains(&certificate.id));
    gone.chain(new).flat_map(|certificate| certificate.names.clone()).collect()
}
