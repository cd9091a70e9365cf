//! Sites that a command has just changed, or that an engine told something about, are looked at alone and at once: to
//! compare all of them for each would take longer than what is to be done.

use futures_util::{StreamExt, stream};
use stoa_core::Result;
use stoa_db::{jobs, sites};
use stoa_model::id::SiteId;

use crate::{Sites, runtime::away};

/// Sites that are looked at at the same time.
const CONCURRENCY: usize = 8;

impl Sites {
    /// Looks at the sites that were touched. A site that fails keeps no other waiting; the next look at all of them
    /// finds it again.
    pub async fn reconcile_dirty_sites(&self) -> Result<()> {
        let touched = self.core.bus.take_dirty();
        stream::iter(touched)
            .for_each_concurrent(CONCURRENCY, |id| async move {
                if let Err(error) = self.reconcile_dirty_site(id).await {
                    tracing::warn!(site = %id, error = error.for_operator(), "a site could not be checked; it is retried automatically");
                }
            })
            .await;
        Ok(())
    }

    async fn reconcile_dirty_site(&self, id: SiteId) -> Result<()> {
        let Some(site) = sites::site_get(&self.core.db, id).await? else { return Ok(()) };
        if jobs::job_active(&self.core.db, id).await?.is_some() {
            return Ok(());
        }
        let seen = self.engine_of(&site)?.observe(&site.project).await.map_err(away)?;
        let Some(drift) = self.reconcile_site(&site, Some(&seen).filter(|seen| !seen.is_empty())).await? else {
            return Ok(());
        };
        match drift.reason {
            None => tracing::info!(what = drift.what, found = drift.found, repair = ?drift.repair, "repaired"),
            Some(reason) => {
                let (what, found) = (drift.what, drift.found);
                tracing::error!(what, found, reason, "could not be repaired; it is retried automatically");
            }
        }
        Ok(())
    }
}
