//! The kinds of jobs on sites: their plans, their steps, and what their end means for the site.

use async_trait::async_trait;
use jiff::Timestamp;
use stoa_core::{
    Error, Result,
    jobs::{JobEnd, JobSpec},
};
use stoa_db::{Tx, history, leases, sites};
use stoa_model::{
    job::{Job, JobKind, JobState},
    site::{Lifecycle, ORDER_CANCELLED},
};
use stoa_saga::Saga;

use super::{ChangeDomainPlan, CreatePlan, PowerPlan, StepContext, UpdatePlan, steps};

/// Makes a new site, in the order of PRODUCT.md A4.
pub struct CreateSite(pub StepContext);

/// Starts a stopped site.
pub struct StartSite(pub StepContext);

/// Stops a running site; visitors see a page that says so.
pub struct StopSite(pub StepContext);

/// Stops and starts a running site.
pub struct RestartSite(pub StepContext);

/// Moves a running site to another revision.
pub struct UpdateSite(pub StepContext);

/// Gives a running site another main address.
pub struct ChangeDomain(pub StepContext);

#[async_trait]
impl JobSpec for CreateSite {
    const KIND: JobKind = JobKind::Create;
    type Plan = CreatePlan;
    type Context = StepContext;

    fn saga(&self) -> Saga<CreatePlan, StepContext> {
        Saga::named("create_site")
            .step(steps::CreateDirectory)
            .step(steps::StoreSecrets)
            .step(steps::WriteManifests)
            .step(steps::StartContainers)
            .step(steps::ClaimApplication)
            .step(steps::PublishRoute::new_site())
            .step(steps::IssueCertificate)
            .step(steps::VerifySite::new_site())
            .step(steps::StoreCredentials)
            .step(steps::ScheduleBackups)
            .step(steps::Activate)
    }

    fn context(&self) -> &StepContext {
        &self.0
    }

    /// The site is being created from here on.
    async fn begin(&self, job: &Job) -> Result<()> {
        let (site, now) = (job.site, self.0.core.clock.now());
        self.0
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let (from, to) = (Lifecycle::Pending, Lifecycle::Provisioning);
                    Ok::<_, Error>(steps::move_lifecycle_from(&tx, site, from, to, now).await?)
                })
            })
            .await?;
        let _ = self.0.domains.refresh_routes(site).await;
        Ok(())
    }

    async fn record_end(&self, tx: &Tx, job: &Job, end: &JobEnd, now: Timestamp) -> Result<()> {
        if end.is_failure() {
            let state = sites::site_get(tx, job.site).await?.map(|site| site.lifecycle);
            if let Some(from) = state.filter(|s| matches!(s, Lifecycle::Pending | Lifecycle::Provisioning)) {
                let is_cancelled = end.state == JobState::Cancelled;
                let reason = if is_cancelled { Some(ORDER_CANCELLED) } else { end.error.as_deref() };
                sites::lifecycle_move(tx, job.site, from, Lifecycle::Failed, reason, now).await?;
                leases::lease_free(tx, job.site).await?;
                // One that failed keeps its name for another try; nobody waits for one that was cancelled.
                if is_cancelled {
                    sites::hostnames_free(tx, job.site).await?;
                }
            }
        }
        record_failure(tx, job, end, now).await
    }

    async fn after(&self, job: &Job) {
        self.0.domains.refresh_routes_or_lag(job.site).await;
    }
}

/// A kind of job that leaves the site as it was when it fails.
macro_rules! reversible_job {
    ($name:ident, $kind:expr, $plan:ty, $saga:literal, [$($step:expr),* $(,)?]) => {
        #[async_trait]
        impl JobSpec for $name {
            const KIND: JobKind = $kind;
            type Plan = $plan;
            type Context = StepContext;

            fn saga(&self) -> Saga<$plan, StepContext> {
                Saga::named($saga)$(.step($step))*
            }

            fn context(&self) -> &StepContext {
                &self.0
            }

            async fn record_end(&self, tx: &Tx, job: &Job, end: &JobEnd, now: Timestamp) -> Result<()> {
                record_failure(tx, job, end, now).await
            }

            async fn after(&self, job: &Job) {
                self.0.domains.refresh_routes_or_lag(job.site).await;
            }
        }
    };
}

reversible_job!(
    StartSite,
    JobKind::Start,
    PowerPlan,
    "start_site",
    [
        steps::StartContainers,
        steps::PublishRoute::known_site(),
        steps::VerifySite::known_site(),
        steps::CommitState::started(),
    ]
);

reversible_job!(
    StopSite,
    JobKind::Stop,
    PowerPlan,
    "stop_site",
    [steps::WithdrawRoute, steps::StopContainers, steps::CommitState::stopped(),]
);

reversible_job!(
    RestartSite,
    JobKind::Restart,
    PowerPlan,
    "restart_site",
    [
        steps::WithdrawRoute,
        steps::StopContainers,
        steps::StartContainersAgain,
        steps::RepublishRoute,
        steps::VerifySite::known_site(),
        steps::CommitState::restarted(),
    ]
);

reversible_job!(
    ChangeDomain,
    JobKind::ChangeDomain,
    ChangeDomainPlan,
    "change_domain",
    [steps::UpdateApplicationUrl, steps::VerifySite::known_site(), steps::CommitAddress,]
);

reversible_job!(
    UpdateSite,
    JobKind::Update,
    UpdatePlan,
    "update_site",
    [
        steps::BeginUpdate,
        steps::SnapshotBeforeUpdate,
        steps::StoreNewSecrets,
        steps::ReplaceManifests,
        steps::EnterMaintenance,
        steps::DeployRevision,
        steps::SwitchRoute,
        steps::VerifySite::changed_site(),
        steps::RetireOldRevision,
        steps::CommitUpdate,
    ]
);

async fn record_failure(tx: &Tx, job: &Job, end: &JobEnd, now: Timestamp) -> Result<()> {
    if !end.is_failure() {
        return Ok(());
    }
    if end.state == JobState::Cancelled {
        let text = format!("Cancelled and undone: {}", job.kind.title());
        return Ok(history::site_event(tx, job.site, now, "cancelled", &text).await?);
    }
    let reason = end.error.as_deref().unwrap_or("no reason is known");
    let text = format!("{} did not work: {reason}", job.kind.title());
    Ok(history::site_event(tx, job.site, now, "failed", &text).await?)
}
