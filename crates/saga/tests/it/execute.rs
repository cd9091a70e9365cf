//! The executor: order, outcomes, cancelling, stopping, and people's decisions.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stoa_saga::memory::MemoryLog;
use stoa_saga::{
    Cause, Done, Event, Log, LogError, Outcome, Position, RunSignals, Saga, Step, StepError, StepRun, UndoError,
    execute,
};
use tokio_util::sync::CancellationToken;

use crate::toy::{Habit, Make, World, run, saga, site, steered};

/// Fails, asks, or panics, as its name says.
struct Bad(&'static str);

#[async_trait]
impl Step<(), World> for Bad {
    fn name(&self) -> &'static str {
        self.0
    }

    fn title(&self) -> &'static str {
        "Going wrong"
    }

    async fn act(&self, world: &World, (): &(), _: &StepRun) -> Result<Done, StepError> {
        world.put("bad");
        match self.0 {
            "fails" => Err(StepError::fail("The image can't be had.", "404 from the registry")),
            "asks" => Err(StepError::ask_operator("Two volumes claim to be this site's.", "")),
            "cancelled" => Err(StepError::Cancelled),
            "formats" => panic!("a bug in the step {}", self.title()),
            "throws" => std::panic::panic_any(7),
            _ => panic!("a bug in the step"),
        }
    }

    async fn undo(&self, world: &World, (): &(), _: &StepRun) -> Result<(), UndoError> {
        world.take("bad");
        Ok(())
    }
}

fn then(bad: &'static str) -> Saga<(), World> {
    saga(vec![Box::new(Make("network", Habit::Sound)), Box::new(Bad(bad))])
}

fn stage() -> (World, Arc<MemoryLog>) {
    (World::default(), Arc::new(MemoryLog::new()))
}

#[tokio::test(start_paused = true)]
async fn steps_act_in_order_and_succeed() {
    let (world, log) = stage();
    assert_eq!(run(&site(Habit::Sound), &world, &log).await, Outcome::Succeeded);
    assert_eq!(world.existing(), ["active", "container", "network", "route"]);
    assert_eq!(log.events().len(), 9);
    let entries = log.entries();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), (0..9).collect::<Vec<_>>());
    assert_eq!(entries.iter().map(|entry| entry.event.clone()).collect::<Vec<_>>(), log.events());
    let times = |entry: &stoa_saga::Entry| (entry.at_ms, entry.event.step().map(str::to_owned));
    assert_eq!(times(&entries[0]), (0, Some("network".to_owned())));
    assert_eq!(times(&entries[1]), (20, Some("network".to_owned())), "its act waits twice for 10 ms");
}

