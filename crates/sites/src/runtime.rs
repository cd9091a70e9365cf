//! Keeps what runs equal to what should run, and writes down what was observed. Sites that a job
//! works on are the job's.
//!
//! A site whose repair fails, or does not last, is repaired again after a pause of its own that grows: one broken
//! site among a thousand costs neither the others nor the engine anything.

use crate::{
    Sites,
    sagas::{check_health, publish_route},
};
use std::{collections::HashMap, sync::Arc};

use stoa_db::{history, jobs, sites};
use stoa_model::{
    account::Role,
    blueprint::ServiceSpec,
    id::{JobId, SiteId},
    site::{Health, Site, SiteState},
    stack::VolumeName,
};
use stoa_provider::engine::{Engine, EngineError, Observed, ObservedService, Readiness};
use stoa_util::error_chain;

use stoa_core::{Error, RequestContext, Result, random};

/// How the history begins to say that a site is not started because a volume is gone.
pub const DATA_MISSING: &str = "the data of this site is missing";

/// A difference between what should run and what runs.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Drift {
    /// The site's hostname, or the project where no site is known.
    pub what: String,
    /// The difference, in words.
    pub found: String,
    /// What was done about it.
    pub repair: Repair,
    /// Why it could not be repaired, for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Drift {
    /// A difference and what came of its repair; `done` if it went well.
    pub(crate) fn repaired(what: String, found: impl Into<String>, done: Repair, tried: Tried) -> Self {
        let reason = tried.err();
        let repair = if reason.is_none() { done } else { Repair::Failed };
        Self { what, found: found.into(), repair, reason }
    }

    /// A difference that a person has to look at.
    pub(crate) fn reported(what: String, found: &str) -> Self {
        Self { what, found: found.into(), repair: Repair::Reported, reason: None }
    }
}

/// What was done about a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// Its containers were started.
    Started,
    /// Its containers were stopped.
    Stopped,
    /// It was removed.
    Removed,
    /// Nothing: a person has to look.
    Reported,
    /// It was tried, without success; the next tick tries again.
    Failed,
}

/// How a repair ended; an error is in words for the operator.
pub(crate) type Tried = std::result::Result<(), String>;

pub(crate) fn away(error: EngineError) -> Error {
    Error::Unavailable { message: "The machine that runs the sites does not answer.".into(), source: error.into() }
}

impl Sites {
    /// Compares everything that should run with what runs, and repairs what can be repaired.
    ///
    /// # Errors
    /// Without the role admin; if engine or database don't answer.
    pub async fn sync(&self, cx: &RequestContext) -> Result<Vec<Drift>> {
        cx.require(Role::Admin)?;
        self.repair_backoff.clear();
        self.compare_runtime().await
    }

    /// Compares all sites, repairs what differs, and logs it.
    ///
    /// # Errors
    /// If engine or database do not answer; the next tick tries again.
    pub async fn reconcile_runtime(&self) -> Result<()> {
        let drifts = self.compare_runtime().await?;
        for drift in &drifts {
            tracing::warn!(what = drift.what, found = drift.found, repair = ?drift.repair, reason = drift.reason, "drift");
        }
        Ok(())
    }

    /// Everything on all engines.
    pub(crate) async fn list_engines(&self) -> Result<Vec<(Arc<dyn Engine>, Observed)>> {
        let mut all = Vec::new();
        for engine in self.engines.iter() {
            let observed = engine.list().await.map_err(away)?;
            all.extend(observed.into_iter().map(|observed| (engine.clone(), observed)));
        }
        Ok(all)
    }

    async fn compare_runtime(&self) -> Result<Vec<Drift>> {
        let observed = self.list_engines().await?;
        let mut seen: HashMap<_, _> = observed.iter().map(|(_, o)| (&o.project, o)).collect();
        let (mut drifts, mut after) = (Vec::new(), None);
        while let Some((sites, busy)) = self.next_sites(&mut after).await? {
            for site in &sites {
                let seen = seen.remove(&site.project);
                if !busy.contains_key(&site.id) {
                    drifts.extend(self.reconcile_site(site, seen).await?);
                }
            }
        }
        for (_, stray) in observed.iter().filter(|(_, o)| seen.contains_key(&o.project)) {
            let found = "is on the engine, but no site has it; check it and remove it by hand, or run `stoa cleanup`";
            drifts.push(Drift::reported(stray.project.to_string(), found));
        }
        Ok(drifts)
    }

