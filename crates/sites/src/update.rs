//! Updating: a site moves to another revision — another version of its blueprint, other images, or the
//! same with a changed environment — and back if that does not work.

use std::{collections::BTreeSet, sync::Arc};

use stoa_core::{Error, RequestContext, Result, Wakeup, jobs::enqueue, permissions::writable_site, random};
use stoa_db::{
    history, sites,
    sites::revisions::{Images, site_revisions},
};
use stoa_model::{
    account::Role,
    blueprint::{Fact, Origin},
    field::Invalid,
    id::{JobId, SiteId},
    image::ImageId,
    job::JobKind,
    site::{Site, SiteState},
    stack::ServiceName,
};

use crate::{
    Sites,
    blueprints::Loaded,
    command::UpdateSite,
    power::{PAGE_SIZE, ensure_active},
    sagas::{
        SitePlan, UpdatePlan, place,
        plan::{facts, fresh_secrets},
    },
    view::OutdatedSite,
};

/// The fewest characters that name a blueprint version.
const MIN_VERSION_CHARS: usize = 8;

impl Sites {
    /// Updates a running site to another version of its blueprint, with the images that there are now.
    ///
    /// # Errors
    /// Not found; not running; an unknown version; up to date already; missing images; a job works on it.
    pub async fn update(&self, cx: &RequestContext, id: SiteId, command: UpdateSite) -> Result<JobId> {
        let site = writable_site(&self.core.db, cx, id).await?;
        ensure_active(&site)?;
        let loaded = self.version_to_update_to(&site, command.to.as_deref()).await?;
        let images = self.current_images(&loaded).await.map_err(crate::runtime::away)?;
        let missing = self.missing_images(&loaded).await.map_err(crate::runtime::away)?;
        if !missing.is_empty() {
            let text = format!("The site can't be updated: the image {} is not installed.", missing.join(", "));
            return Err(Error::Capacity(text));
        }
        if site.blueprint_version.as_ref() == Some(&loaded.version) && self.pinned_images(&site).await? == images {
            return Err(Error::Conflict("The site is up to date.".into()));
        }
        self.enqueue_update(cx, &site, loaded, images).await
    }

    /// Queues the job that makes a site of this version and these images.
    pub(crate) async fn enqueue_update(
        &self,
        cx: &RequestContext,
        site: &Site,
        loaded: Arc<Loaded>,
        images: Images,
    ) -> Result<JobId> {
        let job = JobId::from_uuid(random::uuid_at(cx.now));
        let plan = &self.update_plan(site, job, loaded, images).await?;
        let detail = serde_json::json!({ "job": job, "version": plan.to.blueprint_version });
        let event = &cx.audit("site.update", site.id, detail);
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    enqueue(&tx, cx, JobKind::Update, job, site.id, plan).await?;
                    Ok::<_, Error>(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Jobs);
        Ok(job)
    }

    async fn update_plan(&self, site: &Site, job: JobId, loaded: Arc<Loaded>, images: Images) -> Result<UpdatePlan> {
        let from = self.site_plan(site, job).await?;
        let new_secrets = fresh_secrets(site.id, &loaded.blueprint, &from.secrets, &self.core.key);
        let revisions = site_revisions(&self.core.db, site.id).await?;
        let revision = revisions.first().map_or(site.revision, |newest| newest.revision.max(site.revision)) + 1;
        let placement = place(&**self.engine_of(site)?, site.lease, &loaded.blueprint, from.placement.as_ref())
            .map_err(Error::internal)?;
        let target = self.target(site, loaded, placement, revision, images).await?;
        let all = from.secrets.clone().into_iter().chain(new_secrets.clone()).collect();
        let to = SitePlan::of(site, job, &self.core.settings, target, all);
        Ok(UpdatePlan { to, from, new_secrets })
    }

    async fn version_to_update_to(&self, site: &Site, wanted: Option<&str>) -> Result<Arc<Loaded>> {
        let unknown = |text: String| Invalid::new("to", text);
        let current = self.blueprints.get(&site.blueprint);
        let Some(wanted) = wanted.map(str::trim).filter(|wanted| !wanted.is_empty()) else {
            let missing = || unknown(format!("The blueprint {} is not in the blueprints' folder.", site.blueprint));
            return Ok(current.ok_or_else(missing)?.clone());
        };
        if wanted.len() < MIN_VERSION_CHARS {
            return Err(unknown(format!("Give at least {MIN_VERSION_CHARS} characters of the version.")).into());
        }
        if let Some(current) = current.filter(|loaded| loaded.version.starts_with(wanted)) {
            return Ok(current.clone());
        }
        for revision in site_revisions(&self.core.db, site.id).await? {
            if revision.blueprint_version.starts_with(wanted) {
                return self.blueprint_version(&revision.blueprint_version).await;
            }
        }
        Err(unknown(format!("{wanted} is neither the current version of the blueprint nor one that the site had."))
            .into())
    }

