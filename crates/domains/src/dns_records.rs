//! DNS records of sites: each site's subdomain points to this machine as long as the site exists. Only records that
//! Stoa created, and recorded in the database, are ever removed.

use crate::Domains;
use std::{collections::HashMap, net::IpAddr};

use stoa_db::{
    dns_records::{self, DnsRecordRow},
    sites,
};
use stoa_integrations::resolver::ResolveError;
use stoa_model::{
    field::Invalid,
    host::Hostname,
    id::SiteId,
    site::{Site, SiteState},
};
use stoa_provider::dns::{RecordKind, RecordName, RecordSet, RecordValues};

use stoa_core::{Error, Result, random};

/// Number of sites read per query.
const PAGE_SIZE: u64 = 500;

impl Domains {
    /// Creates the records of a site's subdomain. Does nothing if the platform does not manage its zone.
    pub async fn publish_dns_records(&self, site: SiteId, name: &Hostname) -> Result<()> {
        let Some(dns) = self.dns.as_ref().filter(|_| self.has_dns_zone_for(name)) else { return Ok(()) };
        if dns_records::dns_records_of(&self.core.db, site).await?.iter().all(|row| row.name != name.as_str()) {
            self.ensure_dns_name_free(name).await?;
        }
        for (kind, addresses) in self.public_addresses_by_kind() {
            let value = record_value(&addresses);
            let set =
                RecordSet { name: RecordName::host(name), ttl: dns.ttl(), values: RecordValues::Addresses(addresses) };
            // Recorded before, without a value, because a record that is created but not recorded would never be
            // removed; and again after, because only a row with its value counts as created.
            self.record_dns_record(site, &set.name, kind, "").await?;
            dns.set(&set).await.map_err(unavailable)?;
            self.record_dns_record(site, &set.name, kind, &value).await?;
        }
        Ok(())
    }

    async fn record_dns_record(&self, site: SiteId, name: &RecordName, kind: RecordKind, value: &str) -> Result<()> {
        let now = self.core.clock.now();
        let put = async |tx: &stoa_db::Tx| {
            dns_records::dns_record_put(tx, name.as_str(), kind.as_str(), value, Some(site), now).await
        };
        Ok(self.core.db.write(|tx| Box::pin(async move { put(&tx).await })).await?)
    }

    /// Removes all records of a site.
    pub async fn withdraw_dns_records(&self, site: SiteId) -> Result<()> {
        for row in dns_records::dns_records_of(&self.core.db, site).await? {
            self.withdraw_dns_record(&row).await?;
        }
        Ok(())
    }

    async fn withdraw_dns_record(&self, row: &DnsRecordRow) -> Result<()> {
        let Some(dns) = &self.dns else { return Ok(()) };
        let name = Hostname::parse(&row.name)?;
        let kind = if row.kind == RecordKind::A.as_str() { RecordKind::A } else { RecordKind::Aaaa };
        if self.has_dns_zone_for(&name) {
            dns.remove(&RecordName::host(&name), kind).await.map_err(unavailable)?;
        } else {
            tracing::warn!(%name, kind = row.kind, "a record of ours remains in a zone that we no longer manage; remove it there");
        }
        let forget = async |tx: &stoa_db::Tx| dns_records::dns_record_forget(tx, &row.name, &row.kind).await;
        Ok(self.core.db.write(|tx| Box::pin(async move { forget(&tx).await })).await?)
    }

    /// This machine's addresses by kind of record, without kinds that have no address.
    fn public_addresses_by_kind(&self) -> Vec<(RecordKind, Vec<IpAddr>)> {
        let (v4, v6): (Vec<_>, Vec<_>) = self.core.settings.public_addresses.iter().copied().partition(|a| a.is_ipv4());
        [(RecordKind::A, v4), (RecordKind::Aaaa, v6)].into_iter().filter(|(_, list)| !list.is_empty()).collect()
    }

