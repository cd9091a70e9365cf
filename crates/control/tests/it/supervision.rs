//! Reconcilers that panic, fail, work in several processes, or meet an item that can't be repaired.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use jiff::SignedDuration;
use stoa_core::{Error, reconciler::Reconciler};
use stoa_db::core::processes;
use stoa_model::stack::ServiceName;
use stoa_provider::engine::fake::{Fault, Verb};
use stoa_testkit::TestPlatform;
use tokio_util::sync::CancellationToken;

use crate::support;

const OFTEN: Duration = Duration::from_millis(5);

#[tokio::test]
async fn a_panic_ends_one_tick_and_nothing_else() {
    let platform = TestPlatform::new().await;
    let supervisor = &platform.control.reconcilers;
    let (stop, ticks) = (CancellationToken::new(), Arc::new(AtomicU32::new(0)));
    let panicking = supervisor.run(Reconciler::every(OFTEN, "bad").everywhere(), &(), &stop, |()| async {
        panic!("a bug");
    });
    let working = supervisor.run(Reconciler::every(OFTEN, "good").everywhere(), &ticks, &stop, |ticks| async move {
        ticks.fetch_add(1, SeqCst);
        Ok(())
    });
    let watching = async {
        // The second run comes a second after the first.
        platform.until("two panics", async || supervisor.health()["bad"].panics == 2).await;
        stop.cancel();
    };
    tokio::join!(panicking, working, watching);
    let health = supervisor.health();
    assert!(ticks.load(SeqCst) > 20, "the other one went on");
    assert_eq!((health["bad"].runs, health["bad"].failures), (2, 2));
    assert!(health["bad"].error.as_deref().is_some_and(|error| error.contains("panic")), "{health:?}");
    assert!(health["good"].ok_at.is_some() && health["good"].failing_since.is_none());
}

#[tokio::test]
async fn staff_are_told_once_of_one_that_keeps_failing() {
    let platform = TestPlatform::new().await;
    let supervisor = &platform.control.reconcilers;
    let stop = CancellationToken::new();
    let failing = Reconciler::every(OFTEN, "failing").everywhere();
    let running = supervisor.run(failing, &(), &stop, |()| async { Err(Error::internal("the name server is away")) });
    let watching = async {
        platform.until("a failure", async || supervisor.health()["failing"].failures == 1).await;
        platform.clock.advance(SignedDuration::from_mins(11));
        platform.until("two more", async || supervisor.health()["failing"].failures == 3).await;
        stop.cancel();
    };
    tokio::join!(running, watching);
    platform.run_until_idle().await;
    let outbox = platform.outbox();
    assert_eq!(outbox.len(), 1, "{outbox:?}");
    assert!(outbox[0].contains("failing") && outbox[0].contains("the name server is away"), "{}", outbox[0]);
}

/// Counts the ticks of a reconciler that one process runs at a time.
async fn count_ticks(control: &stoa_control::Control, stop: &CancellationToken) -> u32 {
    let (ticks, supervisor) = (Arc::new(AtomicU32::new(0)), &control.reconcilers);
    let counted = supervisor.run(Reconciler::every(OFTEN, "single"), &ticks, stop, |ticks| async move {
        ticks.fetch_add(1, SeqCst);
        Ok(())
    });
    tokio::join!(counted, supervisor.keep(stop));
    supervisor.release().await;
    ticks.load(SeqCst)
}

#[tokio::test]
async fn one_process_runs_it_and_another_takes_over() {
    let platform = TestPlatform::builder().settings(|s| s.lease = Duration::from_millis(300)).build().await;
    let (other, _edge) = platform.another().await;
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    let lead = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        first.cancel();
        tokio::time::sleep(Duration::from_secs(1)).await;
        second.cancel();
    };
    let follow = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let stop = CancellationToken::new();
        let probe = async {
            platform.until("the first one's end", async || first.is_cancelled()).await;
            stop.cancel();
        };
        // While the first one works, the other one doesn't.
        let (during, ()) = tokio::join!(count_ticks(&other, &stop), probe);
        (during, count_ticks(&other, &second).await)
    };
    let ((), ticks, (during, after)) = tokio::join!(lead, count_ticks(&platform.control, &first), follow);
    assert!(ticks > 10 && after > 10, "{ticks} by the first, {after} by the second");
    assert_eq!(during, 0, "never both");
}

#[tokio::test]
async fn a_process_that_was_suspended_drops_what_it_has_lost() {
    let platform = TestPlatform::builder().settings(|s| s.lease = Duration::from_millis(300)).build().await;
    let stop = CancellationToken::new();
    let supervisor = &platform.control.reconcilers;
    let running = supervisor.run(Reconciler::every(OFTEN, "single"), &(), &stop, |()| std::future::pending());
    let thief = async {
        let (db, now) = (&platform.db, platform.clock.now());
        platform
            .until("its lease", async || {
                !processes::process_lease_acquire(db, "single", "other", now, now).await.expect("an answer")
            })
            .await;
        // As if it had been stopped for longer than its lease: the other process acquires it.
        let later = platform.clock.now() + SignedDuration::from_secs(60);
        let taken =
            processes::process_lease_acquire(db, "single", "other", later, later + Duration::from_secs(60)).await;
        assert!(taken.expect("an answer"));
        platform.until("its noticing", async || supervisor.health()["single"].lost_leases == 1).await;
        stop.cancel();
    };
    tokio::join!(running, supervisor.keep(&stop), thief);
}

#[tokio::test]
async fn a_storm_of_events_looks_at_one_site() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let storming = platform.shop(&jane, "storming").await.site;
    for n in 0..5 {
        platform.shop(&jane, &format!("calm-{n}")).await;
    }
    let project = support::site(&platform, storming).await.project;
    let workers = platform.run();
    platform.until("the reconciler's ear", async || platform.engine.count(Verb::Events) >= 2).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    platform.engine.forget_calls();
    for _ in 0..1_000 {
        platform.engine.crash(&project, &ServiceName("web".into()), 1);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (all, one, repairs) = (Verb::List, Verb::Observe, Verb::Deploy);
    let counts = [all, one, repairs].map(|verb| platform.engine.count(verb));
    assert!(counts[0] <= 1 && counts[1] <= 20 && counts[2] <= 2, "lists, looks at it, repairs: {counts:?}");
    workers.stop().await;
}

#[tokio::test]
async fn a_site_that_cannot_be_repaired_costs_little() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let healthy = platform.shop(&jane, "florist").await.site;
    let (project, web) = (support::site(&platform, site).await.project, ServiceName("web".into()));
    platform.engine.crash(&project, &web, 1);
    platform.engine.forget_calls();
    for second in 0..600 {
        platform.engine.fail(Verb::Deploy, 1, Fault::Refused("its image is missing".into()));
        platform.control.sites.reconcile_runtime().await.expect("the others are looked at");
        if second == 300 {
            let project = support::site(&platform, healthy).await.project;
            platform.engine.crash(&project, &web, 1);
        }
        platform.clock.advance(SignedDuration::from_secs(1));
    }
    let repairs = platform.engine.count(Verb::Deploy);
    assert!(repairs <= 12, "{repairs} attempts in ten minutes, for two sites");
}
