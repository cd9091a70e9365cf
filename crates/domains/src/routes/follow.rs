//! Follows the changes that other processes made: the command line, and other servers on the same database.

use crate::Domains;
use std::{
    collections::HashSet,
    sync::{MutexGuard, PoisonError},
};

use stoa_db::route_changes::{RecordedChange, RouteChange, route_changes_between, routes_version};
use stoa_model::id::SiteId;

use super::{EdgeLag, Routing, edge_status::EdgeReports};
use stoa_core::{Result, Wakeup};

/// Which changes of the database this process has applied.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// All changes up to this version; its own may still be on their way to its edge.
    version: u64,
    /// Whether the edge failed to apply a change.
    is_lagging: bool,
}

impl Routing {
    fn followed(&self) -> MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn behind(&self) -> MutexGuard<'_, Option<EdgeLag>> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reports(&self) -> MutexGuard<'_, EdgeReports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn followed_version(&self) -> u64 {
        self.followed().version
    }

    pub(super) fn caught_up(&self, version: u64) {
        let mut followed = self.followed();
        followed.version = followed.version.max(version);
    }

    /// Records that the edge lacks a committed change, so that all routes are reloaded soon.
    pub(crate) fn mark_lagging(&self) {
        self.followed().is_lagging = true;
    }
}

impl Domains {
    /// Applies the changes of other processes, and wakes the reconcilers that may have work.
    pub async fn follow_changes(&self) -> Result<()> {
        let (applied, was_lagging) = {
            let mut followed = self.routes.followed();
            (followed.version, std::mem::take(&mut followed.is_lagging))
        };
        let done = self.follow_from(applied, was_lagging).await;
        if done.is_err() {
            self.routes.mark_lagging();
            self.record_edge_result(&done).await?;
        }
        done
    }

    async fn follow_from(&self, applied: u64, was_lagging: bool) -> Result<()> {
        let version = routes_version(&self.core.db).await?;
        if version <= applied && !was_lagging {
            return Ok(());
        }
        match route_changes_between(&self.core.db, applied, version).await? {
            Some(changes) if !was_lagging => self.apply_changes(&changes).await?,
            _ => {
                self.apply_everything().await?;
                self.record_edge_result(&Ok(())).await?;
            }
        }
        self.routes.caught_up(version);
        self.report_edge().await
    }

    /// Applies what changes of other processes concern.
    async fn apply_changes(&self, changes: &[RecordedChange]) -> Result<()> {
        let foreign = changes.iter().filter(|recorded| recorded.process != self.core.leases.owner());
        let (mut sites, mut certificates, mut challenges) = (HashSet::<SiteId>::new(), false, false);
        let bus = &self.core.bus;
        for recorded in foreign {
            match recorded.change {
                RouteChange::Site(site) => {
                    sites.insert(site);
                    bus.mark_dirty_here(site);
                    bus.wake_here(Wakeup::Purge);
                }
                RouteChange::Names(site) => {
                    sites.insert(site);
                    certificates = true;
                    bus.wake_here(Wakeup::Environments);
                }
                RouteChange::Certificates => certificates = true,
                RouteChange::Challenges => challenges = true,
            }
        }
        if certificates {
            self.apply_certificates().await?;
            bus.wake_here(Wakeup::Certificates);
            bus.wake_here(Wakeup::MainAddresses);
        }
        if challenges {
            self.apply_challenge_answers().await?;
        }
        if !sites.is_empty() {
            self.refresh_routes_of(|_| sites, None).await?;
        }
        Ok(())
    }

    /// Applies everything, because it is not known what has changed.
    async fn apply_everything(&self) -> Result<()> {
        for wakeup in [Wakeup::Runtime, Wakeup::Purge, Wakeup::Certificates, Wakeup::MainAddresses] {
            self.core.bus.wake_here(wakeup);
        }
        self.reload_all().await
    }

    pub(super) async fn reload_all(&self) -> Result<()> {
        self.reload_certificates().await?;
        self.reload_routes().await
    }
}
