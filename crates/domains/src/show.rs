//! Views of a site's addresses, including the DNS records that the customer has to create.

use crate::Domains;
use stoa_core::permissions::readable_site;
use stoa_db::{
    domains::{self, list::DomainFilter},
    sites,
};
use stoa_model::{
    account::Role,
    domain::{Domain, DomainState},
    host::Hostname,
    id::{DomainId, SiteId},
    member::Permission,
    site::{Site, SiteState},
};
use stoa_provider::dns::RecordName;

use crate::verify::{IN_USE, is_only_unproven, proof, proof_path};
use crate::view::{CertificateSource, DnsInstruction, DomainLine, DomainView, DomainsView, NameCertificate};
use stoa_core::{
    Error, RequestContext, Result,
    view::{Listing, PageNumber},
};

impl Domains {
    /// All addresses of a site.
    ///
    /// # Errors
    /// Not found.
    pub async fn list_domains(&self, cx: &RequestContext, id: SiteId) -> Result<DomainsView> {
        let site = readable_site(&self.core.db, cx, id).await?;
        let staff = cx.actor.has_role(Role::Support);
        let own = site.subdomain.under(&self.core.settings.base_domain)?;
        let domains = domains::domains_of(&self.core.db, id).await?;
        let views = self.domain_views(cx, &site, &domains).await?;
        let served = views.iter().filter_map(|view| view.certificate.as_ref()?.certificate.clone());
        let uploaded = served.into_iter().find(|c| c.source == CertificateSource::Uploaded);
        Ok(DomainsView {
            url: self.core.settings.application_url(&site),
            own: self.certificate_of(&own, staff).await?,
            own_is_main: site.hostname == own,
            domains: views,
            addresses: self.core.settings.public_addresses.clone(),
            uploaded,
            limits: site.edge,
            may_change: cx.require_permission(Permission::ChangeSites).is_ok()
                && (cx.actor.customer().is_some() || cx.actor.has_role(Role::Admin)),
        })
    }

    /// Custom domains of all sites as a screen lists them, for staff: a part of the list, and how many the other filters
    /// find in each state.
    ///
    /// # Errors
    /// Below the role support.
    pub async fn search(
        &self,
        cx: &RequestContext,
        filter: DomainFilter,
        page: PageNumber,
    ) -> Result<(Listing<DomainLine>, Vec<(DomainState, u64)>)> {
        cx.require(Role::Support)?;
        let of_all_states = DomainFilter { state: None, ..filter.clone() };
        let states = domains::list::domains_by_state(&self.core.db, &of_all_states).await?;
        let counted = states.iter().filter(|(state, _)| filter.state.is_none_or(|wanted| wanted == *state));
        let total = counted.map(|(_, n)| n).sum();
        let found = domains::list::domains_listed(&self.core.db, &filter, page.window()).await?;
        Ok((Listing { items: self.lines(found).await?, total, page }, states))
    }

    /// Domains by their ids, in that order, for staff; those that are gone are left out.
    ///
    /// # Errors
    /// Below the role support.
    pub async fn get_lines(&self, cx: &RequestContext, ids: &[DomainId]) -> Result<Vec<DomainLine>> {
        cx.require(Role::Support)?;
        let mut known = domains::domains_by_ids(&self.core.db, ids).await?;
        let found = ids.iter().filter_map(|id| known.remove(id)).filter(|domain| domain.state != DomainState::Removed);
        self.lines(found.collect()).await
    }

    async fn lines(&self, found: Vec<Domain>) -> Result<Vec<DomainLine>> {
        let of_sites: Vec<_> = found.iter().map(|domain| domain.site).collect();
        let sites = sites::sites_by_ids(&self.core.db, &of_sites).await?;
        let line = |domain: Domain| DomainLine {
            display: idna::domain_to_unicode(domain.name.as_str()).0,
            site_title: sites.get(&domain.site).map(|site| site.title.to_string()).unwrap_or_default(),
            site: domain.site,
            state: domain.state,
            problem: domain.problem,
            created_at: domain.created_at,
            checked_at: domain.checked_at,
        };
        Ok(found.into_iter().map(line).collect())
    }

    /// One domain, if the actor may read its site.
    ///
    /// # Errors
    /// Not found.
    pub async fn get_domain(&self, cx: &RequestContext, id: DomainId) -> Result<DomainView> {
        let missing = || Error::NotFound("domain");
        let domain = domains::domain_get(&self.core.db, id).await?.ok_or_else(missing)?;
        if domain.state == DomainState::Removed {
            return Err(missing());
        }
        let site = readable_site(&self.core.db, cx, domain.site).await.map_err(|error| match error {
            Error::NotFound(_) => missing(),
            other => other,
        })?;
        self.domain_view(cx, &site, &domain).await
    }

    /// The domains with this name, as typed, that the actor may read: several sites may claim the same name.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not a valid domain.
    pub async fn find_domains(&self, cx: &RequestContext, name: &str) -> Result<Vec<DomainView>> {
        let name = Hostname::parse_typed(name)?;
        let mut views = Vec::new();
        for domain in domains::domains_by_name(&self.core.db, &name).await? {
            match self.get_domain(cx, domain.id).await {
                Err(Error::NotFound(_)) => {}
                view => views.push(view?),
            }
        }
        Ok(views)
    }

    pub(super) async fn domain_view(&self, cx: &RequestContext, site: &Site, domain: &Domain) -> Result<DomainView> {
        Ok(self.domain_views(cx, site, std::slice::from_ref(domain)).await?.remove(0))
    }