#[tokio::test(start_paused = true)]
async fn a_failure_unwinds_the_failed_step_too() {
    let (world, log) = stage();
    let Outcome::RolledBack { cause, failure } = run(&then("fails"), &world, &log).await else {
        panic!("it must be rolled back")
    };
    let failure = failure.expect("a step failed");
    assert_eq!((cause, failure.step.as_str()), (Cause::Failed, "fails"));
    assert_eq!(failure.public, "The image can't be had.");
    assert_eq!(failure.source, "404 from the registry");
    assert!(world.touched().ends_with("+bad -bad -network -half network"), "{}", world.touched());
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure() {
    for (step, source) in [
        ("panics", "panicked: a bug in the step"),
        ("formats", "panicked: a bug in the step Going wrong"),
        ("throws", "panicked: without a message"),
    ] {
        let (world, log) = stage();
        let outcome = run(&then(step), &world, &log).await;
        let Outcome::RolledBack { failure: Some(failure), .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.public, "This step stopped unexpectedly.");
        assert_eq!(failure.source, source);
        assert_eq!(failure.to_string(), format!("This step stopped unexpectedly. ({source})"));
        assert_eq!(world.existing(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_cancels_itself_has_failed() {
    let (world, log) = stage();
    let outcome = run(&then("cancelled"), &world, &log).await;
    assert!(matches!(outcome, Outcome::RolledBack { cause: Cause::Failed, .. }), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_asks_leaves_everything_and_waits() {
    let (world, log) = stage();
    let saga = then("asks");
    let stuck =
        Outcome::Stuck { step: Some("asks".to_owned()), reason: "Two volumes claim to be this site's.".to_owned() };
    assert_eq!(run(&saga, &world, &log).await, stuck);
    let written = log.events();
    assert_eq!(run(&saga, &world, &log).await, stuck, "and stays so");
    assert_eq!(log.events(), written);
    assert_eq!(world.existing(), ["bad", "network"]);

    let position = Position::replay(&saga.names(), &written).expect("legal");
    log.push(position.abandon("ada").expect("it is stuck"));
    assert_eq!(run(&saga, &world, &log).await, Outcome::Abandoned { by: "ada".to_owned() });
    assert_eq!(world.existing(), ["bad", "network"], "the world is left as it is");
}

#[tokio::test(start_paused = true)]
async fn a_log_of_another_saga_is_stuck_and_touches_nothing() {
    let (world, log) = stage();
    log.push(Event::Started { step: "renamed".to_owned() });
    let outcome = run(&site(Habit::Sound), &world, &log).await;
    let Outcome::Stuck { step: None, reason } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("event 0 of the log is impossible"), "{reason}");
    assert_eq!(world.touched(), "");
}

#[tokio::test(start_paused = true)]
async fn cancelling_interrupts_a_step_that_listens() {
    let (world, log) = stage();
    let signals = RunSignals::default();
    let cancel = signals.cancel.clone();
    let later = async {
        tokio::time::sleep(Duration::from_millis(25)).await;
        cancel.cancel();
    };
    let saga = site(Habit::Sound);
    let (outcome, ()) = tokio::join!(steered(&saga, &world, &log, signals), later);
    assert_eq!(outcome, Outcome::RolledBack { cause: Cause::Cancelled, failure: None });
    assert_eq!(world.existing(), [""; 0]);
    assert!(!world.touched().contains("+container"), "{}", world.touched());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_is_continued() {
    let (world, log) = stage();
    let signals = RunSignals::default();
    let stop = signals.stop.clone();
    let later = async {
        tokio::time::sleep(Duration::from_millis(35)).await;
        stop.cancel();
    };
    let saga = site(Habit::Sound);
    let (outcome, ()) = tokio::join!(steered(&saga, &world, &log, signals), later);
    assert_eq!(outcome, Outcome::Interrupted);
    assert_eq!(
        log.events().last(),
        Some(&Event::Succeeded { step: "container".to_owned(), detail: Some("made the container".to_owned()) })
    );
    assert_eq!(run(&saga, &world, &log).await, Outcome::Succeeded);
}

/// Its act fails, and its undo succeeds while the process is told to stop.
struct StopsInUndo(CancellationToken);

#[async_trait]
impl Step<(), World> for StopsInUndo {
    fn name(&self) -> &'static str {
        "stops"
    }

    fn title(&self) -> &'static str {
        "Stopping"
    }

    async fn act(&self, _: &World, (): &(), _: &StepRun) -> Result<Done, StepError> {
        Err(StepError::fail("It failed.", ""))
    }

    async fn undo(&self, _: &World, (): &(), _: &StepRun) -> Result<(), UndoError> {
        self.0.cancel();
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_begins_no_further_undo() {
    let (world, log) = stage();
    let signals = RunSignals::default();
    let saga = || saga(vec![Box::new(Make("network", Habit::Sound)), Box::new(StopsInUndo(signals.stop.clone()))]);
    assert_eq!(steered(&saga(), &world, &log, signals.clone()).await, Outcome::Interrupted);
    assert_eq!(log.events().last(), Some(&Event::UndoFinished { step: "stops".to_owned() }));
    assert_eq!(world.existing(), ["network"]);
    assert!(matches!(run(&saga(), &world, &log).await, Outcome::RolledBack { .. }));
    assert_eq!(world.existing(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_has_begun_can_not_be_cancelled() {
    let (world, log) = stage();
    let signals = RunSignals::default();
    let cancel = signals.cancel.clone();
    let later = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        cancel.cancel();
    };
    let saga = saga(vec![Box::new(Make("active", Habit::Commit))]);
    let (outcome, ()) = tokio::join!(steered(&saga, &world, &log, signals), later);
    assert_eq!((outcome, world.existing()), (Outcome::Succeeded, vec!["active".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_drops_everything_at_once() {
    let (world, log) = stage();
    let signals = RunSignals::default();
    let lost = signals.lost.clone();
    let later = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        lost.cancel();
    };
    let saga = site(Habit::Sound);
    let (outcome, ()) = tokio::join!(steered(&saga, &world, &log, signals), later);
    assert_eq!(outcome, Outcome::LeaseLost);
    assert_eq!(world.touched(), "+half network");
}

#[tokio::test(start_paused = true)]
async fn an_old_epoch_appends_nothing_and_has_no_effect() {
    let (world, log) = stage();
    let old = log.lease();
    let new = log.lease();
    assert!(old < new, "a new holder has a higher epoch");
    assert_eq!(log.append(old, &[]).await, Err(LogError::LeaseLost));
    log.append(new, &[Event::Started { step: "network".to_owned() }]).await.expect("current");
    let saga = site(Habit::Sound);
    let outcome = execute(&saga, &(), &world, log.clone(), old, RunSignals::default()).await;
    assert_eq!(outcome, Outcome::LeaseLost);
    assert_eq!((world.touched().as_str(), log.events().len()), ("", 1));
}

/// Workers spawn it.
#[test]
fn the_executor_can_be_spawned() {
    fn spawnable(_: &(impl Future + Send)) {}
    let (world, saga) = (World::default(), site(Habit::Sound));
    let rt = tokio::runtime::Builder::new_current_thread().enable_time().build();
    rt.expect("a runtime").block_on(async {
        let log = Arc::new(MemoryLog::new());
        spawnable(&execute(&saga, &(), &world, log.clone(), log.lease(), RunSignals::default()));
    });
}
