//! Checks of domains: whether ownership is proven, and whether they point to this machine.

use crate::Domains;
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use stoa_db::{DbError, Tx, domains, history, route_changes::RouteChange, tasks};
use stoa_model::{
    certificate::CertName,
    domain::{Domain, DomainState},
    host::Hostname,
    id::DomainId,
};
use stoa_provider::dns::RecordName;

use crate::SITE_IS_DELETING;
use crate::dns_target::DnsTarget;
use crate::view::DomainView;
use stoa_core::{Error, RequestContext, Result, Wakeup};
use stoa_integrations::probe::{Place, is_global};

/// The beginning of the problem of a claim whose ownership is not proven. It is one sentence; another one is about where
/// the name points.
const NOT_PROVEN: &str = "We couldn't verify this domain yet: ";

/// Whether the problem of a domain is only that ownership is not proven.
pub(super) fn is_only_unproven(problem: &str) -> bool {
    problem.strip_prefix(NOT_PROVEN).is_some_and(|rest| !rest.contains(". "))
}

/// The problem of a claim that is proven while the name is verified for another site.
pub(super) const IN_USE: &str = "This domain is in use by another site. If it is yours, ask us for help.";

/// The problem of a name whose proxy sends its visitors in circles.
fn looping(name: &Hostname) -> String {
    format!(
        "Visitors of {name} are sent in circles: the proxy in front of it requests it from this server over plain HTTP, \
         which redirects to HTTPS. Set the proxy to use HTTPS to this server too (Cloudflare calls it “Full (strict)”)."
    )
}

/// That there is no TXT record, and for how many minutes name servers may say so after it was created.
fn not_found(minutes: u64) -> String {
    let found = "the TXT record was not found";
    match minutes {
        0 => found.to_owned(),
        1 => format!("{found}, and if it was just created, name servers may not know it for another minute"),
        _ => format!("{found}, and if it was just created, name servers may not know it for up to {minutes} minutes"),
    }
}

/// The value of a claim's TXT record.
pub(super) fn proof(token: &str) -> String {
    format!("stoa-verification={token}")
}

/// The path of the file that proves a claim.
pub(super) fn proof_path(token: &str) -> String {
    format!("/.well-known/stoa-verification/{token}")
}

impl Domains {
    /// Checks a domain now, at the request of its customer.
    ///
    /// # Errors
    /// Not found; [`Error::RateLimited`] after too many checks.
    pub async fn check_domain(&self, cx: &RequestContext, id: DomainId) -> Result<DomainView> {
        let (site, domain) = self.writable_domain(cx, id).await?;
        self.core.count_domain_check(site.customer).await?;
        self.verify_domain(&domain).await?;
        self.retry_certificate(&domain.name).await?;
        let domain = domains::domain_get(&self.core.db, id).await?.ok_or(Error::NotFound("domain"))?;
        self.domain_view(cx, &site, &domain).await
    }

    /// Checks one domain and records the result.
    pub(super) async fn verify_domain(&self, domain: &Domain) -> Result<()> {
        let began_at = self.core.clock.now();
        let target = self.dns_target(&domain.name).await;
        let mut problem = target.problem(&domain.name, &self.core.settings.public_addresses);
        if domain.state == DomainState::Claimed {
            match self.missing_proof(domain, &target).await {
                None => match self.record_proof(domain).await {
                    Err(Error::Conflict(message)) => problem = Some(message),
                    proven => proven?,
                },
                Some(missing) => {
                    let more = problem.map(|problem| format!(" {problem}")).unwrap_or_default();
                    problem = Some(format!("{NOT_PROVEN}{missing}.{more}"));
                }
            }
        } else if let DnsTarget::Forwarded(proxies) = &target
            && self.is_covered(&domain.name)
            && self.is_looping(&domain.name, proxies).await
        {
            problem = Some(looping(&domain.name));
        }
        let (id, now, problem) = (domain.id, self.core.clock.now(), problem.as_deref());
        let record = async |tx: &Tx| domains::domain_checked(tx, id, began_at, now, problem).await;
        let newest = self.core.db.write(|tx| Box::pin(async move { record(&tx).await })).await?;
        if newest && problem != domain.problem.as_deref() {
            self.retry_certificate(&domain.name).await?;
        }
        Ok(())
    }