    /// Brings the names of sites to applications that have them in their environment: after a domain was
    /// verified or removed, the services that name it are replaced by an update to the same version. So are those of a site
    /// that got the limits of another plan.
    ///
    /// # Errors
    /// If the database does not answer; a site that fails is tried again.
    pub async fn reconcile_environments(&self) -> Result<()> {
        let mut after = None;
        while let Some((page, busy)) = self.next_sites(&mut after).await? {
            let is_idle = |site: &&Site| site.state() == SiteState::Active && !busy.contains_key(&site.id);
            for site in page.iter().filter(is_idle) {
                if let Err(error) = self.reconcile_environment(site).await {
                    tracing::warn!(site = %site.id, error = error.for_operator(), "a site's environment could not be changed yet");
                }
            }
        }
        Ok(())
    }

    async fn reconcile_environment(&self, site: &Site) -> Result<()> {
        let pinned = self.pinned(site).await?;
        let variables = pinned.blueprint.variables();
        let deployed = self.last_plan(site, 20, |kind| kind != JobKind::Stop).await?;
        let Some(deployed) = deployed else { return Ok(()) };
        let has_limits = deployed.main_limits == site.limits && deployed.profiles == site.profiles;
        if has_limits && !variables.values().any(|variable| is_environment(&variable.origin)) {
            return Ok(());
        }
        let hostnames = self.domains.hostnames_of(site.id).await?;
        let smtp = self.smtp_facts(site, &self.placement_of(site, &pinned.blueprint)?)?;
        let mut current = facts(site, &pinned.blueprint, &deployed.url, &hostnames, &smtp);
        current.retain(|name, _| variables.get(name).is_some_and(|variable| is_environment(&variable.origin)));
        let is_known = |(variable, value): (&String, &String)| {
            // Hostnames are compared without their order: it says which one is the main one, and another job changes that.
            let known = deployed.facts.get(variable).map(String::as_str).unwrap_or_default();
            known.split(',').collect::<BTreeSet<_>>() == value.split(',').collect()
        };
        if has_limits && current.iter().all(is_known) {
            self.environment_backoff.forget(|(of, _)| *of == site.id);
            return Ok(());
        }
        let mut values: Vec<_> = current.into_values().collect();
        values.push(format!("{:?} {:?}", site.limits, site.profiles));
        let (now, target) = (self.core.clock.now(), (site.id, values.join(" ")));
        if !self.environment_backoff.is_due(&target, now) {
            return Ok(());
        }
        // Until it is seen to have worked: an update that fails leaves the difference.
        self.environment_backoff.failed(target, now);
        let images = self.pinned_images(site).await?;
        let cx = self.core.system_context("environments");
        self.enqueue_update(&cx, site, pinned, images).await.map(drop)
    }

    /// The sites that an update would change; for staff.
    ///
    /// # Errors
    /// Without the role support.
    pub async fn list_outdated(&self, cx: &RequestContext) -> Result<Vec<OutdatedSite>> {
        cx.require(Role::Support)?;
        let (mut outdated, mut after) = (Vec::new(), None);
        loop {
            let page = sites::sites_live_after(&self.core.db, after, PAGE_SIZE).await?;
            let Some(last) = page.last() else { return Ok(outdated) };
            after = Some(last.id);
            for site in &page {
                outdated.extend(self.outdated(site).await?);
            }
        }
    }

    async fn outdated(&self, site: &Site) -> Result<Option<OutdatedSite>> {
        let Some(current) = self.blueprints.get(&site.blueprint) else { return Ok(None) };
        let images = self.current_images(current).await.map_err(crate::runtime::away)?;
        let pinned = self.pinned_images(site).await?;
        let is_moved = |(service, id): &(&ServiceName, &ImageId)| pinned.get(*service).is_some_and(|old| old != *id);
        let moved: Vec<_> = images.iter().filter(is_moved).collect();
        let is_old = site.blueprint_version.as_ref().is_some_and(|version| *version != current.version);
        Ok((is_old || !moved.is_empty()).then(|| OutdatedSite {
            id: site.id,
            hostname: site.hostname.to_string(),
            blueprint: site.blueprint.clone(),
            version: site.blueprint_version.clone(),
            current_version: current.version.clone(),
            changed_images: moved.into_iter().map(|(service, _)| service.to_string()).collect(),
        }))
    }
}

/// Whether the fact changes while a site lives and only its containers' environment can tell it.
const fn is_environment(origin: &Origin) -> bool {
    use Fact::{SiteHostnames, SiteMaxBody, SiteResponseSeconds, SmtpFrom, SmtpHost, SmtpPort};
    matches!(origin, Origin::Fact(SiteHostnames | SiteMaxBody | SiteResponseSeconds | SmtpHost | SmtpPort | SmtpFrom))
}
