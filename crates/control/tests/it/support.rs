//! What several tests need.

use stoa_core::{Error, keys::MasterKey};

use stoa_core::jobs::JobRegistry;
use stoa_db::{jobs, sites};
use stoa_model::{
    id::{JobId, SiteId},
    job::JobState,
    site::{Lifecycle, Site},
};
use stoa_saga::{Epoch, Outcome, RunSignals, memory::MemoryLog};
use stoa_sites::sagas::SitePlan;
use stoa_testkit::TestPlatform;

/// What the plan of a job says of its site.
pub async fn plan(platform: &TestPlatform, job: JobId) -> SitePlan {
    serde_json::from_value(platform.plan(job).await).expect("a plan")
}

/// What a plan deploys.
pub fn deployment(platform: &TestPlatform, plan: &SitePlan) -> stoa_provider::engine::Deployment {
    platform.control.sites.step_context().deployment(plan).expect("a deployment")
}

/// The platform's key.
pub fn key(platform: &TestPlatform) -> MasterKey {
    MasterKey::load(&platform.data_dir().join("master.key")).expect("the master key")
}

pub async fn site(platform: &TestPlatform, id: SiteId) -> Site {
    sites::site_get(&platform.db, id).await.expect("the database answers").expect("a site")
}

/// What a worker does before the saga of a new site.
pub async fn begin(platform: &TestPlatform, id: SiteId) {
    let now = platform.clock.now();
    let moved = platform.db.write(|tx| {
        Box::pin(
            async move { sites::lifecycle_move(&tx, id, Lifecycle::Pending, Lifecycle::Provisioning, None, now).await },
        )
    });
    moved.await.expect("moved");
}

/// Carries a job out to its good end without a worker.
pub async fn carry_out(platform: &TestPlatform, id: JobId) {
    let job = platform.job(id).await;
    let log = std::sync::Arc::new(MemoryLog::new());
    let lease = log.lease();
    let registry = platform.control.sites.register_jobs(JobRegistry::default());
    let handler = registry.handler(job.kind).expect("a registered kind");
    let outcome = handler.execute(platform.plan(id).await, log, lease, RunSignals::default()).await;
    assert_eq!(outcome, Outcome::Succeeded);
    let (now, minute) = (platform.clock.now(), std::time::Duration::from_secs(60));
    let claim = jobs::Claim { owner: "test", lane: job.lane, last_slot: false, now, lease: minute };
    let claimed = jobs::job_claim(&platform.db, &claim).await.expect("the database answers");
    let epoch: Epoch = claimed.filter(|(job, _)| job.id == id).expect("only this job waits").1;
    let ended = platform.db.write(|tx| {
        Box::pin(async move { jobs::job_finish(&tx, id, epoch, JobState::Succeeded, None, None, now).await })
    });
    ended.await.expect("ended");
}

/// The names of the bad fields.
pub fn fields(error: &Error) -> Vec<&'static str> {
    match error {
        Error::Invalid(bad) => bad.iter().map(|bad| bad.field).collect(),
        other => panic!("no bad fields, but {other:?}"),
    }
}
