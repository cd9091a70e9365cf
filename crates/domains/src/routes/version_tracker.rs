//! Which changes of the routes this process knows of, so that it reads all of them anew only for
//! changes of another process (the command line), and not for its own.

use crate::Domains;
use std::{
    collections::BTreeSet,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use stoa_db::meta;

use super::Routing;
use stoa_core::Result;

/// Our own changes are committed a moment before they are known to be ours.
const MOMENT: Duration = Duration::from_millis(200);

/// The versions of the routes in the database that were followed.
#[derive(Debug, Default)]
pub(super) struct RouteVersionTracker {
    /// This one and all before it.
    version: u64,
    /// Changes of this process, beyond that.
    mine: BTreeSet<u64>,
    /// Whether a change could not be brought to the edge.
    behind: bool,
}

impl RouteVersionTracker {
    fn mark_own(&mut self, version: u64) {
        if version > self.version {
            self.mine.insert(version);
        }
        while self.mine.remove(&(self.version + 1)) {
            self.version += 1;
        }
    }

    fn is_behind(&self, version: u64) -> bool {
        self.behind || self.version < version
    }

    fn caught_up(&mut self, version: u64) {
        self.version = self.version.max(version);
        self.mine = self.mine.split_off(&(self.version + 1));
    }
}

impl Routing {
    fn followed(&self) -> MutexGuard<'_, RouteVersionTracker> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This version was committed by this process, which follows it by itself.
    pub(crate) fn mark_own(&self, version: u64) {
        self.followed().mark_own(version);
    }

    /// Something was committed that the edge does not have: all is read anew soon.
    pub(crate) fn mark_lagging(&self) {
        self.followed().behind = true;
    }
}

impl Domains {
    /// Follows what another process has changed: reads all routes anew, and wakes the reconcilers
    /// of what runs and what is to be purged.
    pub async fn follow_other_processes(&self) -> Result<()> {
        if self.version_to_follow().await?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(MOMENT).await;
        let Some(version) = self.version_to_follow().await? else { return Ok(()) };
        for nudge in [
            &self.core.wakeups.runtime,
            &self.core.wakeups.purge,
            &self.core.wakeups.certificates,
            &self.core.wakeups.main_addresses,
        ] {
            nudge.notify_one();
        }
        self.routes.followed().behind = false;
        let followed = self.reload_all().await;
        match &followed {
            Ok(()) => self.routes.followed().caught_up(version),
            // An edge that failed is asked again at the next tick.
            Err(_) => self.routes.mark_lagging(),
        }
        followed
    }

    /// The version to catch up with, if there is one.
    async fn version_to_follow(&self) -> Result<Option<u64>> {
        let version = meta::routes_version(&self.core.db).await?;
        Ok(self.routes.followed().is_behind(version).then_some(version))
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
    fn own_changes_are_known_in_any_order_and_others_are_not() {
        let mut followed = RouteVersionTracker::default();
        assert!(followed.is_behind(7), "at the start nothing is known");
        followed.caught_up(7);
        assert!(!followed.is_behind(7));
        followed.mark_own(9);
        assert!(followed.is_behind(9), "8 is somebody's");
        followed.mark_own(8);
        assert!(!followed.is_behind(9));
        followed.mark_own(11);
        assert!(followed.is_behind(11));
        followed.caught_up(11);
        assert!(!followed.is_behind(11));
        followed.mark_own(10);
        assert!(!followed.is_behind(11), "late, and known already");
        followed.mark_own(12);
        assert!(!followed.is_behind(12) && followed.mine.is_empty(), "{followed:?}");
        followed.behind = true;
        assert!(followed.is_behind(12));
    }
}
