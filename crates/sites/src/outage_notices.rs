//! Notifies customers when their site has been down for some minutes, and when it is up again. The mail log knows which
//! outages were reported.

use std::collections::HashMap;

use jiff::SignedDuration;
use stoa_core::{Result, mail_log};
use stoa_db::{
    accounts::{self, notices::customer_gets_notices},
    sites,
};
use stoa_model::{
    id::SiteId,
    mail::MailKind,
    site::{Health, Site, SiteState},
};

use crate::{Sites, mail};

/// How long a site is down before it is reported: restarts and short hiccups are not.
const DOWN_DELAY: SignedDuration = SignedDuration::from_mins(5);
/// How long a site is healthy before that is reported.
const UP_DELAY: SignedDuration = SignedDuration::from_mins(1);
/// Older outages are over, whatever became of the site.
const MAX_OUTAGE_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Sites {
    /// Sends the notices that are due.
    pub async fn send_outage_notices(&self) -> Result<()> {
        let now = self.core.clock.now();
        let reported = self.reported_outages().await?;
        for site in sites::sites_down_since(&self.core.db, now - DOWN_DELAY).await? {
            if site.state() == SiteState::Active && !reported.contains_key(&site.id) {
                self.send_outage_notice(&site, None).await?;
            }
        }
        let ids: Vec<_> = reported.keys().copied().collect();
        for site in sites::sites_by_ids(&self.core.db, &ids).await?.into_values() {
            let is_stable = site.health_at.is_some_and(|since| since <= now - UP_DELAY);
            if site.health == Health::Healthy && site.state() == SiteState::Active && is_stable {
                self.send_outage_notice(&site, reported.get(&site.id).map(String::as_str)).await?;
            }
        }
        Ok(())
    }

    /// The sites whose outage was reported and whose end was not, with the outage's name.
    async fn reported_outages(&self) -> Result<HashMap<SiteId, String>> {
        let since = self.core.clock.now() - MAX_OUTAGE_AGE;
        let mut reported = HashMap::new();
        for key in mail_log::keys_since(&self.core, MailKind::Site, since).await? {
            let mut parts = key.splitn(3, '/');
            let (what, site, outage) = (parts.next(), parts.next(), parts.next());
            let (Some(site), Some(outage)) = (site.and_then(|id| id.parse().ok()), outage) else { continue };
            match what {
                Some("down") => drop(reported.insert(site, outage.to_owned())),
                Some("up") => drop(reported.remove(&site)),
                _ => {}
            }
        }
        Ok(reported)
    }

    /// Reports that a site is down, or that this outage is over.
    async fn send_outage_notice(&self, site: &Site, ended: Option<&str>) -> Result<()> {
        let Some(customer) = accounts::customer_get(&self.core.db, site.customer).await? else { return Ok(()) };
        if !customer_gets_notices(&self.core.db, site.customer).await? {
            return Ok(());
        }
        let draft = match ended {
            None => mail::site_down(&self.core, site, customer.email),
            Some(outage) => mail::site_up(&self.core, site, outage, customer.email),
        };
        mail_log::queue_once(&self.core, &draft).await
    }
}
