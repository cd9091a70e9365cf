//! Keeps every name that needs a certificate supplied with one: what is missing is ordered, what
//! is due is renewed, and what fails is tried again after a pause that grows.

use std::{collections::HashSet, sync::Arc};

use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use stoa_db::{
    certificates::{self, StoredCertificate},
    history, meta,
    orders::{self, CertOrder, Try},
    routes::{RouteRow, routes},
    sites,
};
use stoa_model::{certificate::CertName, host::Hostname, id::CertificateId, secret::SecretString, site::SiteState};
use stoa_vendors::{acme::Acme, x509};

use super::{
    allowance::pause,
    held::Held,
    renew::{at_two_thirds, within},
    shelf::key_context,
    wanted::{Facts, Wanted, is_public, wanted},
    words::Failure,
};
use crate::{Control, Error, Result, random, settings::AcmeSettings};

/// Orders under way at once.
const TOGETHER: usize = 4;
/// No pause is longer: an authority may say seven days, and a little is added. What says more was
/// written while the clock was ahead.
const LONGEST: SignedDuration = SignedDuration::from_hours(8 * 24);

impl Wanted {
    /// Whether this certificate is the one that is wanted.
    pub(super) fn is(&self, held: &Held) -> bool {
        held.site.is_none() && self.names.iter().all(|name| held.ready.names.contains(name))
    }
}

impl Control {
    /// One look at all names.
    pub(crate) async fn certificates_tend(&self) -> Result<()> {
        // An edge that does not follow is no reason to let certificates run out.
        if let Err(error) = self.certificates_follow().await {
            tracing::warn!(
                error = error.for_operator(),
                "the edge did not take the certificates over; the next tick tries again"
            );
        }
        if self.settings.https_port.is_none() {
            return Ok(());
        }
        let wanted = self.certificates_wanted().await?;
        if let Some(acme) = &self.settings.acme {
            self.certificates_ask(&wanted, acme).await?;
        }
        self.certificates_alarm(&wanted).await
    }

    /// Orders what is due.
    async fn certificates_ask(&self, wanted: &[Wanted], acme: &AcmeSettings) -> Result<()> {
        self.orders_forget(wanted).await?;
        let due = self.certificates_due(wanted).await?;
        stream::iter(due)
            .for_each_concurrent(TOGETHER, |wanted| async move {
                self.certificate_try(&wanted, acme).await;
            })
            .await;
        self.renewals_ask(wanted, acme).await
    }

    /// Everything that needs a certificate from the authority.
    pub(super) async fn certificates_wanted(&self) -> Result<Vec<Wanted>> {
        let base = &self.settings.base_domain;
        let lives = |row: &RouteRow| !matches!(row.state, SiteState::Failed | SiteState::Deleting | SiteState::Deleted);
        let names = routes(&self.db).await?.into_iter().filter(lives).map(|row| row.hostname);
        let (subdomains, domains): (Vec<_>, Vec<_>) = names.partition(|name| self.is_own(name));
        let (shelf, now) = (self.shelf.all(), self.clock.now());
        // Another one is there before one that was brought along ends.
        let lasts = |held: Arc<Held>| held.site.is_some() && !held.is_ending(now);
        let is_brought = |name: &&Hostname| shelf.find(name, now).is_some_and(lasts);
        let brought: HashSet<Hostname> = subdomains.iter().chain(&domains).filter(is_brought).cloned().collect();
        let facts = Facts {
            base: Some(base).filter(|base| is_public(base)),
            dns: self.dns_has(base),
            portal: self.settings.portal_hosts.iter().filter(|host| is_public(host)).cloned().collect(),
            subdomains,
            domains,
            brought,
        };
        Ok(wanted(facts))
    }

