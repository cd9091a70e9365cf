//! Looks at domains again by itself: soon and often while a customer is at work on one, seldom later.

use crate::Domains;
use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use stoa_db::{DbError, domains, history};
use stoa_model::domain::{Domain, DomainState};

use stoa_core::Result;

/// How often a claim is looked at by itself, and a proven domain with a problem, while its customer
/// is likely to be at work on it.
const FRESH_PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// How long after the claim, or the proof, that is.
const FRESH: SignedDuration = SignedDuration::from_hours(12);
/// How often afterwards: what is never mended would take the more time the more of it there is.
const OPEN_PAUSE: SignedDuration = SignedDuration::from_hours(1);
/// Domains looked at in one tick.
const TOGETHER: u64 = 50;
/// How many of them at the same time: one customer's silent name servers, each waited for for seconds,
/// must not hold up everybody's.
const AT_ONCE: usize = 16;

impl Domains {
    /// One round over the domains that are due.
    pub async fn reconcile_domains(&self) -> Result<()> {
        let now = self.core.clock.now();
        let recheck = SignedDuration::try_from(self.core.settings.domain_recheck).unwrap_or(SignedDuration::MAX);
        let due = domains::Due {
            now,
            fresh_since: now - FRESH,
            fresh_before: now - FRESH_PAUSE,
            open_before: now - OPEN_PAUSE,
            well_before: now - recheck,
        };
        stream::iter(domains::domains_due(&self.core.db, &due, TOGETHER).await?)
            .for_each_concurrent(AT_ONCE, |domain| async move {
                let seen = match domain.state {
                    DomainState::Claimed if domain.expires_at <= now => self.expire_claim(&domain).await,
                    _ => self.verify_domain(&domain).await,
                };
                // One that can't be looked at must not keep the others.
                if let Err(error) = seen {
                    tracing::warn!(domain = %domain.name, error = error.for_operator(), "a domain could not be looked at");
                }
            })
            .await;
        Ok(())
    }

    async fn expire_claim(&self, domain: &Domain) -> Result<()> {
        let now = self.core.clock.now();
        let words = &format!("The domain {} was not proven in time and was removed", domain.name);
        let (id, site) = (domain.id, domain.site);
        Ok(self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    if domains::domain_expire(&tx, id, now).await? {
                        history::site_event(&tx, site, now, "domain", words).await?;
                    }
                    Ok::<_, DbError>(())
                })
            })
            .await?)
    }
}
