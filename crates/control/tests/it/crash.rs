//! Processes that die, fall silent, stop, or work side by side.

use std::time::Duration;

use jiff::SignedDuration;
use stoa_core::jobs::JobSpec;
use stoa_db::job_log;
use stoa_model::{id::JobId, job::JobState};
use stoa_provider::engine::fake::{Fault, Verb};
use stoa_saga::{Event, Outcome, RunSignals, execute, memory::MemoryLog};
use stoa_sites::sagas::{CreatePlan, CreateSite};
use stoa_testkit::TestPlatform;

use crate::support;

/// Long enough that no heart beats twice in a test: only the first beat, at once, counts.
const LEASE: Duration = Duration::from_secs(600);

async fn one_at_a_time() -> TestPlatform {
    let change = |s: &mut stoa_core::Settings| (s.lease, s.lanes.interactive) = (LEASE, 1);
    TestPlatform::builder().settings(change).build().await
}

fn lease_over(platform: &TestPlatform) {
    platform.clock.advance(SignedDuration::from_secs(601));
}

async fn events(platform: &TestPlatform, job: JobId) -> Vec<Event> {
    let entries = job_log::job_entries(&platform.db, job).await.expect("a log");
    entries.into_iter().map(|entry| entry.event).collect()
}

#[tokio::test]
async fn after_a_kill_the_next_process_ends_the_job_once_the_lease_is_over() {
    for verb in [Verb::Deploy, Verb::Exec] {
        let platform = one_at_a_time().await;
        let jane = platform.customer("jane").await;
        platform.engine.fail(verb, 1, Fault::Stall);
        let first = platform.process().await;
        let ordered = platform.order(&jane, "bakery").await;
        platform.until("the engine being asked", async || platform.engine.count(verb) == 1).await;
        first.kill();
        let now = platform.clock.now();
        assert!(!stoa_db::jobs::job_is_available(&platform.db, now).await.expect("an answer"), "its lease holds");
        lease_over(&platform);
        platform.run_until_idle().await;
        assert_eq!(platform.job(ordered.job).await.state, JobState::Succeeded);
        let world = platform.world().await;
        let kinds = ["network", "volume", "container", "lease", "file", "route", "secret", "credential"];
        assert_eq!(kinds.map(|kind| world.count(kind)), [1, 2, 2, 1, 2, 1, 5, 1], "{world}");
        assert_eq!(platform.outbox().len(), 1);
    }
}

#[tokio::test]
async fn two_processes_never_run_the_same_job() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let other = platform.process().await;
    let own = platform.run();
    let mut orders = Vec::new();
    for n in 0..12 {
        orders.push(platform.order(&jane, &format!("shop-{n}")).await);
    }
    platform.idle().await;
    own.stop().await;
    drop(other);
    for ordered in orders {
        assert_eq!(platform.job(ordered.job).await.state, JobState::Succeeded);
        let begun = |event: &&Event| matches!(event, Event::Started { .. });
        assert_eq!(events(&platform, ordered.job).await.iter().filter(begun).count(), 11, "each step once");
        let applied = platform.engine.calls().into_iter().filter(|c| c.verb == Verb::Deploy);
        assert_eq!(applied.filter(|c| c.operation == Some(ordered.job)).count(), 1);
    }
    assert_eq!(platform.outbox().len(), 12);
}

#[tokio::test]
async fn who_has_lost_the_lease_writes_nothing_more() {
    let platform = one_at_a_time().await;
    let jane = platform.customer("jane").await;
    platform.engine.fail(Verb::Deploy, 1, Fault::Stall);
    let slow = platform.process().await;
    let ordered = platform.order(&jane, "bakery").await;
    platform.until("the slow one's call", async || platform.engine.count(Verb::Deploy) == 1).await;
    lease_over(&platform);
    platform.run_until_idle().await;
    assert_eq!(platform.job(ordered.job).await.state, JobState::Succeeded);
    let (log, world) = (events(&platform, ordered.job).await, platform.world().await);

    // The slow one has one place: it takes another job only after it has let go of this one.
    platform.engine.release();
    let next = platform.order(&jane, "florist").await;
    assert_eq!(platform.rest(next.job).await.state, JobState::Succeeded);
    assert_eq!(events(&platform, ordered.job).await, log);
    assert_eq!(world.minus(&platform.world().await).without(&["notice", "mail"]), stoa_testkit::World::default());
    assert_eq!(platform.job(ordered.job).await.state, JobState::Succeeded);
    drop(slow);
}

