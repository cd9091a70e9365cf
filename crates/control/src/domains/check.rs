//! Looks at domains: is it proven whose they are, and do they lead here?

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use stoa_db::{DbError, Tx, domains, history, meta, sites};
use stoa_model::{
    certificate::CertName,
    domain::{Domain, DomainState},
    host::Hostname,
    id::DomainId,
};
use stoa_provider::dns::RecordName;

use super::{Leads, claim::ENDS};
use crate::{
    Control, Error, RequestContext, Result,
    probe::{Fetched, is_global},
    view::DomainView,
};

/// The problem of a claim that is nothing but unproven.
pub(super) const NOT_PROVEN: &str = "It is not proven yet that this domain is yours: the TXT record was not found.";

/// The problem of a claim that is proven, but the name is another site's.
pub(super) const IN_USE: &str = "This domain is in use by another site. If it is yours, ask us for help.";

/// What the TXT record of a claim says.
pub(super) fn proof(token: &str) -> String {
    format!("stoa-verification={token}")
}

/// Path of the file that proves a claim.
pub(super) fn proof_path(token: &str) -> String {
    format!("/.well-known/stoa-verification/{token}")
}

impl Control {
    /// Looks at a domain now, as its customer asks for it.
    ///
    /// # Errors
    /// Not found; proven for another site meanwhile; asked too often.
    pub async fn domain_check(&self, cx: &RequestContext, id: DomainId) -> Result<DomainView> {
        let (site, domain) = self.domain_within(cx, id).await?;
        self.throttle.domain_check(site.customer)?;
        self.domain_look(&domain).await?;
        self.order_now(&domain.name).await?;
        let domain = domains::domain_get(&self.db, id).await?.ok_or(Error::NotFound("domain"))?;
        self.domain_view(cx, &site, &domain).await
    }

    /// Looks at one domain and writes down what was seen.
    pub(super) async fn domain_look(&self, domain: &Domain) -> Result<()> {
        let begun = self.clock.now();
        let leads = self.leads(&domain.name).await;
        let mut problem = leads.problem(&domain.name, &self.settings.public_addresses);
        if domain.state == DomainState::Claimed {
            if self.domain_is_proven(domain, &leads).await? {
                match self.domain_prove(domain).await {
                    Err(Error::Conflict(words)) => problem = Some(words),
                    proven => proven?,
                }
            } else {
                problem = Some(problem.map_or_else(|| NOT_PROVEN.to_owned(), |more| format!("{NOT_PROVEN} {more}")));
            }
        }
        let (id, now, problem) = (domain.id, self.clock.now(), problem.as_deref());
        let noted = async |tx: &Tx| domains::domain_checked(tx, id, begun, now, problem).await;
        let newest = self.db.write(|tx| Box::pin(async move { noted(&tx).await })).await?;
        if newest && problem != domain.problem.as_deref() {
            self.order_now(&domain.name).await?;
        }
        Ok(())
    }

    /// A domain that has just come to lead here, or whose customer says that all is mended, need not
    /// wait out the pause of a failed order. What the authority allows is counted all the same.
    async fn order_now(&self, name: &Hostname) -> Result<()> {
        self.certificate_hasten(&CertName::host(name.clone())).await?;
        self.nudges.certificates.notify_one();
        self.nudges.addresses.notify_one();
        Ok(())
    }

    /// Whether the customer has shown that the name is his.
    async fn domain_is_proven(&self, domain: &Domain, leads: &Leads) -> Result<bool> {
        let texts = self.resolver.texts(&RecordName::ownership(&domain.name)).await.unwrap_or_default();
        if texts.iter().any(|text| text.trim() == proof(&domain.token)) {
            return Ok(true);
        }
        Ok(self.file_is_there(&domain.name, &domain.token, leads).await)
    }

    /// Asks for the file at the web server that the name leads to now: one of the public network, for
    /// a name that leads into some inner network must not make us knock there.
    async fn file_is_there(&self, name: &Hostname, token: &str, leads: &Leads) -> bool {
        let address = match leads {
            Leads::Elsewhere(found) => public(found),
            Leads::Unasked => self.resolver.addresses(name).await.ok().and_then(|found| public(&found.list)),
            Leads::Here | Leads::Partly(_) | Leads::Nowhere | Leads::Circle | Leads::Unknown(_) => None,
        };
        let Some(address) = address else { return false };
        let fetched = self.probe.fetch(address, name.as_str(), &proof_path(token), Duration::from_secs(5)).await;
        matches!(fetched, Ok(Fetched { status, body }) if status == 200 && body.trim() == token)
    }

    async fn domain_prove(&self, domain: &Domain) -> Result<()> {
        let now = self.clock.now();
        let words = &format!("The domain {} was verified", domain.name);
        let (id, site) = (domain.id, domain.site);
        let done = self
            .db
            .write(|tx| {
                Box::pin(async move {
                    domains::domain_verify(&tx, id, now).await?;
                    history::site_event(&tx, site, now, "domain", words).await?;
                    meta::routes_version_bump(&tx).await
                })
            })
            .await;
        match done {
            Err(DbError::Conflict(stoa_db::Constraint::Hostname)) => Err(Error::Conflict(IN_USE.into())),
            Err(DbError::StaleWrite { table: "sites", .. }) => Err(Error::Conflict(ENDS.into())),
            done => {
                self.routes_changed(done?, site).await;
                Ok(())
            }
        }
    }

    /// Removes the domains of a site that is purged.
    pub(crate) async fn domains_forget(&self, site: stoa_model::id::SiteId) -> Result<()> {
        let now = self.clock.now();
        let known = sites::site_get(&self.db, site).await?;
        if known.is_some() {
            self.db.write(|tx| Box::pin(async move { domains::domains_remove_of(&tx, site, now).await })).await?;
        }
        Ok(())
    }
}

/// The first of these that belongs to the public network, at the port of plain HTTP.
fn public(found: &[IpAddr]) -> Option<SocketAddr> {
    found.iter().find(|address| is_global(**address)).map(|address| (*address, 80).into())
}