    pub(crate) async fn reconcile_site(&self, site: &Site, seen: Option<&Observed>) -> Result<Option<Drift>> {
        let state = site.state();
        if !holds_data(state) && state != SiteState::Deleting {
            return Ok(None);
        }
        let running = seen.is_some_and(|o| o.services.iter().any(|s| s.state.is_running()));
        if holds_data(state)
            && let Some(volume) = self.missing_volume(site, seen).await
        {
            return self.keep_from_running(site, &volume, running).await;
        }
        let whole = self.is_complete(site, seen).await;
        let drifted = if state.should_run() { !whole || site.upstream.is_none() } else { running };
        if drifted && !self.is_unchanged(site).await? {
            return Ok(None);
        }
        let drift = match (drifted, state.should_run()) {
            (false, _) => {
                self.repair_backoff.succeeded(&site.id);
                None
            }
            (true, _) if !self.repair_backoff.is_due(&site.id, self.core.clock.now()) => None,
            (true, true) => Some(self.repair_start(site).await),
            (true, false) => Some(self.repair_stop(site).await),
        };
        if drift.is_some() {
            self.look_again(site.id);
        }
        let health = health(site, seen, whole, drift.as_ref());
        self.record_health(site, health, observed(health)).await?;
        Ok(drift)
    }

    /// A volume of the site that is not there. All were created before the site was first active, and the engine does not
    /// count one that somebody else created under the same name.
    async fn missing_volume(&self, site: &Site, seen: Option<&Observed>) -> Option<VolumeName> {
        let loaded = self.pinned(site).await.ok()?;
        let mut mounts =
            loaded.blueprint.services.iter().filter(|spec| is_on(site, spec)).flat_map(|spec| &spec.mounts);
        mounts.find(|mount| !seen.is_some_and(|o| o.volumes.contains(&mount.volume))).map(|mount| mount.volume.clone())
    }

    /// The hostname of each site that lacks a volume, and the volume.
    pub(crate) async fn sites_without_data(&self) -> Result<Vec<String>> {
        let observed = self.list_engines().await?;
        let seen: HashMap<_, _> = observed.iter().map(|(_, o)| (&o.project, o)).collect();
        let (mut found, mut after) = (Vec::new(), None);
        while let Some((sites, busy)) = self.next_sites(&mut after).await? {
            for site in sites.iter().filter(|site| !busy.contains_key(&site.id) && holds_data(site.state())) {
                if let Some(volume) = self.missing_volume(site, seen.get(&site.project).copied()).await {
                    found.push(format!("{} ({volume})", site.hostname));
                }
            }
        }
        Ok(found)
    }

    /// Stops a site whose data is gone: it would serve an empty store and take orders into it. It starts again automatically
    /// once the data is back.
    async fn keep_from_running(&self, site: &Site, volume: &VolumeName, running: bool) -> Result<Option<Drift>> {
        if !self.repair_backoff.is_due(&site.id, self.core.clock.now()) || !self.is_unchanged(site).await? {
            return Ok(None);
        }
        let found = format!("{DATA_MISSING}: the volume {volume}");
        tracing::error!(site = %site.hostname, %volume, "the data of a site is missing; it is not started until the volume is back");
        let drift = if running {
            Drift { found, ..self.repair_stop(site).await }
        } else {
            Drift::reported(site.hostname.to_string(), &found)
        };
        self.look_again(site.id);
        if site.state().should_run() {
            self.record_health(
                site,
                Health::Down,
                &format!("{}. It is not started, so that nothing is overwritten.", drift.found),
            )
            .await?;
        }
        Ok(Some(drift))
    }

    /// Looks at a site again that was just repaired, after its pause.
    fn look_again(&self, site: SiteId) {
        let pause = self.repair_backoff.failed(site, self.core.clock.now());
        let core = self.core.clone();
        tokio::spawn(async move {
            tokio::time::sleep(pause.unsigned_abs()).await;
            core.bus.mark_dirty(site);
        });
    }

    /// Whether all that the site's blueprint asks for runs; a container that is gone is none.
    async fn is_complete(&self, site: &Site, seen: Option<&Observed>) -> bool {
        let Some(seen) = seen.filter(|o| !o.services.is_empty()) else { return false };
        let Ok(loaded) = self.pinned(site).await else { return seen.all_running() };
        let is_well = |service: &ObservedService| {
            service.state.is_running() || (service.has_completed() && loaded.blueprint.runs_once(&service.service))
        };
        let mut wanted = loaded.blueprint.services.iter().filter(|spec| is_on(site, spec));
        seen.services.iter().all(is_well)
            && wanted.all(|spec| seen.services.iter().any(|service| service.service == spec.name))
    }