    /// Fails if the name has records that Stoa did not create and that point elsewhere: they are the operator's, and we
    /// would replace and later remove them. A name that only matches a wildcard record is free.
    ///
    /// # Errors
    /// [`Error::Invalid`] for `subdomain`; [`Error::Unavailable`] if the name can't be resolved.
    pub async fn ensure_dns_name_free(&self, name: &Hostname) -> Result<()> {
        let ours = &self.core.settings.public_addresses;
        if !self.has_dns_zone_for(name) || ours.is_empty() {
            return Ok(());
        }
        let unknown = |error: ResolveError| Error::Unavailable {
            message: "We can't check right now whether this address is free. Please try again.".into(),
            source: error.into(),
        };
        let found = self.resolver.addresses(name).await.map_err(unknown)?.list;
        if found.iter().all(|address| ours.contains(address)) {
            return Ok(());
        }
        let random_name =
            format!("{}.{}", random::uuid_at(self.core.clock.now()).simple(), self.core.settings.base_domain);
        let by_wildcard = self.resolver.addresses(&Hostname::parse(&random_name)?).await.map_err(unknown)?.list;
        if found == by_wildcard {
            return Ok(());
        }
        Err(Invalid::new("subdomain", "This address is taken. Please choose another one.").into())
    }

    /// One reconciliation of all records. For existing sites, creates missing records, updates those with an outdated
    /// address, and removes those of a kind that this machine no longer has an address for. For deleted sites, removes
    /// the records that could not be removed earlier.
    pub async fn reconcile_dns_records(&self) -> Result<()> {
        if self.dns.is_none() || self.core.settings.public_addresses.is_empty() {
            return Ok(());
        }
        let mut rows: HashMap<SiteId, Vec<DnsRecordRow>> = HashMap::new();
        for row in dns_records::dns_records_all(&self.core.db).await? {
            if let Some(site) = row.site {
                rows.entry(site).or_default().push(row);
            }
        }
        let mut after = None;
        loop {
            let page = sites::sites_live_after(&self.core.db, after, PAGE_SIZE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for site in page.iter().filter(|site| site.state() != SiteState::Failed) {
                let its = rows.remove(&site.id).unwrap_or_default();
                if let Err(error) = self.reconcile_records_of(site, &its).await {
                    tracing::warn!(site = %site.id, error = error.for_operator(), "cannot update a site's DNS records yet");
                }
            }
        }
        for site in rows.into_keys() {
            if let Err(error) = self.withdraw_dns_records(site).await {
                tracing::warn!(%site, error = error.for_operator(), "cannot remove a deleted site's DNS records yet");
            }
        }
        Ok(())
    }

    /// Reconciles the records of an existing site; `made` are its current ones.
    async fn reconcile_records_of(&self, site: &Site, made: &[DnsRecordRow]) -> Result<()> {
        let own = site.subdomain.under(&self.core.settings.base_domain)?;
        let wanted = self.public_addresses_by_kind();
        let has = |(kind, addresses): &(RecordKind, Vec<IpAddr>)| {
            let value = record_value(addresses);
            made.iter().any(|row| row.name == own.as_str() && row.kind == kind.as_str() && row.value == value)
        };
        let published = if site.state() == SiteState::Deleting || wanted.iter().all(has) {
            Ok(())
        } else {
            self.publish_dns_records(site.id, &own).await
        };
        // After that, so that the name always resolves; and even if that failed, because an address that this machine
        // gave up may belong to someone else now.
        for row in made.iter().filter(|row| wanted.iter().all(|(kind, _)| row.kind != kind.as_str())) {
            self.withdraw_dns_record(row).await?;
        }
        published
    }
}

/// Addresses in the format of the database.
fn record_value(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn unavailable(error: stoa_provider::dns::DnsError) -> Error {
    Error::Unavailable {
        message: "The name server does not answer; we'll try again automatically.".into(),
        source: error.into(),
    }
}
