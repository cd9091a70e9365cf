//! The main address of a site: which of its names, and told to its application.

use crate::Sites;
use crate::power::ensure_active;
use crate::sagas::ChangeDomainPlan;
use stoa_core::jobs::enqueue;
use stoa_core::permissions::writable_site;
use stoa_db::{domains, history};
use stoa_domains::ensure_not_deleting;
use stoa_model::{
    domain::DomainState,
    host::Hostname,
    id::{JobId, SiteId},
    job::JobKind,
    site::{Site, SiteState},
};

use crate::sagas::plan::{Address, Move};
use stoa_core::{Error, RequestContext, Result, Wakeup, random};
use stoa_domains::ApplicationUrl;

impl Sites {
    /// Makes one of a site's names its main address; its other names lead there from then on.
    ///
    /// # Errors
    /// Not found, no name of this site, not running, or a job is at work on it.
    pub async fn set_main_address(&self, cx: &RequestContext, id: SiteId, name: &str) -> Result<JobId> {
        let site = writable_site(&self.core.db, cx, id).await?;
        let names = self.domains.hostnames_of(id).await?;
        let unknown = || Error::Conflict("Only a verified domain of this site can be its main address.".into());
        let name = Hostname::parse_typed(name).map_err(|_| unknown())?;
        if !names.contains(&name) {
            return Err(unknown());
        }
        ensure_not_deleting(&site)?;
        ensure_active(&site)?;
        let url = self.core.settings.site_url(&name, self.domains.is_covered(&name));
        if site.hostname == name && site.url.as_deref() == Some(url.as_str()) {
            return Err(Error::Conflict("This is the site's main address already.".into()));
        }
        self.enqueue_change_domain(cx, &site, name, url, true).await
    }

    /// Tells applications of addresses that have changed: a certificate has come, or a domain that
    /// was wanted as the main address can be it now.
    pub async fn reconcile_main_addresses(&self) -> Result<()> {
        let mut after = None;
        let wanted: std::collections::HashMap<SiteId, Hostname> =
            domains::domains_in(&self.core.db, DomainState::Verified)
                .await?
                .into_iter()
                .filter(|domain| domain.main_wanted && domain.problem.is_none())
                .map(|domain| (domain.site, domain.name))
                .collect();
        while let Some((sites, busy)) = self.next_sites(&mut after).await? {
            let idle = sites.iter().filter(|site| site.state() == SiteState::Active && !busy.contains_key(&site.id));
            for site in idle {
                if let Some((name, url)) = self.due_address(site, wanted.get(&site.id)) {
                    let cx = self.core.system_context("addresses");
                    if let Err(error) = self.enqueue_change_domain(&cx, site, name, url, false).await {
                        tracing::warn!(site = %site.id, error = error.for_operator(), "a site's address could not be changed yet");
                    }
                }
            }
        }
        Ok(())
    }

    /// The address that a site should have, if it is another one than its application knows. Never
    /// from HTTPS back to HTTP: browsers remember that a site is secure.
    fn due_address(&self, site: &Site, wanted: Option<&Hostname>) -> Option<(Hostname, String)> {
        let can = |name: &&Hostname| self.core.settings.https_port.is_none() || self.domains.is_covered(name);
        let name = wanted.filter(can).unwrap_or(&site.hostname);
        let told = self.core.settings.application_url(site);
        let url = self.core.settings.site_url(name, is_secure(&told, name) || self.domains.is_covered(name));
        let failed = self.address_cooldown.failed_lately(site.id, &url, self.core.clock.now());
        (url != told && !failed).then(|| (name.clone(), url))
    }

    /// Queues the job. A wish of the customer takes the place of his earlier one, which would move the
    /// site back.
    async fn enqueue_change_domain(
        &self,
        cx: &RequestContext,
        site: &Site,
        name: Hostname,
        url: String,
        wish: bool,
    ) -> Result<JobId> {
        let id = site.id;
        let job = JobId::from_uuid(random::uuid_at(cx.now));
        let told = self.core.settings.application_url(site);
        let mut plan = self.site_plan(site, job).await?;
        plan.hostname = name.clone();
        let change = Move {
            from: Address { hostname: site.hostname.clone(), url: told },
            to: Address { hostname: name.clone(), url: url.clone() },
        };
        let (plan, name) = (&ChangeDomainPlan { site: plan, change }, &name);
        let event = &cx.audit("site.change_domain", id, serde_json::json!({ "job": job, "url": url }));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    enqueue(&tx, cx, JobKind::ChangeDomain, job, id, plan).await?;
                    if wish {
                        let known = domains::domains_of(&*tx, id).await?;
                        let wanted = known.iter().find(|domain| domain.name == *name).map(|domain| domain.id);
                        domains::domains_main_wanted(&tx, id, wanted).await?;
                    }
                    history::audit(&tx, event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.address_cooldown.begin(id, &url, cx.now);
        self.core.bus.wake(Wakeup::Jobs);
        Ok(job)
    }
}

/// Whether the application was told that this name is secure; it may have been told of another one,
/// which was given up.
fn is_secure(told: &str, name: &Hostname) -> bool {
    ApplicationUrl::read(told).is_some_and(|told| told.secure && told.host == name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_told_to_be_secure() {
        let name = Hostname::parse("shop.example.com").unwrap();
        for (told, secure) in [
            ("https://shop.example.com", true),
            ("https://shop.example.com:8443", true),
            ("http://shop.example.com", false),
            ("https://given-up.example.com", false),
        ] {
            assert_eq!(is_secure(told, &name), secure, "{told}");
        }
    }
}
