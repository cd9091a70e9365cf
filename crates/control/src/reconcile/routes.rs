//! Keeps the edge's routing table equal to the rows of the database and the certificates on the
//! shelf. One site's change is applied at once; the whole table is read anew every minute, and soon
//! after another process changed something.

use std::{collections::HashSet, sync::Arc};

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

use super::{followed::Followed, target};
use crate::{Control, Cx, Error, Result, certificates::Certificates};

/// So often all routes are read anew while changes come in between; then these wait.
const TRIES: u32 = 3;

/// Routes and certificates as they were read.
type Read = (Routes, Arc<Vec<Arc<Certificate>>>);

/// What this process knows of the routes.
#[derive(Default)]
pub(crate) struct Routing {
    /// The table as it was last applied. The lock is held while the edge applies, so that tables
    /// arrive in the order of their versions.
    pub(super) table: Mutex<RoutingTable>,
    /// The versions in the database that were followed.
    pub(super) followed: std::sync::Mutex<Followed>,
}

impl Control {
    /// All routes and certificates as the database has them now, for who writes an edge's files anew.
    ///
    /// # Errors
    /// Without the role admin; if the database does not answer.
    pub async fn edge_table(&self, cx: &Cx) -> Result<RoutingTable> {
        cx.require(Role::Admin)?;
        self.shelf_reload().await?;
        let (routes, certificates) = self.routes_read().await?;
        let version = self.next_version(&RoutingTable::default());
        Ok(RoutingTable { version, routes, certificates, ..RoutingTable::default() })
    }

    async fn routes_read(&self) -> Result<Read> {
        let rows = routes(&self.db).await?;
        let shelf = self.shelf.all();
        Ok((rows.into_iter().filter_map(|row| self.route(row, &shelf)).collect(), shelf.ready()))
    }

    /// Reads all routes anew and applies them.
    ///
    /// They are read without the lock, as that takes long where there are many, and nobody's change
    /// shall wait for it. If one came in between, what was read may be older than it: it is read again.
    pub(crate) async fn routes_reload(&self) -> Result<()> {
        for _ in 0..TRIES {
            let before = self.routes.table.lock().await.version;
            let read = self.routes_read().await?;
            let mut table = self.routes.table.lock().await;
            if table.version == before {
                return self.routes_take(&mut table, read).await;
            }
        }
        let mut table = self.routes.table.lock().await;
        let read = self.routes_read().await?;
        self.routes_take(&mut table, read).await
    }

    async fn routes_take(&self, table: &mut RoutingTable, (mut routes, certificates): Read) -> Result<()> {
        routes.share_with(&table.routes);
        if table.version > 0 && table.routes == routes && table.certificates == certificates {
            return Ok(());
        }
        let answers = table.answers.clone();
        let next = RoutingTable { version: self.next_version(table), routes, certificates, answers };
        self.routes_apply(table, next, None).await
    }

    /// Reads one site's routes anew; when this returns, every new request follows them.
    pub(crate) async fn routes_refresh(&self, site: SiteId) -> Result<()> {
        self.routes_reread(|_| HashSet::from([site]), Some(site)).await
    }

    /// As [`Control::routes_refresh`], after something was committed: an edge that can't follow now
    /// is brought up by the reconciler, and what was committed stays true.
    pub(crate) async fn routes_catch_up(&self, site: SiteId) {
        if let Err(error) = self.routes_refresh(site).await {
            self.routes.fell_behind();
            tracing::warn!(%site, error = error.for_operator(), "the edge did not take a site's new state over yet");
        }
    }

    /// After this process has committed a change of a site with this version of the routes.
    pub(crate) async fn routes_changed(&self, version: u64, site: SiteId) {
        self.routes.mine(version);
        self.routes_catch_up(site).await;
    }

    /// Brings certificates that came or went to the edge, with the routes that they are for.
    pub(crate) async fn certificates_follow(&self) -> Result<()> {
        self.shelf_reload().await?;
        let served = self.routes.table.lock().await.certificates.clone();
        let changed = differing(&served, &self.shelf.all().ready());
        if changed.is_empty() {
            return Ok(());
        }
        if changed.iter().any(|name| name.wildcard) {
            return self.routes_reload().await;
        }
        let named = |table: &RoutingTable| {
            let routes = changed.iter().filter_map(|name| table.routes.get(name.host.as_str()));
            routes.map(|route| route.site).collect()
        };
        self.routes_reread(named, None).await
    }

    /// Reads the routes of these sites anew, and takes over the certificates of this moment.
    async fn routes_reread(
        &self,
        sites: impl FnOnce(&RoutingTable) -> HashSet<SiteId>,
        waits: Option<SiteId>,
    ) -> Result<()> {
        let mut table = self.routes.table.lock().await;
        if table.version == 0 {
            // Nothing was loaded yet: some routes alone would take all others off the air.
            drop(table);
            return self.routes_reload().await;
        }
        let (shelf, sites) = (self.shelf.all(), sites(&table));
        let mut next =
            RoutingTable { version: self.next_version(&table), certificates: shelf.ready(), ..table.clone() };
        next.routes.retain(|_, route| !sites.contains(&route.site));
        for site in sites {
            let rows = route_of(&self.db, site).await?;
            next.routes.extend(rows.into_iter().filter_map(|row| self.route(row, &shelf)));
        }
        if next.routes == table.routes && next.certificates == table.certificates {
            return Ok(());
        }
        self.routes_apply(&mut table, next, waits).await
    }

    /// Brings a table to the edge. Single sites that the edge refuses keep what they had, and keep no
    /// other site from its own: only who waits for one of them is told.
    pub(super) async fn routes_apply(
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
    pub(super) fn next_version(&self, table: &RoutingTable) -> u64 {
        let now = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
        if table.version == 0 { now } else { table.version + 1 }
    }

    /// Where a site's name leads, with these certificates.
    fn route(&self, row: RouteRow, certificates: &Certificates) -> Option<(Hostname, Route)> {
        target::route(row, |name| self.settings.https_port.is_some() && certificates.covers(name))
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
