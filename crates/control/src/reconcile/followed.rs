//! Which changes of the routes this process knows of, so that it reads all of them anew only for
//! changes of another process (the command line), and not for its own.

use std::{
    collections::BTreeSet,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use stoa_db::meta;

use super::Routing;
use crate::{Control, Result};

/// Our own changes are committed a moment before they are known to be ours.
const MOMENT: Duration = Duration::from_millis(200);

/// The versions of the routes in the database that were followed.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// This one and all before it.
    version: u64,
    /// Changes of this process, beyond that.
    mine: BTreeSet<u64>,
    /// Whether a change could not be brought to the edge.
    behind: bool,
}

impl Followed {
    fn mine(&mut self, version: u64) {
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
    fn followed(&self) -> MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This version was committed by this process, which follows it by itself.
    pub(crate) fn mine(&self, version: u64) {
        self.followed().mine(version);
    }

    /// Something was committed that the edge does not have: all is read anew soon.
    pub(crate) fn fell_behind(&self) {
        self.followed().behind = true;
    }
}

impl Control {
    /// Follows what another process has changed: reads all routes anew, and wakes the reconcilers
    /// of what runs and what is to be purged.
    pub(super) async fn routes_follow(&self) -> Result<()> {
        if self.routes_behind().await?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(MOMENT).await;
        let Some(version) = self.routes_behind().await? else { return Ok(()) };
        for nudge in [&self.nudges.power, &self.nudges.purge, &self.nudges.certificates, &self.nudges.addresses] {
            nudge.notify_one();
        }
        self.routes.followed().behind = false;
        let followed = self.routes_follow_all().await;
        match &followed {
            Ok(()) => self.routes.followed().caught_up(version),
            // An edge that failed is asked again at the next tick.
            Err(_) => self.routes.fell_behind(),
        }
        followed
    }

    /// The version to catch up with, if there is one.
    async fn routes_behind(&self) -> Result<Option<u64>> {
        let version = meta::routes_version(&self.db).await?;
        Ok(self.routes.followed().is_behind(version).then_some(version))
    }

    async fn routes_follow_all(&self) -> Result<()> {
        self.shelf_reload().await?;
        self.routes_reload().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_changes_are_known_in_any_order_and_others_are_not() {
        let mut followed = Followed::default();
        assert!(followed.is_behind(7), "at the start nothing is known");
        followed.caught_up(7);
        assert!(!followed.is_behind(7));
        followed.mine(9);
        assert!(followed.is_behind(9), "8 is somebody's");
        followed.mine(8);
        assert!(!followed.is_behind(9));
        followed.mine(11);
        assert!(followed.is_behind(11));
        followed.caught_up(11);
        assert!(!followed.is_behind(11));
        followed.mine(10);
        assert!(!followed.is_behind(11), "late, and known already");
        followed.mine(12);
        assert!(!followed.is_behind(12) && followed.mine.is_empty(), "{followed:?}");
        followed.behind = true;
        assert!(followed.is_behind(12));
    }
}
