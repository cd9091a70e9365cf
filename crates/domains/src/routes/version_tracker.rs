//! Tracks which versions of the routes this process has applied, so that it reloads all routes only for changes of
//! another process (the command line), not for its own.

use crate::Domains;
use std::{
    collections::BTreeSet,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use stoa_db::meta;

use super::Routing;
use stoa_core::Result;

/// Delay before a version counts as another process's: our own changes are committed before they are recorded.
const OWN_VERSION_DELAY: Duration = Duration::from_millis(200);

/// The versions of the routes in the database that this process has applied.
#[derive(Debug, Default)]
pub(super) struct RouteVersionTracker {
    /// All versions up to this one are applied.
    version: u64,
    /// Versions of this process beyond that.
    own: BTreeSet<u64>,
    /// Whether the edge failed to apply a change.
    is_lagging: bool,
}

impl RouteVersionTracker {
    fn mark_own(&mut self, version: u64) {
        if version > self.version {
            self.own.insert(version);
        }
        while self.own.remove(&(self.version + 1)) {
            self.version += 1;
        }
    }

    fn is_behind(&self, version: u64) -> bool {
        self.is_lagging || self.version < version
    }

    fn caught_up(&mut self, version: u64) {
        self.version = self.version.max(version);
        self.own = self.own.split_off(&(self.version + 1));
    }
}

impl Routing {
    fn versions(&self) -> MutexGuard<'_, RouteVersionTracker> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that this process committed this version, and applies it itself.
    pub(crate) fn mark_own(&self, version: u64) {
        self.versions().mark_own(version);
    }

    /// Records that the edge lacks a committed change, so that all routes are reloaded soon.
    pub(crate) fn mark_lagging(&self) {
        self.versions().is_lagging = true;
    }
}

impl Domains {
    /// Applies changes of other processes: reloads certificates and routes, and wakes the reconcilers that may have
    /// work.
    pub async fn follow_other_processes(&self) -> Result<()> {
        if self.pending_version().await?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(OWN_VERSION_DELAY).await;
        let Some(version) = self.pending_version().await? else { return Ok(()) };
        for wakeup in [
            &self.core.wakeups.runtime,
            &self.core.wakeups.purge,
            &self.core.wakeups.certificates,
            &self.core.wakeups.main_addresses,
        ] {
            wakeup.notify_one();
        }
        self.routes.versions().is_lagging = false;
        let reloaded = self.reload_all().await;
        match &reloaded {
            Ok(()) => self.routes.versions().caught_up(version),
            // The next tick retries.
            Err(_) => self.routes.mark_lagging(),
        }
        reloaded
    }

    /// The version to catch up with, if there is one.
    async fn pending_version(&self) -> Result<Option<u64>> {
        let version = meta::routes_version(&self.core.db).await?;
        Ok(self.routes.versions().is_behind(version).then_some(version))
    }

    async fn reload_all(&self) -> Result<()> {
        self.reload_certificates().await?;
        self.reload_routes().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_versions_are_tracked_in_any_order() {
        let mut versions = RouteVersionTracker::default();
        assert!(versions.is_behind(7), "no version is known at the start");
        versions.caught_up(7);
        assert!(!versions.is_behind(7));
        versions.mark_own(9);
        assert!(versions.is_behind(9), "8 belongs to another process");
        versions.mark_own(8);
        assert!(!versions.is_behind(9));
        versions.mark_own(11);
        assert!(versions.is_behind(11));
        versions.caught_up(11);
        assert!(!versions.is_behind(11));
        versions.mark_own(10);
        assert!(!versions.is_behind(11), "recorded late, but applied already");
        versions.mark_own(12);
        assert!(!versions.is_behind(12) && versions.own.is_empty(), "{versions:?}");
        versions.is_lagging = true;
        assert!(versions.is_behind(12));
    }
}
