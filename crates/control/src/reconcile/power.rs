//! Keeps what runs equal to what should run, and writes down what was observed. Sites that a job
//! works on are the job's.

use stoa_db::{history, jobs, sites};
use stoa_model::{
    account::Role,
    id::JobId,
    site::{Health, Site, SiteState},
};
use stoa_provider::engine::{EngineError, Observed};

use crate::{Control, Cx, Error, Result, random};

/// A difference between what should run and what runs.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Drift {
    /// The site's hostname, or the project where no site is known.
    pub what: String,
    /// The difference, in words.
    pub found: String,
    /// What was done about it.
    pub repair: Repair,
}

/// What was done about a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// Its containers were started.
    Started,
    /// Its containers were stopped.
    Stopped,
    /// Nothing: a person has to look.
    Reported,
    /// It was tried, without success; the next tick tries again.
    Failed,
}

impl Control {
    /// Compares everything that should run with what runs, and repairs what can be repaired.
    ///
    /// # Errors
    /// Without the role admin; if engine or database don't answer.
    pub async fn sync(&self, cx: &Cx) -> Result<Vec<Drift>> {
        cx.require(Role::Admin)?;
        self.power_compare().await
    }

    pub(crate) async fn power_keep(&self) -> Result<()> {
        for drift in self.power_compare().await? {
            tracing::warn!(what = drift.what, found = drift.found, repair = ?drift.repair, "drift");
        }
        Ok(())
    }

    async fn power_compare(&self) -> Result<Vec<Drift>> {
        let away = |error: EngineError| Error::Unavailable {
            message: "The machine that runs the sites does not answer.".into(),
            source: error.into(),
        };
        let observed = self.engine.list().await.map_err(away)?;
        let sites = sites::sites_all_live(&self.db).await?;
        let mut drifts = Vec::new();
        for site in &sites {
            let seen = observed.iter().find(|o| o.project == site.project);
            drifts.extend(self.power_of_site(site, seen).await?);
        }
        for stray in observed.iter().filter(|o| !sites.iter().any(|site| site.project == o.project)) {
            let found = "is on the engine, but no site has it; look at it and remove it by hand, or run `stoa cleanup`";
            drifts.push(Drift { what: stray.project.to_string(), found: found.into(), repair: Repair::Reported });
        }
        Ok(drifts)
    }

    async fn power_of_site(&self, site: &Site, seen: Option<&Observed>) -> Result<Option<Drift>> {
        let settled = matches!(
            site.state,
            SiteState::Active | SiteState::Stopped | SiteState::Suspended | SiteState::Sleeping | SiteState::Deleting
        );
        if !settled || jobs::job_active(&self.db, site.id).await?.is_some() {
            return Ok(None);
        }
        let running =
            seen.is_some_and(|o| o.services.iter().any(|s| s.state == stoa_provider::engine::RunState::Running));
        let whole = seen.is_some_and(Observed::all_running);
        let drift = match (site.state.should_run(), whole, running) {
            (true, false, _) => Some(self.power_start(site).await),
            (false, _, true) => Some(self.power_stop(site).await),
            _ => None,
        };
        self.observe(site, health(site, seen, drift.as_ref())).await?;
        Ok(drift)
    }

    async fn power_start(&self, site: &Site) -> Drift {
        let started = async {
            let plan = self.plan_again(site, JobId::from_uuid(random::uuid_at(self.clock.now()))).await?;
            let stack = plan.stack(&self.key).map_err(Error::internal)?;
            self.engine.apply(&stack, plan.job).await.map_err(Error::internal)
        };
        let repair = match started.await {
            Ok(()) => Repair::Started,
            Err(error) => {
                tracing::error!(site = %site.id, error = super::error_chain(&error), "a site that should run could not be started");
                Repair::Failed
            }
        };
        Drift { what: site.hostname.to_string(), found: "should run, but did not run whole".into(), repair }
    }

    async fn power_stop(&self, site: &Site) -> Drift {
        let stopped = self.engine.stop(&site.project).await;
        let repair = if stopped.is_ok() { Repair::Stopped } else { Repair::Failed };
        Drift { what: site.hostname.to_string(), found: format!("is {}, but ran", site.state), repair }
    }

    /// Writes an observation down if it tells something new.
    async fn observe(&self, site: &Site, health: Health) -> Result<()> {
        if site.health == health {
            return Ok(());
        }
        let (id, now) = (site.id, self.clock.now());
        let text = &format!("Health is now: {health}");
        self.db
            .write(|tx| {
                Box::pin(async move {
                    sites::site_observe(&tx, id, health, now).await?;
                    history::site_event(&tx, id, now, "health", text).await
                })
            })
            .await?;
        Ok(())
    }
}

fn health(site: &Site, seen: Option<&Observed>, drift: Option<&Drift>) -> Health {
    if !site.state.should_run() {
        return Health::Unknown;
    }
    let sick = seen.is_some_and(|o| o.services.iter().any(|s| s.healthy == Some(false)));
    match (seen.is_some_and(Observed::all_running), drift.map(|d| d.repair)) {
        (false, Some(Repair::Started)) => Health::Unknown,
        (false, _) => Health::Down,
        (true, _) if sick => Health::Unhealthy,
        (true, _) => Health::Healthy,
    }
}
