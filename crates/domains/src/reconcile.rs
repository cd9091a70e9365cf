//! Periodic checks of domains: often while the customer is likely to be setting one up, rarely later.

use crate::Domains;
use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use stoa_db::{DbError, domains, history};
use stoa_model::domain::{Domain, DomainState};

use stoa_core::Result;

/// Interval between checks of claims, and of verified domains with a problem, during [`SETUP_PERIOD`].
const SETUP_CHECK_INTERVAL: SignedDuration = SignedDuration::from_mins(5);
/// Time after the claim or the verification in which the customer is likely to be setting up the domain.
const SETUP_PERIOD: SignedDuration = SignedDuration::from_hours(12);
/// Interval between checks after [`SETUP_PERIOD`]. Longer, because abandoned domains accumulate.
const UNRESOLVED_CHECK_INTERVAL: SignedDuration = SignedDuration::from_hours(1);
const MAX_CHECKS_PER_TICK: u64 = 50;
/// Concurrent, because name servers that don't respond take seconds to time out and must not delay other domains.
const MAX_CONCURRENT_CHECKS: usize = 16;

impl Domains {
    /// Checks the domains that are due.
    pub async fn reconcile_domains(&self) -> Result<()> {
        let now = self.core.clock.now();
        let recheck = SignedDuration::try_from(self.core.settings.domain_recheck).unwrap_or(SignedDuration::MAX);
        let due = domains::Due {
            now,
            fresh_since: now - SETUP_PERIOD,
            fresh_before: now - SETUP_CHECK_INTERVAL,
            open_before: now - UNRESOLVED_CHECK_INTERVAL,
            well_before: now - recheck,
        };
        stream::iter(domains::domains_due(&self.core.db, &due, MAX_CHECKS_PER_TICK).await?)
            .for_each_concurrent(MAX_CONCURRENT_CHECKS, |domain| async move {
                let checked = match domain.state {
                    DomainState::Claimed if domain.expires_at <= now => self.expire_claim(&domain).await,
                    _ => self.verify_domain(&domain).await,
                };
                // A failing check must not prevent the others.
                if let Err(error) = checked {
                    tracing::warn!(domain = %domain.name, error = error.for_operator(), "cannot check a domain");
                }
            })
            .await;
        Ok(())
    }

    async fn expire_claim(&self, domain: &Domain) -> Result<()> {
        let now = self.core.clock.now();
        let text = &format!("The domain {} was not verified in time and was removed", domain.name);
        let (id, site) = (domain.id, domain.site);
        Ok(self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    if domains::domain_expire(&tx, id, now).await? {
                        history::site_event(&tx, site, now, "domain", text).await?;
                    }
                    Ok::<_, DbError>(())
                })
            })
            .await?)
    }
}
