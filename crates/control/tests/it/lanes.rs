//! Who waits for whom: lanes, turns of the customers, and jobs that only wait.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use stoa_core::{RequestContext, Wakeup};
use stoa_db::jobs;
use stoa_model::{
    id::{JobId, SiteId},
    job::{Job, JobState, Lane},
};
use stoa_provider::engine::fake::{Fault, Verb};
use stoa_testkit::TestPlatform;

use crate::support;

/// How much later an order may be active because of other customers.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// How long a new customer's order takes now.
async fn order_time(platform: &TestPlatform, name: &str) -> Duration {
    let customer = platform.customer(name).await;
    let began = Instant::now();
    let ordered = platform.order(&customer, &format!("shop-of-{name}")).await;
    assert_eq!(platform.rest(ordered.job).await.state, JobState::Succeeded);
    began.elapsed()
}

/// Queues a restart of the site that nobody waits for.
async fn queue_upkeep(platform: &TestPlatform, jane: &RequestContext, site: SiteId) {
    let id = platform.control.sites.restart(&platform.now(jane), site).await.expect("queued");
    let job = platform.job(id).await;
    platform.control.jobs.cancel(&platform.now(jane), id).await.expect("cancelled");
    let upkeep = &Job { id: JobId::from_uuid(uuid::Uuid::now_v7()), lane: Lane::Maintenance, ..job };
    let plan = &platform.plan(id).await;
    let queued = platform.db.write(|tx| Box::pin(async move { jobs::job_insert(&tx, upkeep, plan).await }));
    queued.await.expect("queued");
}

/// The number of running jobs.
async fn running(platform: &TestPlatform) -> u64 {
    let counts = jobs::job_counts(&platform.db).await.expect("counts");
    counts.iter().find(|(state, _)| *state == JobState::Running).map_or(0, |(_, n)| *n)
}

#[tokio::test]
async fn sites_that_never_answer_delay_nobody_else() {
    let platform = TestPlatform::new().await;
    let workers = platform.run();
    let alone = order_time(&platform, "first").await;
    platform.probe.hang("hanging-");
    for name in ["jane", "john", "joan"] {
        let customer = platform.customer(name).await;
        for n in 0..4 {
            platform.order(&customer, &format!("hanging-{name}-{n}")).await;
        }
    }
    let beside = order_time(&platform, "fourth").await;
    assert!(beside < alone + MAX_DELAY, "alone {alone:?}, beside twelve that don't answer {beside:?}");
    platform.probe.well();
    platform.idle().await;
    workers.stop().await;
    let counts = jobs::job_counts(&platform.db).await.expect("counts");
    assert_eq!(counts, [(JobState::Succeeded, 14)], "those who waited went on");
}

#[tokio::test]
async fn a_slow_lane_delays_no_order() {
    let platform = TestPlatform::new().await;
    if platform.is_split() {
        return eprintln!("SKIPPED: each worker has slots of its own");
    }
    let jane = platform.customer("jane").await;
    let mut sites = Vec::new();
    for n in 0..20 {
        sites.push(platform.shop(&jane, &format!("shop-{n}")).await.site);
    }
    platform.engine.fail(Verb::Stop, 1, Fault::Stall);
    for site in sites {
        queue_upkeep(&platform, &jane, site).await;
    }
    let workers = platform.run();
    platform.until("one of them at work", async || platform.engine.count(Verb::Stop) == 1).await;
    let beside = order_time(&platform, "john").await;
    assert!(beside < MAX_DELAY, "{beside:?}");
    assert_eq!(running(&platform).await, 1, "the lane's second slot is kept for another customer");
    platform.engine.release();
    platform.idle().await;
    workers.stop().await;
}

#[tokio::test]
async fn a_cancelled_job_that_waits_ends_without_a_worker() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let before = platform.world().await;
    let ordered = platform.order(&jane, "bakery").await;
    platform.control.jobs.cancel(&platform.now(&jane), ordered.job).await.expect("cancelled");
    let job = platform.job(ordered.job).await;
    assert_eq!((job.state, job.error.as_deref()), (JobState::Cancelled, Some("The job was cancelled.")));
    assert_eq!(platform.world().await.without(&["site"]), before, "its addresses are free again");
    assert_eq!(support::site(&platform, ordered.site).await.reason.as_deref(), Some("The order was cancelled."));
    platform.run_until_idle().await;
    assert_eq!(platform.job(ordered.job).await, job, "and nobody takes it up");
    let again = platform.control.jobs.cancel(&platform.now(&jane), ordered.job).await;
    assert!(again.expect_err("too late").to_string().contains("nothing to cancel"));
}

#[tokio::test]
async fn a_clock_that_leaps_starts_no_second_run() {
    let platform = TestPlatform::new().await;
    if platform.is_split() {
        return eprintln!("SKIPPED: a second worker takes the job over then (docs/operate.md)");
    }
    let jane = platform.customer("jane").await;
    platform.engine.fail(Verb::Exec, 1, Fault::Stall);
    let workers = platform.run();
    let ordered = platform.order(&jane, "bakery").await;
    platform.until("the application's setup", async || platform.engine.count(Verb::Exec) == 1).await;
    // Its lease seems to have ended a day ago.
    platform.clock.advance(SignedDuration::from_hours(25));
    platform.control.core.bus.wake(Wakeup::Jobs);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(platform.engine.count(Verb::Exec), 1, "it was not claimed again");
    platform.engine.release();
    assert_eq!(platform.rest(ordered.job).await.state, JobState::Succeeded);
    workers.stop().await;
}
