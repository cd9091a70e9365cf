//! Reminds customers a day before the grace period of a deleted site ends. The mail log knows who was reminded.

use jiff::SignedDuration;
use stoa_core::{Result, mail_log};
use stoa_db::{accounts, sites};
use stoa_model::site::Site;

use crate::{Sites, mail};

/// How long before the end the reminder is sent.
const REMINDER_PERIOD: SignedDuration = SignedDuration::from_hours(24);

impl Sites {
    /// Sends the reminders that are due. A site whose whole grace period is hardly longer gets none.
    pub async fn send_deletion_reminders(&self) -> Result<()> {
        let now = self.core.clock.now();
        for site in sites::sites_to_purge(&self.core.db, now + REMINDER_PERIOD).await? {
            let (Some(deleted_at), Some(purge_at)) = (site.deleted_at, site.purge_at) else { continue };
            if purge_at > now && purge_at.duration_since(deleted_at) >= REMINDER_PERIOD * 2 {
                self.send_deletion_reminder(&site).await?;
            }
        }
        Ok(())
    }

    async fn send_deletion_reminder(&self, site: &Site) -> Result<()> {
        let Some(customer) = accounts::customer_get(&self.core.db, site.customer).await? else { return Ok(()) };
        mail_log::queue_once(&self.core, &mail::deletion_reminder(&self.core, site, customer.email)).await
    }
}
