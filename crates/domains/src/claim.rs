//! Adding and removing custom domains.

use crate::Domains;
use crate::ensure_not_deleting;
use jiff::SignedDuration;
use stoa_core::permissions::{require_verified, writable_site};
use stoa_db::{domains, history, route_changes::RouteChange, sites};
use stoa_model::{
    certificate::CertName,
    domain::{Domain, DomainState},
    field::Invalid,
    host::Hostname,
    id::{DomainId, SiteId},
    job::JobKind,
    secret::ExposeSecret,
    site::{Site, SiteState},
};

use crate::{command::AddDomain, view::DomainView};
use stoa_core::{Error, RequestContext, Result, Wakeup, permissions::ensure_no_job_but, random};

/// More domains indicate a mistake or abuse.
const MAX_DOMAINS_PER_SITE: usize = 50;

impl Domains {
    /// Claims a domain for a site, optionally together with its `www.` name.
    ///
    /// # Errors
    /// A name that is invalid, belongs to the platform, or is verified for another site; a site that is marked for
    /// deletion.
    pub async fn add_domain(&self, cx: &RequestContext, id: SiteId, command: AddDomain) -> Result<Vec<DomainView>> {
        let site = writable_site(&self.core.db, cx, id).await?;
        ensure_not_deleting(&site)?;
        require_verified(&self.core.db, cx, site.customer, "add a domain").await?;
        let name = self.parse_claim(&command.name)?;
        let known = domains::domains_of(&self.core.db, id).await?;
        if known.len() >= MAX_DOMAINS_PER_SITE {
            return Err(Error::Conflict(format!("A site can have {MAX_DOMAINS_PER_SITE} domains. Remove one first.")));
        }
        let mut names = vec![(name.clone(), command.main)];
        if command.with_www && !name.as_str().starts_with("www.") {
            names.push((Hostname::parse(&format!("www.{name}")).map_err(for_name_field)?, false));
        }
        let mut claims = Vec::new();
        for (name, main) in names {
            if known.iter().any(|domain| domain.name == name) {
                continue;
            }
            self.ensure_unclaimed(&site, &name).await?;
            claims.push(self.new_claim(cx, &site, name, main));
        }
        if claims.is_empty() {
            return Err(Invalid::new("name", "This site has this domain already.").into());
        }
        let event = &cx.audit("domain.add", id, serde_json::json!({ "name": name }));
        let added = &claims;
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    if added.iter().any(|domain| domain.main_wanted) {
                        // Otherwise an older request for the main address could later override this one.
                        domains::domains_main_wanted(&tx, id, None).await?;
                    }
                    for domain in added {
                        domains::domain_insert(&tx, domain).await?;
                        let text = format!("The domain {} was added", domain.name);
                        history::site_event(&tx, id, cx.now, "domain", &text).await?;
                    }
                    history::audit(&tx, event).await
                })
            })
            .await?;
        let mut views = Vec::new();
        for domain in claims {
            views.push(self.domain_view(cx, &site, &domain).await?);
        }
        Ok(views)
    }

    /// Removes a domain from its site. On a site that is marked for deletion, this may be the main address too, so that
    /// another site can use it before the purge.
    ///
    /// # Errors
    /// Not found, or it is the site's main address.
    pub async fn remove_domain(&self, cx: &RequestContext, id: DomainId) -> Result<()> {
        let (site, domain) = self.writable_domain(cx, id).await?;
        if site.hostname == domain.name && site.state() != SiteState::Deleting {
            let message = "This is the site's main address. Make another one the main address first.";
            return Err(Error::Conflict(message.into()));
        }
        let event = &cx.audit("domain.remove", site.id, serde_json::json!({ "name": domain.name }));
        let text = &format!("The domain {} was removed", domain.name);
        let name = &CertName::host(domain.name.clone());
        let own = &site.subdomain.under(&self.core.settings.base_domain)?;
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    // So that this and a concurrent upload of a certificate are serialized.
                    sites::site_lock(&tx, site.id).await?.ok_or(Error::NotFound("site"))?;
                    // An update only hands the site its hostnames; the next one hands over those without this.
                    ensure_no_job_but(&tx, site.id, Some(JobKind::Update)).await?;
                    domains::domain_remove(&tx, id, own, cx.now).await?;
                    self.remove_name_from_uploads(&tx, site.id, name, cx.now).await?;
                    history::site_event(&tx, site.id, cx.now, "domain", text).await?;
                    history::audit(&tx, event).await?;
                    Ok::<_, Error>(self.route_changed(&tx, RouteChange::Names(site.id)).await?)
                })
            })
            .await?;
        self.publish_certificates(version).await;
        self.publish_routes(version, site.id).await;
        self.core.bus.wake(Wakeup::Environments);
        self.core.bus.wake(Wakeup::Certificates);
        Ok(())
    }

    /// The domain and its site, if the actor may change them.
    pub(super) async fn writable_domain(&self, cx: &RequestContext, id: DomainId) -> Result<(Site, Domain)> {
        let missing = || Error::NotFound("domain");
        let domain = domains::domain_get(&self.core.db, id).await?.ok_or_else(missing)?;
        let site = writable_site(&self.core.db, cx, domain.site).await.map_err(|error| match error {
            Error::NotFound(_) => missing(),
            other => other,
        })?;
        if domain.state == DomainState::Removed {
            return Err(missing());
        }
        Ok((site, domain))
    }

    /// Parses the name of a domain to claim, as typed.
    fn parse_claim(&self, text: &str) -> Result<Hostname> {
        let name = Hostname::parse_typed(text)?;
        let is_suffix = || {
            let suffix = psl::suffix(name.as_str().as_bytes());
            suffix.is_some_and(|suffix| suffix == name.as_str().as_bytes() && suffix.typ() == Some(psl::Type::Icann))
        };
        let problem = if self.is_own_name(&name) {
            "Names below the platform's own domain can't be added; choose one of them as the site's address.".to_owned()
        } else if name.is_special_use() {
            format!("{name} exists only inside of a network. Enter a public domain, such as shop.example.com.")
        } else if !name.as_str().contains('.') {
            format!("{name} is not a whole domain. Enter one with its ending, such as {name}.example.com.")
        } else if is_suffix() {
            format!("Everybody can register domains below {name}. Enter a domain of yours, such as shop.{name}.")
        } else {
            return Ok(name);
        };
        Err(Invalid::new("name", problem).into())
    }

    /// Fails if the name is verified for another site. Only a customer who owns that site too learns which.
    async fn ensure_unclaimed(&self, site: &Site, name: &Hostname) -> Result<()> {
        let all = domains::domains_by_name(&self.core.db, name).await?;
        let Some(other) = all.iter().find(|d| d.state == DomainState::Verified && d.site != site.id) else {
            return Ok(());
        };
        let message = if other.customer == site.customer {
            "Another one of your sites has this domain. Remove it there first."
        } else {
            "This domain is in use by another account. If it is yours, ask us for help."
        };
        Err(Invalid::new("name", message).into())
    }

    fn new_claim(&self, cx: &RequestContext, site: &Site, name: Hostname, main_wanted: bool) -> Domain {
        let lifetime = SignedDuration::try_from(self.core.settings.claim_lifetime).unwrap_or(SignedDuration::MAX);
        Domain {
            id: DomainId::from_uuid(random::uuid_at(cx.now)),
            site: site.id,
            customer: site.customer,
            name,
            token: random::token().expose_secret().chars().take(32).collect(),
            state: DomainState::Claimed,
            main_wanted,
            created_at: cx.now,
            expires_at: cx.now + lifetime,
            verified_at: None,
            checked_at: None,
            problem: None,
        }
    }
}

fn for_name_field(invalid: Invalid) -> Invalid {
    Invalid { field: "name", ..invalid }
}
