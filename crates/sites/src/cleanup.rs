//! Removes what deleted sites left: asked for by a person, never by itself, and only what is known
//! to be over. What belongs to no site that the database knows is reported and left alone: the
//! database may have been restored from an older copy.

use crate::Sites;
use std::{collections::BTreeSet, fs, path::PathBuf};

use stoa_db::{jobs, sites};
use stoa_model::{
    account::Role,
    id::{CustomerId, SiteId},
    site::{Lifecycle, Site},
};
use stoa_provider::engine::Scope;
use stoa_util::error_chain;

use crate::runtime::{Drift, Repair};
use stoa_core::{RequestContext, Result};

const UNKNOWN: &str = "belongs to no site that the database knows; check it and remove it by hand";
const LEFT: &str = "was left by a site that is over";

impl Sites {
    /// Removes containers, networks, volumes and directories of sites that are deleted, or whose
    /// making failed and was given up. Says what it found.
    ///
    /// # Errors
    /// Without the role admin; if engine or database don't answer.
    pub async fn cleanup(&self, cx: &RequestContext) -> Result<Vec<Drift>> {
        cx.require(Role::Admin)?;
        let mut found = Vec::new();
        for (engine, observed) in self.list_engines().await? {
            let what = observed.project.to_string();
            let site = match observed.site {
                Some(id) => sites::site_get(&self.core.db, id).await?,
                None => None,
            };
            match site {
                None => found.push(Drift::reported(what, UNKNOWN)),
                Some(site) if self.is_over(&site).await? => {
                    let removed = engine.remove(&observed.project, Scope::Everything).await;
                    let removed = removed.map_err(|error| error_chain(&error));
                    found.push(Drift::repaired(what, LEFT, Repair::Removed, removed));
                }
                Some(_) => {}
            }
        }
        for (customer, site, directory) in self.site_directories() {
            let what = directory.display().to_string();
            match sites::site_get(&self.core.db, site).await? {
                None => found.push(Drift::reported(what, UNKNOWN)),
                Some(known) if known.customer == customer && self.is_over(&known).await? => {
                    let removed = fs::remove_dir_all(&directory).map_err(|error| error_chain(&error));
                    found.push(Drift::repaired(what, LEFT, Repair::Removed, removed));
                }
                Some(_) => {}
            }
        }
        Ok(found)
    }

    /// Whether nothing of the site should be left, and nobody works on it.
    async fn is_over(&self, site: &Site) -> Result<bool> {
        let over = matches!(site.lifecycle, Lifecycle::Deleted | Lifecycle::Failed);
        Ok(over && jobs::job_active(&self.core.db, site.id).await?.is_none())
    }

    /// The directories that are named like a site's.
    fn site_directories(&self) -> BTreeSet<(CustomerId, SiteId, PathBuf)> {
        let folders = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let named = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<uuid::Uuid>().ok());
        let mut found = BTreeSet::new();
        for customer in folders(self.core.settings.data_dir.join("sites")) {
            for site in folders(customer.clone()) {
                if let (Some(owner), Some(id)) = (named(&customer), named(&site)) {
                    found.insert((CustomerId::from_uuid(owner), SiteId::from_uuid(id), site));
                }
            }
        }
        found
    }
}
