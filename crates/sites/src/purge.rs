//! Ends the grace period of deleted sites: forward only, and a crash anywhere is gone on with at
//! the next tick, for the row is turned into a tombstone last.

use crate::Sites;
use std::{fs, io};

use stoa_db::{
    domains::resting_names::{RestingName, name_rest},
    history, jobs, sites,
};
use stoa_model::site::Site;
use stoa_provider::engine::Scope;

use stoa_core::{Error, Result};

impl Sites {
    /// Purges every site whose time has come.
    pub async fn purge_due(&self) -> Result<()> {
        for site in sites::sites_to_purge(&self.core.db, self.core.clock.now()).await? {
            if jobs::job_active(&self.core.db, site.id).await?.is_none() {
                // One that can't be purged must not keep the others.
                if let Err(error) = self.purge(&site).await {
                    tracing::error!(site = %site.id, error = error.for_operator(), "a site could not be purged; trying again");
                }
            }
        }
        Ok(())
    }

    async fn purge(&self, site: &Site) -> Result<()> {
        let engine = self.engine_of(site)?;
        engine.remove(&site.project, Scope::Everything).await.map_err(Error::internal)?;
        self.purge_directory(site)?;
        let left = engine.observe(&site.project).await.map_err(Error::internal)?;
        if !left.is_empty() {
            return Err(Error::internal(format!(
                "{} was purged, but something of {} is left on the engine",
                site.id, site.project
            )));
        }
        // A name server that is away must not keep a site's secrets and domains from going: the names'
        // reconciler goes on.
        if let Err(error) = self.domains.withdraw_dns_records(site.id).await {
            tracing::warn!(site = %site.id, error = error.for_operator(), "the DNS record of a purged site is left for now");
        }
        self.domains.remove_domains_of(site.id).await?;
        let (id, now) = (site.id, self.core.clock.now());
        let rest = self.core.settings.name_rest;
        let rest = (!rest.is_zero()).then(|| RestingName { customer: site.customer, until: now + rest });
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    if let Some(rest) = rest {
                        name_rest(&tx, &site.hostname, rest).await?;
                    }
                    history::site_event(&tx, id, now, "purged", "The site and all its data were removed").await?;
                    sites::site_tombstone(&tx, id, now).await
                })
            })
            .await?;
        tracing::info!(site = %id, project = %site.project, "purged");
        self.domains.refresh_routes_or_lag(id).await;
        Ok(())
    }

    fn purge_directory(&self, site: &Site) -> Result<()> {
        let directory = self.core.settings.site_directory(site.customer, site.id);
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::internal(format!("removing {}: {error}", directory.display())))
            }
            _ => {
                directory.parent().map(fs::remove_dir);
                Ok(())
            }
        }
    }
}