    /// Whether the site still is what it was when all were read: a job or a command may have come in
    /// between, and is right then.
    async fn is_unchanged(&self, site: &Site) -> Result<bool> {
        let now = sites::site_get(&self.core.db, site.id).await?;
        let same = now.is_some_and(|now| now.state() == site.state());
        Ok(same && jobs::job_active(&self.core.db, site.id).await?.is_none())
    }

    async fn repair_start(&self, site: &Site) -> Drift {
        let started = async {
            let job = JobId::from_uuid(random::uuid_at(self.core.clock.now()));
            let plan = self.site_plan(site, job).await.map_err(|error| error.for_operator())?;
            let context = self.step_context();
            let deployment = context.deployment(&plan).map_err(|error| error_chain(&error))?;
            let engine = context.engine(&plan).map_err(|error| error_chain(&error))?;
            engine.deploy(&deployment).await.map_err(|error| error_chain(&error))?;
            if site.upstream.is_some() {
                return Ok(());
            }
            let upstream = context.upstream(&plan).await.map_err(|error| error_chain(&error))?;
            check_health(&context, &plan, upstream).await?;
            publish_route(&context, &plan, Some(upstream)).await.map_err(|error| error.for_operator())
        };
        let (what, found) = (site.hostname.to_string(), "should run, but did not run whole");
        Drift::repaired(what, found, Repair::Started, started.await)
    }

    async fn repair_stop(&self, site: &Site) -> Drift {
        let stopped = match self.engine_of(site) {
            Ok(engine) => engine.stop(&site.project).await.map_err(|error| error_chain(&error)),
            Err(error) => Err(error.for_operator()),
        };
        let (what, found) = (site.hostname.to_string(), format!("is {}, but ran", site.state()));
        Drift::repaired(what, found, Repair::Stopped, stopped)
    }

    /// Writes an observation down if it tells something new. The history does not say that a health is not known yet: what
    /// made it so, such as a stop, is there already.
    async fn record_health(&self, site: &Site, health: Health, text: &str) -> Result<()> {
        if site.health == health {
            return Ok(());
        }
        let (id, now) = (site.id, self.core.clock.now());
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    // Somebody else may have observed the same.
                    if sites::site_lock(&tx, id).await?.is_none_or(|site| site.health == health) {
                        return Ok(());
                    }
                    sites::site_observe(&tx, id, health, now).await?;
                    match health {
                        Health::Unknown | Health::Starting => Ok(()),
                        Health::Healthy | Health::Unhealthy | Health::Down => {
                            history::site_event(&tx, id, now, "health", text).await
                        }
                    }
                })
            })
            .await?;
        Ok(())
    }
}

/// What the history says of an observation.
const fn observed(health: Health) -> &'static str {
    match health {
        Health::Unknown | Health::Starting => "The site is starting",
        Health::Healthy => "The site is online",
        Health::Unhealthy => "The site stopped responding",
        Health::Down => "The site went offline",
    }
}

/// Whether a site in this state was made and is kept.
fn holds_data(state: SiteState) -> bool {
    matches!(state, SiteState::Active | SiteState::Stopped | SiteState::Suspended | SiteState::Sleeping)
}

/// Whether the site has this service.
fn is_on(site: &Site, spec: &ServiceSpec) -> bool {
    spec.profiles.is_empty() || spec.profiles.iter().any(|profile| site.profiles.contains(profile))
}

/// What an observation says of a site's health. A check of the engine's that has not ended yet says nothing about a site
/// that a check of ours has found healthy.
fn health(site: &Site, seen: Option<&Observed>, whole: bool, drift: Option<&Drift>) -> Health {
    if !site.state().should_run() {
        return Health::Unknown;
    }
    let has = |readiness| seen.is_some_and(|o| o.services.iter().any(|s| s.readiness == Some(readiness)));
    match (whole, drift.map(|d| d.repair)) {
        (false, Some(Repair::Started)) => Health::Starting,
        (false, _) => Health::Down,
        // What ran whole lacked its route, which opens after a check of ours.
        (true, Some(Repair::Started)) => Health::Healthy,
        (true, _) if has(Readiness::Failing) => Health::Unhealthy,
        (true, _) if has(Readiness::Starting) && site.health != Health::Healthy => Health::Starting,
        (true, _) => Health::Healthy,
    }
}
