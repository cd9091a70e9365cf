//! Pinned blueprints: a site keeps the exact blueprint and images that it was made with. What an
//! operator changes in the blueprints' folder is for new sites, and for sites that are updated.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use stoa_core::{Error, Result};
use stoa_db::{
    DbError, Page, jobs,
    sites::{
        self,
        revisions::{
            BlueprintVersion, Images, SiteRevision, blueprint_version_get, blueprint_version_put, site_revision_get,
            site_revision_put,
        },
    },
};
use stoa_model::{
    job::{Job, JobKind, JobState},
    site::Site,
};
use stoa_provider::engine::Revision;

use crate::{Sites, blueprints::Loaded, sagas::SitePlan};

/// Parsed blueprint versions, by their hash. They never change, so they are never dropped: an
/// installation has tens of them.
#[derive(Default)]
pub(crate) struct BlueprintCache(Mutex<HashMap<String, Arc<Loaded>>>);

/// How many sites are adopted with one query.
const ADOPTION_PAGE: u64 = 100;

impl Sites {
    /// The blueprint that a site was made with.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is not known any more.
    pub(crate) async fn pinned(&self, site: &Site) -> Result<Arc<Loaded>> {
        match &site.blueprint_version {
            Some(version) => self.blueprint_version(version).await,
            None => self.blueprint_before_pinning(site).await,
        }
    }

    /// A blueprint by the hash of its content.
    pub(crate) async fn blueprint_version(&self, version: &str) -> Result<Arc<Loaded>> {
        let cache = || self.blueprint_cache.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache().get(version) {
            return Ok(known.clone());
        }
        let loaded = match self.blueprints.iter().find(|loaded| loaded.version == version) {
            Some(loaded) => loaded.clone(),
            None => {
                let stored = blueprint_version_get(&self.core.db, version).await?;
                let missing = || Error::internal(format!("the blueprint version {version} is not in the database"));
                Arc::new(Loaded::parse(stored.ok_or_else(missing)?.source).map_err(Error::internal)?)
            }
        };
        cache().insert(version.to_owned(), loaded.clone());
        Ok(loaded)
    }

    /// The images that a site's revision is pinned to; none for what an earlier release made.
    pub(crate) async fn pinned_images(&self, site: &Site) -> Result<Images> {
        let revision = site_revision_get(&self.core.db, site.id, site.revision).await?;
        Ok(revision.map(|revision| revision.images).unwrap_or_default())
    }

    /// What an earlier release made a site from: the text in the plan of the job that made it, else the
    /// folder's.
    async fn blueprint_before_pinning(&self, site: &Site) -> Result<Arc<Loaded>> {
        if let Some(plan) = self.last_plan(site, 100, |kind| kind == JobKind::Create).await? {
            return Ok(Arc::new(Loaded::parse(plan.blueprint).map_err(Error::internal)?));
        }
        self.blueprints.get(&site.blueprint).cloned().ok_or_else(|| {
            Error::internal(format!(
                "the blueprint {} of {} is not installed: restore its folder",
                site.blueprint, site.id
            ))
        })
    }

    /// The plan of the site's last job of such a kind that succeeded, if it is among its `newest` jobs and this
    /// release can read it.
    pub(crate) async fn last_plan(
        &self,
        site: &Site,
        newest: u64,
        is_wanted: impl Fn(JobKind) -> bool,
    ) -> Result<Option<SitePlan>> {
        let jobs = jobs::jobs_of(&self.core.db, site.id, Page::first(newest)).await?;
        let succeeded = |job: &&Job| is_wanted(job.kind) && job.state == JobState::Succeeded;
        let Some(job) = jobs.iter().find(succeeded) else { return Ok(None) };
        let plan = jobs::job_plan(&self.core.db, job.id).await?;
        Ok(plan.and_then(|plan| serde_json::from_value(plan).ok()))
    }

    /// Pins the sites of earlier releases to the blueprint that they were made with and to the images
    /// that they run, so that nothing that changes later reaches them. A site that fails is tried again.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn adopt_sites(&self) -> Result<()> {
        let mut after = None;
        loop {
            let page = sites::sites_unpinned_after(&self.core.db, after, ADOPTION_PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            for site in &page {
                match self.adopt(site).await {
                    Ok(()) => {
                        tracing::info!(site = %site.id, blueprint = site.blueprint, "a site of an earlier release was pinned")
                    }
                    Err(error) => {
                        tracing::warn!(site = %site.id, error = error.for_operator(), "a site could not be pinned yet");
                    }
                }
            }
        }
    }

    async fn adopt(&self, site: &Site) -> Result<()> {
        let loaded = self.blueprint_before_pinning(site).await?;
        let observed = self.engine_of(site)?.observe(&site.project).await.map_err(crate::runtime::away)?;
        let running = observed.services.into_iter().filter(|seen| seen.revision == Revision(0));
        let images = running.filter_map(|seen| Some((seen.service, seen.image?))).collect();
        let placement = &self.placement_of(site, &loaded.blueprint)?;
        let now = self.core.clock.now();
        let version = &loaded.stored(now);
        let revision = &SiteRevision {
            site: site.id,
            revision: site.revision,
            blueprint_version: loaded.version.clone(),
            images,
            job: None,
            created_at: now,
        };
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    blueprint_version_put(&tx, version).await?;
                    site_revision_put(&tx, revision).await?;
                    sites::site_deployed(&tx, site.id, site.revision, &version.version, placement).await?;
                    Ok::<_, DbError>(())
                })
            })
            .await?;
        Ok(())
    }
}

impl Loaded {
    /// As it is kept in the database.
    pub(crate) fn stored(&self, now: jiff::Timestamp) -> BlueprintVersion {
        BlueprintVersion {
            version: self.version.clone(),
            name: self.blueprint.name.clone(),
            source: self.source.clone(),
            created_at: now,
        }
    }
}
