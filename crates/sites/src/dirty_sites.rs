//! Sites that a command has just changed are looked at alone and at once: to compare all of them for
//! each would take longer than what is to be done.

use crate::Sites;
use stoa_db::{jobs, sites};

use crate::runtime::away;
use stoa_core::Result;

impl Sites {
    /// Looks at the sites that were touched. What fails here, the next look at all of them does.
    pub async fn reconcile_dirty_sites(&self) -> Result<()> {
        let touched = self.core.wakeups.take_dirty();
        for id in touched {
            let Some(site) = sites::site_get(&self.core.db, id).await? else { continue };
            if jobs::job_active(&self.core.db, id).await?.is_some() {
                continue;
            }
            let seen = self.engine_of(&site)?.observe(&site.project).await.map_err(away)?;
            if let Some(drift) = self.reconcile_site(&site, Some(&seen).filter(|seen| !seen.is_empty())).await? {
                match drift.reason {
                    None => {
                        tracing::info!(what = drift.what, found = drift.found, repair = ?drift.repair, "brought to its state")
                    }
                    Some(reason) => {
                        tracing::error!(
                            what = drift.what,
                            found = drift.found,
                            reason,
                            "could not be brought to its state; it is tried again by itself"
                        );
                    }
                }
            }
        }
        Ok(())
    }
}
