//! Start, stop, restart, and one more try at making a site: each a job.

use crate::Sites;
use std::{collections::HashMap, sync::Arc};
use stoa_core::jobs::enqueue;
use stoa_core::permissions::writable_site;

use crate::blueprints::Loaded;
use crate::sagas::{engine_named, place, plan::Target};
use stoa_db::{Constraint, DbError, history, jobs, secrets, sites, sites::revisions::Images};
use stoa_model::{
    blueprint::Blueprint,
    host::Hostname,
    id::{JobId, SiteId},
    job::JobKind,
    placement::Placement,
    site::{Lifecycle, Site, SiteState},
};
use stoa_provider::engine::Engine;

use crate::sagas::SitePlan;
use stoa_core::{Error, RequestContext, Result, Wakeup, random};

/// How many sites are read with one query.
pub(crate) const PAGE_SIZE: u64 = 500;

/// Fails unless the site runs.
pub(crate) fn ensure_active(site: &Site) -> Result<()> {
    match site.state() {
        SiteState::Active => Ok(()),
        state => Err(Error::Conflict(format!("The site is {state}; start it first."))),
    }
}

/// Why a cancelled order can't be made again under its name.
fn name_taken(site: &Site, error: DbError) -> Error {
    match error {
        DbError::Conflict(Constraint::Hostname) => Error::Conflict(format!(
            "The address {} has been taken since this order was cancelled. Order again with another address.",
            site.hostname
        )),
        error => error.into(),
    }
}

impl Sites {
    /// Starts a stopped site.
    ///
    /// # Errors
    /// Not found, not stopped, or another job is at work on it.
    pub async fn start(&self, cx: &RequestContext, id: SiteId) -> Result<JobId> {
        self.enqueue_power(cx, id, JobKind::Start, SiteState::Stopped).await
    }

    /// Stops a running site.
    ///
    /// # Errors
    /// Not found, not running, or another job is at work on it.
    pub async fn stop(&self, cx: &RequestContext, id: SiteId) -> Result<JobId> {
        self.enqueue_power(cx, id, JobKind::Stop, SiteState::Active).await
    }

    /// Stops a running site and starts it again.
    ///
    /// # Errors
    /// Not found, not running, or another job is at work on it.
    pub async fn restart(&self, cx: &RequestContext, id: SiteId) -> Result<JobId> {
        self.enqueue_power(cx, id, JobKind::Restart, SiteState::Active).await
    }

    async fn enqueue_power(&self, cx: &RequestContext, id: SiteId, kind: JobKind, from: SiteState) -> Result<JobId> {
        let site = writable_site(&self.core.db, cx, id).await?;
        if site.state() != from {
            return Err(Error::Conflict(format!("The site is {}; this is not possible now.", site.state())));
        }
        let plan = &self.power_plan(cx, &site).await?;
        let job = plan.0.job;
        let event = &cx.audit(&format!("site.{kind}"), id, serde_json::json!({ "job": job }));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    enqueue(&tx, cx, kind, job, id, plan).await?;
                    history::audit(&tx, event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Jobs);
        Ok(job)
    }

    /// The next living sites after this one, which it moves on, and those of them that a job works on. `None`
    /// after the last.
    pub(crate) async fn next_sites(
        &self,
        after: &mut Option<SiteId>,
    ) -> Result<Option<(Vec<Site>, HashMap<SiteId, JobId>)>> {
        let sites = sites::sites_live_after(&self.core.db, *after, PAGE_SIZE).await?;
        let Some(last) = sites.last() else { return Ok(None) };
        *after = Some(last.id);
        let ids: Vec<_> = sites.iter().map(|site| site.id).collect();
        let busy = jobs::jobs_active_of(&self.core.db, &ids).await?;
        Ok(Some((sites, busy)))
    }

    /// The plan of a job on a site that exists, with what it is pinned to and the secrets that it has.
    pub(crate) async fn site_plan(&self, site: &Site, job: JobId) -> Result<SitePlan> {
        let pinned = self.pinned(site).await?;
        let images = self.pinned_images(site).await?;
        let placement = self.placement_of(site, &pinned.blueprint)?;
        let target = self.target(site, pinned, placement, site.revision, images).await?;
        let secrets = secrets::secrets_get(&self.core.db, site.id).await?;
        Ok(SitePlan::of(site, job, &self.core.settings, target, secrets))
    }

    /// What a site that exists is to be made of.
    pub(crate) async fn target(
        &self,
        site: &Site,
        pinned: Arc<Loaded>,
        placement: Placement,
        revision: u32,
        images: Images,
    ) -> Result<Target> {
        Ok(Target {
            pinned,
            smtp: self.smtp_facts(site, &placement)?,
            placement,
            revision,
            images,
            holds_data: true,
            url: self.core.settings.application_url(site),
            hostnames: self.hostnames_main_first(site).await?,
        })
    }

    /// Where a site lies; that of an earlier release follows from its lease.
    pub(crate) fn placement_of(&self, site: &Site, blueprint: &Blueprint) -> Result<Placement> {
        match &site.placement {
            Some(placement) => Ok(placement.clone()),
            None => place(&**self.engine_of(site)?, site.lease, blueprint, None).map_err(Error::internal),
        }
    }

    /// All names of a site, the main one first.
    pub(crate) async fn hostnames_main_first(&self, site: &Site) -> Result<Vec<Hostname>> {
        let mut names = self.domains.hostnames_of(site.id).await?;
        names.sort_by_key(|name| (*name != site.hostname, name.to_string()));
        Ok(names)
    }

    /// The engine that a site runs on.
    pub(crate) fn engine_of(&self, site: &Site) -> Result<&Arc<dyn Engine>> {
        engine_named(&self.engines, &site.engine).map_err(Error::internal)
    }

    /// Tries once more to make a site that failed: a new job with new choices.
    ///
    /// # Errors
    /// Not found, not failed, or no room.
    pub async fn retry(&self, cx: &RequestContext, id: SiteId) -> Result<JobId> {
        let site = &writable_site(&self.core.db, cx, id).await?;
        site.lifecycle.to(Lifecycle::Pending)?;
        let loaded = self.blueprints.get(&site.blueprint).ok_or(Error::NotFound("blueprint"))?;
        // An abandoned job leaves the world as it was; a new one must not build upon that.
        if !secrets::secrets_get(&self.core.db, id).await?.is_empty() {
            return Err(Error::Conflict(
                "The last attempt was given up and left something behind. Delete this site and order it again.".into(),
            ));
        }
        let room = &self.ensure_order_possible(loaded, site.limits.memory).await?;
        let chosen = &self.password_of_last_attempt(id, loaded).await?;
        let job = JobId::from_uuid(random::uuid_at(cx.now));
        let event = &cx.audit("site.retry", id, serde_json::json!({ "job": job }));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    if jobs::job_active(&*tx, id).await?.is_some() {
                        return Err(Error::Conflict("Another job is working on this site.".into()));
                    }
                    if site.state() == SiteState::Cancelled {
                        sites::hostname_claim(&tx, site).await.map_err(|error| name_taken(site, error))?;
                    }
                    sites::lifecycle_move(&tx, id, Lifecycle::Failed, Lifecycle::Pending, None, cx.now).await?;
                    history::site_event(&tx, id, cx.now, "retried", "Setup was tried again").await?;
                    history::audit(&tx, event).await?;
                    self.enqueue_create(&tx, cx, (site, chosen), job, loaded, room).await
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Jobs);
        Ok(job)
    }
}
