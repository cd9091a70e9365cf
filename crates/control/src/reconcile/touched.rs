//! Sites that a command has just changed are looked at alone and at once: to compare all of them for
//! each would take longer than what is to be done.

use std::{mem, sync::PoisonError};

use stoa_db::{jobs, sites};
use stoa_model::id::SiteId;

use super::power::away;
use crate::{Control, Result};

impl Control {
    /// Has this one site looked at soon, for something was changed that decides what should run.
    pub(crate) fn power_touch(&self, site: SiteId) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(site);
        self.nudges.touched.notify_one();
    }

    /// Looks at the sites that were touched. What fails here, the next look at all of them does.
    pub(crate) async fn power_keep_touched(&self) -> Result<()> {
        let touched = mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner));
        for id in touched {
            let Some(site) = sites::site_get(&self.db, id).await? else { continue };
            if jobs::job_active(&self.db, id).await?.is_some() {
                continue;
            }
            let seen = self.engine.observe(&site.project).await.map_err(away)?;
            if let Some(drift) = self.power_of_site(&site, Some(&seen).filter(|seen| !seen.is_empty())).await? {
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
