//! Orders missing certificates and renews those that are due.

use crate::Domains;
use std::{collections::HashSet, sync::Arc};

use jiff::SignedDuration;
use stoa_db::{
    certificate_orders::{self, Attempt},
    certificates::{self, StoredCertificate},
    history,
    route_changes::RouteChange,
    routes::{RouteRow, routes},
    sites,
};
use stoa_integrations::{acme::Acme, x509};
use stoa_model::{certificate::CertName, host::Hostname, id::CertificateId, secret::SecretString, site::SiteState};

use super::{
    attempt::MAX_RETRY_DELAY,
    cache::key_context,
    loaded::LoadedCertificate,
    renewal::{default_renewal_time, random_time_between},
    spec::{CertificateSpec, Facts, is_public, required_certificates},
};
use stoa_core::{Error, Result, random, settings::AcmeSettings};

impl CertificateSpec {
    /// Whether this issued certificate has all the names of the spec.
    pub(super) fn is_satisfied_by(&self, loaded: &LoadedCertificate) -> bool {
        loaded.site.is_none() && self.names.iter().all(|name| loaded.ready.names.contains(name))
    }
}

impl Domains {
    /// One reconciliation of all certificates.
    pub async fn reconcile_certificates(&self) -> Result<()> {
        // A failing edge must not prevent renewals.
        if let Err(error) = self.apply_certificates().await {
            tracing::warn!(
                error = error.for_operator(),
                "the edge did not apply the certificates; the next tick retries"
            );
        }
        if self.core.settings.https_port.is_none() {
            return Ok(());
        }
        let wanted = self.certificate_specs().await?;
        if let Some(acme) = &self.core.settings.acme {
            self.order_due_certificates(&wanted, acme).await?;
        }
        self.send_certificate_notices(&wanted).await?;
        self.send_certificate_alerts(&wanted).await
    }

    /// Orders missing and due certificates.
    async fn order_due_certificates(&self, wanted: &[CertificateSpec], acme: &AcmeSettings) -> Result<()> {
        self.forget_obsolete_orders(wanted).await?;
        let due = self.due_certificates(wanted).await?;
        self.start_orders(due, acme);
        self.ask_renewal_windows(wanted, acme).await
    }

    /// All certificates that should come from the authority.
    pub(super) async fn certificate_specs(&self) -> Result<Vec<CertificateSpec>> {
        let base = &self.core.settings.base_domain;
        let lives = |row: &RouteRow| !matches!(row.state, SiteState::Failed | SiteState::Deleting | SiteState::Deleted);
        let names = routes(&self.core.db).await?.into_iter().filter(lives).map(|row| row.hostname);
        let (subdomains, domains): (Vec<_>, Vec<_>) = names.partition(|name| self.is_platform_name(name));
        let (cached, now) = (self.certificate_cache.all(), self.core.clock.now());
        // An uploaded certificate that is about to expire does not count: its replacement is ordered in time.
        let is_current = |loaded: Arc<LoadedCertificate>| loaded.site.is_some() && !loaded.is_ending(now);
        let has_upload = |name: &&Hostname| cached.find(name, now).is_some_and(is_current);
        let uploaded: HashSet<Hostname> = subdomains.iter().chain(&domains).filter(has_upload).cloned().collect();
        let facts = Facts {
            base: Some(base).filter(|base| is_public(base)),
            dns: self.has_dns_zone_for(base),
            portal: self.core.settings.portal_hosts.iter().filter(|host| is_public(host)).cloned().collect(),
            subdomains,
            domains,
            uploaded,
        };
        Ok(required_certificates(facts))
    }

    /// Whether the name is below the platform's own domain.
    pub fn is_platform_name(&self, name: &Hostname) -> bool {
        name.as_str().strip_suffix(self.core.settings.base_domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }

    /// Whether the name is the platform's own: the base domain or below it, or one of the portal.
    pub(crate) fn is_own_name(&self, name: &Hostname) -> bool {
        self.core.settings.is_portal_name(name) || self.is_platform_name(name)
    }

    /// Whether we can create DNS records for this name.
    pub(crate) fn has_dns_zone_for(&self, name: &Hostname) -> bool {
        self.dns.as_ref().is_some_and(|dns| stoa_provider::dns::RecordName::host(name).is_in(dns.zone()))
    }

    /// Stores an issued certificate, retires those that it replaces, and publishes it to the edge.
    pub(super) async fn store_certificate(
        &self,
        wanted: &CertificateSpec,
        chain: &str,
        key: &SecretString,
        authority: &Acme,
    ) -> Result<()> {
        let facts = x509::inspect(chain).map_err(Error::internal)?;
        let now = self.core.clock.now();
        let id = CertificateId::from_uuid(random::uuid_at(now));
        let window = authority.renewal(chain).await.ok().flatten();
        let stored = &StoredCertificate {
            id,
            names: facts.names,
            chain: chain.to_owned(),
            key: self.core.key.seal(&key_context(id), key),
            site: None,
            issuer: facts.issuer,
            serial: facts.serial,
            not_before: facts.not_before,
            not_after: facts.not_after,
            created_at: now,
            renew_at: window.map_or_else(
                || default_renewal_time(facts.not_before, facts.not_after),
                |w| random_time_between(w.start, w.end),
            ),
        };
        let replaced =
            &self.certificate_cache.all().replaced_by(&stored.names).map(|loaded| loaded.ready.id).collect::<Vec<_>>();
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    certificates::certificate_insert(&tx, stored).await?;
                    for old in replaced {
                        certificates::certificate_retire(&tx, *old, now).await?;
                    }
                    certificate_orders::try_note(&tx, &wanted.subject, now, Attempt::Issued).await?;
                    certificate_orders::order_forget(&tx, &wanted.subject).await?;
                    for name in stored.names.iter().filter(|name| !name.wildcard) {
                        if let Some(site) = sites::site_by_hostname(&*tx, &name.host).await? {
                            let text = format!("The certificate for {name} was issued");
                            history::site_event(&tx, site.id, now, "certificate", &text).await?;
                        }
                    }
                    self.route_changed(&tx, RouteChange::Certificates).await
                })
            })
            .await?;
        tracing::info!(subject = %wanted.subject, issuer = stored.issuer, until = %stored.not_after, "certificate issued");
        self.publish_certificates(version).await;
        Ok(())
    }

    /// Deletes the orders of names that no longer need a certificate, and old attempts.
    async fn forget_obsolete_orders(&self, wanted: &[CertificateSpec]) -> Result<()> {
        let known: HashSet<&CertName> = wanted.iter().map(|w| &w.subject).collect();
        for order in certificate_orders::orders_all(&self.core.db).await? {
            if !known.contains(&order.subject) {
                let subject = &order.subject;
                self.core
                    .db
                    .write(|tx| Box::pin(async move { certificate_orders::order_forget(&tx, subject).await }))
                    .await?;
            }
        }
        let now = self.core.clock.now();
        let (from, to) = (now - SignedDuration::from_hours(30 * 24), now + MAX_RETRY_DELAY);
        Ok(self
            .core
            .db
            .write(|tx| Box::pin(async move { certificate_orders::tries_prune(&tx, from, to).await }))
            .await?)
    }
}