    async fn domain_views(&self, cx: &RequestContext, site: &Site, domains: &[Domain]) -> Result<Vec<DomainView>> {
        let names: Vec<&Hostname> = domains.iter().map(|domain| &domain.name).collect();
        let certificates = self.certificates_of(&names, cx.actor.has_role(Role::Support)).await?;
        let views = domains.iter().zip(certificates);
        Ok(views.map(|(domain, certificate)| self.domain_view_with(site, domain, certificate)).collect())
    }

    fn domain_view_with(&self, site: &Site, domain: &Domain, certificate: NameCertificate) -> DomainView {
        let verified = domain.state == DomainState::Verified;
        DomainView {
            id: domain.id,
            site: domain.site,
            name: domain.name.to_string(),
            display: idna::domain_to_unicode(domain.name.as_str()).0,
            state: domain.state,
            // A site that is marked for deletion may remove its main address.
            is_main: site.hostname == domain.name && site.state() != SiteState::Deleting,
            main_wanted: domain.main_wanted,
            problem: domain.problem.clone().or_else(|| self.missing_address(domain)),
            records: self.dns_instructions(site, domain),
            file: (format!("http://{}{}", domain.name, proof_path(&domain.token)), domain.token.clone()),
            expires_at: (!verified).then_some(domain.expires_at),
            checked_at: domain.checked_at,
            certificate: verified.then_some(certificate),
        }
    }

    /// What must be known before visitors of a domain without subdomain can be sent here.
    fn missing_address(&self, domain: &Domain) -> Option<String> {
        let is_unknown = self.core.settings.public_addresses.is_empty() && is_apex(&domain.name);
        is_unknown.then(|| {
            format!(
                "Which address should {} point to? The platform does not know its own yet: its operator has to set \
                 `public_addresses`. Until then use a name below it, such as www.{}.",
                domain.name, domain.name
            )
        })
    }

    /// The records to create. They are address records for every name, because an apex can't be an alias (RFC 1034
    /// 3.6.2).
    fn dns_instructions(&self, site: &Site, domain: &Domain) -> Vec<DnsInstruction> {
        let points_here = domain.problem.as_deref().is_none_or(is_only_unproven);
        let in_use = domain.problem.as_deref() == Some(IN_USE);
        let is_checked = !self.core.settings.public_addresses.is_empty() && !in_use;
        let seen = domain.checked_at.map(|_| points_here).filter(|_| is_checked);
        let mut records = Vec::new();
        if domain.state == DomainState::Claimed {
            records.push(DnsInstruction {
                kind: "TXT",
                relative_name: relative_name(&domain.name, Some("_stoa")),
                name: RecordName::ownership(&domain.name).to_string(),
                value: proof(&domain.token),
                purpose: "Proves that the domain is yours",
                seen: domain.checked_at.map(|_| in_use),
            });
        }
        let addresses = self.core.settings.public_addresses.iter().map(|address| DnsInstruction {
            kind: if address.is_ipv4() { "A" } else { "AAAA" },
            relative_name: relative_name(&domain.name, None),
            name: domain.name.to_string(),
            value: address.to_string(),
            purpose: "Leads visitors to your site",
            seen,
        });
        records.extend(addresses);
        if self.core.settings.public_addresses.is_empty()
            && !is_apex(&domain.name)
            && let Ok(own) = site.subdomain.under(&self.core.settings.base_domain)
        {
            records.push(DnsInstruction {
                kind: "CNAME",
                relative_name: relative_name(&domain.name, None),
                name: domain.name.to_string(),
                value: own.to_string(),
                purpose: "Leads visitors to your site",
                seen,
            });
        }
        records
    }
}

/// Whether a name is a registered domain itself, which can't be an alias (RFC 1034 3.6.2).
fn is_apex(name: &Hostname) -> bool {
    relative_name(name, None) == "@"
}

/// The part of a record's name before the registered domain, with this label in front; `@` for that domain itself.
fn relative_name(name: &Hostname, label: Option<&str>) -> String {
    let registered = psl::domain_str(name.as_str()).unwrap_or(name.as_str());
    let below = name.as_str().strip_suffix(registered).and_then(|below| below.strip_suffix('.'));
    match (label, below) {
        (Some(label), Some(below)) => format!("{label}.{below}"),
        (Some(part), None) | (None, Some(part)) => part.to_owned(),
        (None, None) => "@".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registered_domains_are_apexes() {
        for (name, expected) in [("example.com", true), ("shop.co.uk", true), ("www.example.com", false)] {
            assert_eq!(is_apex(&Hostname::parse(name).unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn names_as_providers_show_them() {
        for (name, proof, address) in [
            ("example.com", "_stoa", "@"),
            ("shop.example.com", "_stoa.shop", "shop"),
            ("www.shop.example.com", "_stoa.www.shop", "www.shop"),
            ("shop.co.uk", "_stoa", "@"),
            ("www.shop.co.uk", "_stoa.www", "www"),
            ("jane.github.io", "_stoa", "@"),
            ("com.example.com", "_stoa.com", "com"),
            ("xn--bcher-kva.example", "_stoa", "@"),
        ] {
            let name = Hostname::parse(name).unwrap();
            assert_eq!(relative_name(&name, Some("_stoa")), proof, "{name}");
            assert_eq!(relative_name(&name, None), address, "{name}");
        }
    }
}