    /// Retries the certificate of a domain without the delay of its failed order, because the domain's state has
    /// changed or its customer asked for a check. Issuance limits still apply.
    async fn retry_certificate(&self, name: &Hostname) -> Result<()> {
        self.retry_now(&CertName::host(name.clone())).await?;
        self.core.bus.wake(Wakeup::Certificates);
        self.core.bus.wake(Wakeup::MainAddresses);
        Ok(())
    }

    /// Why there is no proof that the name is the customer's, as the end of a sentence; `None` if there is one.
    ///
    /// The name servers of this machine decide, and not those of the zone, as only the former may check signatures.
    async fn missing_proof(&self, domain: &Domain, target: &DnsTarget) -> Option<String> {
        let record = RecordName::ownership(&domain.name);
        let texts = self.resolver.texts(&record).await;
        let is_proof = |text: &String| text.trim() == proof(&domain.token);
        if texts.as_ref().is_ok_and(|texts| texts.iter().any(is_proof))
            || self.has_proof_file(&domain.name, &domain.token, target).await
        {
            return None;
        }
        Some(match texts {
            Err(error) => error.owner_text().to_owned(),
            Ok(texts) if texts.is_empty() => {
                let absence = self.resolver.text_absence(&record).await.unwrap_or_default();
                not_found(absence.as_secs().div_ceil(60))
            }
            Ok(_) => format!("the TXT record of {record} has another value"),
        })
    }

    /// Fetches the file from the web server that the name points to. Only from public addresses, so that a name can't
    /// make us connect to an internal network (SSRF).
    async fn has_proof_file(&self, name: &Hostname, token: &str, target: &DnsTarget) -> bool {
        let address = match target {
            DnsTarget::Elsewhere(found, _) => public_address(found),
            DnsTarget::Unchecked => {
                self.resolver.addresses(name).await.ok().and_then(|found| public_address(&found.list))
            }
            DnsTarget::Here
            | DnsTarget::Forwarded(_)
            | DnsTarget::Partly { .. }
            | DnsTarget::Nowhere
            | DnsTarget::AliasLoop
            | DnsTarget::Unknown(_) => None,
        };
        let Some(address) = address else { return false };
        let place = Place { address, secure: false, host: name.as_str() };
        let fetched = self.probe.fetch(place, &proof_path(token), Duration::from_secs(5)).await;
        fetched.is_ok_and(|fetched| fetched.status == 200 && fetched.body.trim() == token)
    }

    async fn record_proof(&self, domain: &Domain) -> Result<()> {
        let now = self.core.clock.now();
        let text = &format!("The domain {} was verified", domain.name);
        let (id, site) = (domain.id, domain.site);
        let notice = &self.verified_notice(domain).await?;
        let done = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    domains::domain_verify(&tx, id, now).await?;
                    history::site_event(&tx, site, now, "domain", text).await?;
                    if let Some(notice) = notice {
                        tasks::task_insert(&tx, &notice.task, Some(&notice.key)).await?;
                    }
                    self.route_changed(&tx, RouteChange::Names(site)).await
                })
            })
            .await;
        match done {
            Err(DbError::Conflict(stoa_db::Constraint::Hostname)) => Err(Error::Conflict(IN_USE.into())),
            Err(DbError::StaleWrite { table: "sites", .. }) => Err(Error::Conflict(SITE_IS_DELETING.into())),
            done => {
                self.publish_routes(done?, site).await;
                self.core.bus.wake(Wakeup::Environments);
                self.core.bus.wake(Wakeup::Tasks);
                Ok(())
            }
        }
    }

    /// Removes the domains of a purged site.
    pub async fn remove_domains_of(&self, site: stoa_model::id::SiteId) -> Result<()> {
        let now = self.core.clock.now();
        Ok(self.core.db.write(|tx| Box::pin(async move { domains::domains_remove_of(&tx, site, now).await })).await?)
    }
}

/// The first public address among these, with port 80.
fn public_address(found: &[IpAddr]) -> Option<SocketAddr> {
    found.iter().find(|address| is_global(**address)).map(|address| (*address, 80).into())
}