    /// Whether the name lies below the platform's own domain.
    pub(crate) fn is_own(&self, name: &Hostname) -> bool {
        name.as_str().strip_suffix(self.settings.base_domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }

    /// Whether records can be made for this name.
    pub(crate) fn dns_has(&self, name: &Hostname) -> bool {
        self.dns.as_ref().is_some_and(|dns| stoa_provider::dns::RecordName::host(name).is_in(dns.zone()))
    }

    async fn certificates_due(&self, wanted: &[Wanted]) -> Result<Vec<Wanted>> {
        let now = self.clock.now();
        let waits = |order: &CertOrder| order.next_at > now && order.next_at <= now + LONGEST;
        let waiting: HashSet<CertName> =
            orders::orders_all(&self.db).await?.into_iter().filter(waits).map(|o| o.subject).collect();
        let all = self.shelf.all();
        let has = |w: &Wanted| all.matching(w).any(|held| held.renew_at > now);
        Ok(wanted.iter().filter(|w| !waiting.contains(&w.subject) && !has(w)).cloned().collect())
    }

    /// Gets one certificate, unless somebody is at it already, and writes down what came of it.
    pub(super) async fn certificate_try(&self, wanted: &Wanted, acme: &AcmeSettings) {
        let Some(_mine) = self.ordering.begin(&wanted.subject) else { return };
        if let Err(failure) = self.certificate_obtain(wanted, acme).await {
            tracing::warn!(subject = %wanted.subject, why = failure.detail, "no certificate yet");
            if let Err(error) = self.certificate_failed(wanted, failure).await {
                tracing::error!(subject = %wanted.subject, error = error.for_operator(), "a failure could not be written down");
            }
        }
    }

    /// A pause of its own counts as no failure: what is only waited for was not refused, and the first
    /// refusal after it shall not cost a day.
    async fn certificate_failed(&self, wanted: &Wanted, failure: Failure) -> Result<()> {
        let now = self.clock.now();
        let known = orders::order_get(&self.db, &wanted.subject).await?;
        let before = known.as_ref().map_or(0, |order| order.failures);
        let failures = before.saturating_add(u32::from(failure.wait.is_none()));
        let wrong_since = known.as_ref().filter(|order| order.problem.is_some()).map(|order| order.updated_at);
        let mut chance = [0];
        random::fill(&mut chance);
        let wait = failure.wait.unwrap_or_else(|| pause(failures, failure.refused));
        let order = &CertOrder {
            subject: wanted.subject.clone(),
            names: wanted.names.clone(),
            failures,
            next_at: now + wait + wait / 10 * i32::from(chance[0]) / 255,
            problem: Some(failure.words),
            detail: Some(failure.detail),
            order_url: known.as_ref().and_then(|order| order.order_url.clone()),
            key: known.and_then(|order| order.key),
            updated_at: wrong_since.unwrap_or(now),
        };
        let refused = failure.refused;
        Ok(self
            .db
            .write(|tx| {
                Box::pin(async move {
                    if refused {
                        orders::try_note(&tx, &order.subject, now, Try::Failed).await?;
                    }
                    orders::order_put(&tx, order).await
                })
            })
            .await?)
    }

    /// Keeps an issued certificate, retires those that it replaces, and gives it to the edge.
    pub(super) async fn certificate_keep(
        &self,
        wanted: &Wanted,
        chain: &str,
        key: &SecretString,
        authority: &Acme,
    ) -> Result<()> {
        let facts = x509::inspect(chain).map_err(Error::internal)?;
        let now = self.clock.now();
        let id = CertificateId::from_uuid(random::uuid_at(now));
        let window = authority.renewal(chain).await.ok().flatten();
        let stored = &StoredCertificate {
            id,
            names: facts.names,
            chain: chain.to_owned(),
            key: self.key.seal(&key_context(id), key),
            site: None,
            issuer: facts.issuer,
            serial: facts.serial,
            not_before: facts.not_before,
            not_after: facts.not_after,
            created_at: now,
            renew_at: window
                .map_or_else(|| at_two_thirds(facts.not_before, facts.not_after), |w| within(w.start, w.end)),
        };
        let former = &self.shelf.all().replaced_by(&stored.names).map(|held| held.ready.id).collect::<Vec<_>>();
        let version = self
            .db
            .write(|tx| {
                Box::pin(async move {
                    certificates::certificate_insert(&tx, stored).await?;
                    for old in former {
                        certificates::certificate_retire(&tx, *old, now).await?;
                    }
                    orders::try_note(&tx, &wanted.subject, now, Try::Issued).await?;
                    orders::order_forget(&tx, &wanted.subject).await?;
                    for name in stored.names.iter().filter(|name| !name.wildcard) {
                        if let Some(site) = sites::site_by_hostname(&*tx, &name.host).await? {
                            let words = format!("The certificate for {name} was issued");
                            history::site_event(&tx, site.id, now, "certificate", &words).await?;
                        }
                    }
                    meta::routes_version_bump(&tx).await
                })
            })
            .await?;
        tracing::info!(subject = %wanted.subject, issuer = stored.issuer, until = %stored.not_after, "a certificate was issued");
        self.certificates_changed(version).await;
        Ok(())
    }

    /// Forgets the troubles of names that need no certificate any more.
    async fn orders_forget(&self, wanted: &[Wanted]) -> Result<()> {
        let known: HashSet<&CertName> = wanted.iter().map(|w| &w.subject).collect();
        for order in orders::orders_all(&self.db).await? {
            if !known.contains(&order.subject) {
                let subject = &order.subject;
                self.db.write(|tx| Box::pin(async move { orders::order_forget(&tx, subject).await })).await?;
            }
        }
        let now = self.clock.now();
        let (from, to) = (now - SignedDuration::from_hours(30 * 24), now + LONGEST);
        Ok(self.db.write(|tx| Box::pin(async move { orders::tries_prune(&tx, from, to).await })).await?)
    }
}
