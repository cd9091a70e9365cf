//! Keeps the edge's routing table equal to the rows of the database and the certificates on the
//! shelf. One site's change is applied at once; the whole table is read anew every minute, and as
//! soon as another process (the command line) says by the version in the database that it changed
//! something.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use stoa_db::{
    meta,
    routes::{RouteRow, route_of, routes},
};
use stoa_model::{
    account::Role,
    certificate::Certificate,
    host::Hostname,
    id::SiteId,
    route::{Notice, Route, RoutingTable, Target},
    site::SiteState,
};
use stoa_provider::edge::EdgeError;
use tokio::sync::Mutex;

use crate::{Control, Cx, Error, Result, certificates::Covered};

/// So often all routes are read anew while changes come in between; then these wait.
const TRIES: u32 = 3;

/// Routes and certificates as they were read.
type Read = (HashMap<Hostname, Route>, Vec<Arc<Certificate>>);

/// What this process knows of the routes.
#[derive(Default)]
pub(crate) struct Routes {
    /// The table as it was last applied. The lock is held while the edge applies, so that tables
    /// arrive in the order of their versions.
    pub(super) table: Mutex<RoutingTable>,
    /// The version in the database that was last followed.
    followed: AtomicU64,
}

impl Control {
    /// Follows what another process has changed: reads all routes anew, and wakes the reconcilers
    /// of what runs and what is to be purged.
    pub(super) async fn routes_follow(&self) -> Result<()> {
        let version = meta::routes_version(&self.db).await?;
        if self.routes.followed.load(Ordering::Relaxed) != version {
            self.nudges.power.notify_one();
            self.nudges.purge.notify_one();
            self.nudges.certificates.notify_one();
            self.nudges.addresses.notify_one();
            self.shelf_reload().await?;
            self.routes_reload().await?;
            self.answers_follow().await;
            // Only now: an edge that failed is asked again at the next tick.
            self.routes.followed.store(version, Ordering::Relaxed);
        }
        Ok(())
    }

    /// All routes and certificates as the database has them now, for who writes an edge's files anew.
    ///
    /// # Errors
    /// Without the role admin; if the database does not answer.
    pub async fn edge_table(&self, cx: &Cx) -> Result<RoutingTable> {
        cx.require(Role::Admin)?;
        self.shelf_reload().await?;
        let (routes, certificates) = self.routes_read().await?;
        let version = self.next_version(&RoutingTable::default());
        Ok(RoutingTable { version, routes, certificates, answers: self.proofs().await? })
    }

    async fn routes_read(&self) -> Result<Read> {
        let rows = routes(&self.db).await?;
        let certificates: Vec<_> = self.shelf.all().iter().map(|held| Arc::clone(&held.ready)).collect();
        let covered = self.covered(&certificates);
        Ok((rows.into_iter().filter_map(|row| route(row, &covered)).collect(), certificates))
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

    async fn routes_take(&self, table: &mut RoutingTable, (routes, certificates): Read) -> Result<()> {
        if table.version > 0 && table.routes == routes && table.certificates == certificates {
            return Ok(());
        }
        let answers = table.answers.clone();
        let next = RoutingTable { version: self.next_version(table), routes, certificates, answers };
        self.routes_apply(table, next, None).await
    }

    /// Reads one site's routes anew; when this returns, every new request follows them.
    pub(crate) async fn routes_refresh(&self, site: SiteId) -> Result<()> {
        let mut table = self.routes.table.lock().await;
        if table.version == 0 {
            // Nothing was loaded yet: one site's routes alone would take all others off the air.
            drop(table);
            return self.routes_reload().await;
        }
        let rows = route_of(&self.db, site).await?;
        let mut next = RoutingTable { version: self.next_version(&table), ..table.clone() };
        let covered = self.covered(&next.certificates);
        next.routes.retain(|_, route| route.site != site);
        next.routes.extend(rows.into_iter().filter_map(|row| route(row, &covered)));
        if next.routes == table.routes {
            return Ok(());
        }
        self.routes_apply(&mut table, next, Some(site)).await
    }

    /// As [`Control::routes_refresh`], after something was committed: an edge that can't follow now
    /// is brought up by the reconciler, and what was committed stays true.
    pub(crate) async fn routes_catch_up(&self, site: SiteId) {
        if let Err(error) = self.routes_refresh(site).await {
            tracing::warn!(%site, error = error.for_operator(), "the edge did not take a site's new state over yet");
        }
    }

    /// Which names can be served over HTTPS with these certificates.
    fn covered(&self, certificates: &[Arc<Certificate>]) -> Covered {
        let serves = self.settings.https_port.is_some();
        Covered::by(certificates.iter().filter(|_| serves).flat_map(|certificate| &certificate.names))
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
}

/// Where a site's name leads, by its state; `None` as if the name were unknown.
fn route(row: RouteRow, covered: &Covered) -> Option<(Hostname, Route)> {
    let notice = Target::Notice;
    let told = row.url.as_deref().and_then(Told::read);
    // Only where the application knows its address, else it and the edge send visitors to and fro.
    let redirect = row.hostname != row.main && told.is_some_and(|told| told.host == row.main.as_str());
    let target = match (row.state, row.upstream) {
        (SiteState::Active, Some(_)) if redirect => Target::Redirect(row.main),
        (SiteState::Provisioning | SiteState::Active | SiteState::Updating | SiteState::Stopped, Some(upstream)) => {
            Target::Upstream(upstream)
        }
        (SiteState::Pending | SiteState::Provisioning | SiteState::Active | SiteState::Sleeping, _) => {
            notice(Notice::Starting)
        }
        (SiteState::Updating, None) => notice(Notice::Maintenance),
        (SiteState::Stopped, None) => notice(Notice::Stopped),
        (SiteState::Suspended, _) => notice(Notice::Suspended),
        (SiteState::Failed | SiteState::Deleting | SiteState::Deleted, _) => return None,
    };
    let secure = told.is_some_and(|told| told.secure) && covered.covers(&row.hostname);
    Some((row.hostname, Route { site: row.site, target, limits: row.limits, secure }))
}

/// What an application was told about its address.
#[derive(Clone, Copy)]
struct Told<'a> {
    host: &'a str,
    secure: bool,
}

impl<'a> Told<'a> {
    fn read(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        Some(Self { host: rest.split(':').next().unwrap_or(rest), secure: scheme == "https" })
    }
}