#[tokio::test]
async fn a_process_that_stops_leaves_its_job_to_the_next_at_once() {
    let platform = one_at_a_time().await;
    let jane = platform.customer("jane").await;
    platform.engine.fail(Verb::Deploy, 1, Fault::Stall);
    let first = platform.run();
    let ordered = platform.order(&jane, "bakery").await;
    platform.until("the engine being asked", async || platform.engine.count(Verb::Deploy) == 1).await;
    first.stop().await;
    assert_eq!(platform.job(ordered.job).await.state, JobState::Running);
    platform.run_until_idle().await;
    assert_eq!(platform.job(ordered.job).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn a_job_waits_for_an_engine_that_is_away() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let ordered = platform.order(&jane, "bakery").await;
    platform.engine.go_down();
    let workers = platform.run();
    platform.until("two tries", async || platform.engine.count(Verb::Deploy) >= 2).await;
    assert_eq!(platform.job(ordered.job).await.state, JobState::Running);
    platform.engine.come_up();
    assert_eq!(platform.rest(ordered.job).await.state, JobState::Succeeded);
    workers.stop().await;
    let notes = platform.control.jobs.get(&jane, ordered.job).await.expect("a job").log;
    assert!(notes.iter().any(|note| note.line.contains("does not answer")), "{notes:?}");
}

#[tokio::test]
async fn a_second_cancel_says_that_the_first_is_under_way() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    platform.engine.fail(Verb::Exec, 1, Fault::Stall);
    let workers = platform.run();
    let ordered = platform.order(&jane, "bakery").await;
    platform.until("the application's setup", async || platform.engine.count(Verb::Exec) == 1).await;
    workers.stop().await;
    let cancel = async || platform.control.jobs.cancel(&platform.now(&jane), ordered.job).await;
    cancel().await.expect("cancelled");
    let again = cancel().await.expect_err("twice").to_string();
    assert!(again.contains("already being cancelled"), "{again}");
    platform.run_until_idle().await;
    let job = platform.control.jobs.get(&jane, ordered.job).await.expect("a job");
    assert_eq!(job.state, JobState::Cancelled);
    let undone: Vec<_> = job.steps.iter().filter(|step| step.state == "undone").collect();
    assert!(undone.len() > 2 && undone.iter().all(|step| step.duration_ms.is_none()), "{undone:?}");
}

#[tokio::test]
async fn a_cancelled_job_leaves_nothing() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let before = platform.world().await;
    platform.engine.fail(Verb::Exec, 1, Fault::Stall);
    let workers = platform.run();
    let ordered = platform.order(&jane, "bakery").await;
    platform.until("the application's setup", async || platform.engine.count(Verb::Exec) == 1).await;
    platform.control.jobs.cancel(&platform.now(&jane), ordered.job).await.expect("cancelled");
    assert_eq!(platform.rest(ordered.job).await.state, JobState::Cancelled);
    platform.idle().await;
    workers.stop().await;
    assert_eq!(platform.world().await.without(&["site"]), before);
    assert_eq!(platform.outbox().len(), 0, "no mail about what one did oneself");
    let again = platform.control.jobs.cancel(&platform.now(&jane), ordered.job).await;
    assert!(again.expect_err("too late").to_string().contains("nothing to cancel"));
    assert_eq!(support::site(&platform, ordered.site).await.reason.as_deref(), Some("The order was cancelled."));
}

#[tokio::test]
async fn a_directory_that_a_kill_left_half_made_or_half_removed_goes() {
    // Killed before the mark was whole; after the mark was gone; while the rest was being removed.
    for left in [&[".stoa-job.part"][..], &[], &[".stoa-job", "compose.yaml.part"]] {
        let platform = TestPlatform::new().await;
        let jane = platform.customer("jane").await;
        let ordered = platform.order(&jane, "bakery").await;
        let (before, plan) = (platform.world().await, support::plan(&platform, ordered.job).await);
        std::fs::create_dir_all(&plan.directory).expect("a directory");
        for name in left {
            std::fs::write(plan.directory.join(name), plan.job.to_string()).expect("a file");
        }
        let log = std::sync::Arc::new(MemoryLog::new());
        log.push(Event::Started { step: "directories".into() });
        let (lease, reins) = (log.lease(), RunSignals::default());
        reins.cancel.cancel();
        let spec = CreateSite(platform.control.sites.step_context());
        let outcome = execute(&spec.saga(), &CreatePlan(plan), spec.context(), log, lease, reins).await;
        assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
        assert_eq!(platform.world().await, before, "{left:?}");
    }
}
