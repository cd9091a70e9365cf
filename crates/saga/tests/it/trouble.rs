//! Waiting for what is away, deadlines, and the commit whose end is unknown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use stoa_saga::memory::MemoryLog;
use stoa_saga::{
    Done, Epoch, Event, Log, LogError, Outcome, Position, ResultExt, RunSignals, Saga, Step, StepError, StepRun,
    UndoError, execute,
};
use tokio::time::Instant;

use crate::toy::{World, run};

/// Docker is down for the first calls.
#[derive(Default)]
struct Flaky {
    act_fails: u32,
    undo_fails: u32,
    hangs: bool,
    commit: bool,
    calls: Arc<AtomicU32>,
}

#[async_trait]
impl Step<(), World> for Flaky {
    fn name(&self) -> &'static str {
        "flaky"
    }

    fn title(&self) -> &'static str {
        "Talking to Docker"
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn is_commit(&self) -> bool {
        self.commit
    }

    async fn act(&self, world: &World, (): &(), run: &StepRun) -> Result<Done, StepError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        world.put("thing");
        if self.hangs {
            std::future::pending::<()>().await;
        }
        if run.attempt() <= self.act_fails {
            return Err("connection refused").or_retry("The server is busy.");
        }
        if self.undo_fails > 0 { Err("no").or_fail("It failed.") } else { Ok(Done::plain()) }
    }

    async fn undo(&self, world: &World, (): &(), run: &StepRun) -> Result<(), UndoError> {
        if run.attempt() <= self.undo_fails {
            return Err("connection refused").or_undo_retry("removing the thing");
        }
        world.take("thing");
        Ok(())
    }
}

async fn go(step: Flaky) -> (Outcome, World, Arc<MemoryLog>, Duration) {
    let (world, log, begin) = (World::default(), Arc::new(MemoryLog::new()), Instant::now());
    let outcome = run(&Saga::named("flaky").step(step), &world, &log).await;
    (outcome, world, log, begin.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_waited_out_and_told_once() {
    let (outcome, _, log, took) = go(Flaky { act_fails: 8, ..Flaky::default() }).await;
    assert_eq!(outcome, Outcome::Succeeded);
    assert_eq!(took.as_millis(), 50 + 100 + 200 + 400 + 800 + 1600 + 2000 + 2000);
    let note = "Waiting to try again: The server is busy.";
    assert_eq!(log.notes(), [("flaky".to_owned(), note.to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn past_its_deadline_a_step_has_failed_with_the_last_reason() {
    let (outcome, world, _, took) = go(Flaky { act_fails: u32::MAX, ..Flaky::default() }).await;
    let Outcome::RolledBack { failure: Some(failure), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.public, "The server is busy.");
    assert_eq!(failure.source, "no success within 60s; last: connection refused");
    assert_eq!((took.as_secs(), world.existing().len()), (60, 0));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_hangs_is_dropped_at_its_deadline() {
    let (outcome, world, ..) = go(Flaky { hangs: true, ..Flaky::default() }).await;
    let Outcome::RolledBack { failure: Some(failure), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.public, "This step took too long.");
    assert!(world.existing().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_end_is_unknown_is_not_undone() {
    let (outcome, world, ..) = go(Flaky { hangs: true, commit: true, ..Flaky::default() }).await;
    assert!(matches!(outcome, Outcome::Stuck { step: Some(_), .. }), "{outcome:?}");
    assert_eq!(world.existing(), ["thing"]);
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_of_undo_is_waited_out() {
    let (outcome, world, ..) = go(Flaky { undo_fails: 5, ..Flaky::default() }).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert!(world.existing().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_undo_past_its_deadline_is_stuck_until_resumed() {
    let (outcome, world, log, took) = go(Flaky { undo_fails: u32::MAX, ..Flaky::default() }).await;
    let Outcome::Stuck { step: Some(step), reason } = outcome else { panic!("{outcome:?}") };
    assert_eq!((step.as_str(), took.as_secs()), ("flaky", 15 * 60));
    assert!(reason.contains("removing the thing: connection refused"), "{reason}");
    let saga = Saga::named("flaky").step(Flaky::default());
    let position = Position::replay(&saga.names(), &log.events()).expect("legal");
    assert!(position.unwind().is_err(), "it unwinds already");
    log.push(position.resume("ada").expect("it is stuck"));
    assert!(matches!(run(&saga, &world, &log).await, Outcome::RolledBack { .. }));
    assert!(world.existing().is_empty());
}

#[tokio::test(start_paused = true)]
async fn stopping_drops_a_step_that_does_not_listen() {
    let (world, log) = (World::default(), Arc::new(MemoryLog::new()));
    let saga = Saga::named("flaky").step(Flaky { hangs: true, ..Flaky::default() });
    let control = RunSignals::default();
    control.stop.cancel();
    let began = log.lease();
    log.append(began, &[Event::Started { step: "flaky".to_owned() }]).await.expect("current");
    let outcome = execute(&saga, &(), &world, log.clone(), began, control).await;
    assert_eq!(outcome, Outcome::Interrupted);
    assert_eq!(log.events().len(), 1, "and nothing was said about its end");
}

/// A log that is never there.
struct Away;

#[async_trait]
impl Log for Away {
    async fn append(&self, _: Epoch, _: &[Event]) -> Result<(), LogError> {
        Err(LogError::Unavailable("away".to_owned()))
    }

    async fn load(&self) -> Result<Vec<Event>, LogError> {
        Ok(Vec::new())
    }

    async fn note(&self, _: &str, _: &str) {}
}

#[tokio::test(start_paused = true)]
async fn without_a_log_nothing_is_touched() {
    let (world, begin) = (World::default(), Instant::now());
    let saga = Saga::named("flaky").step(Flaky::default());
    let outcome = execute(&saga, &(), &world, Arc::new(Away), Epoch(1), RunSignals::default()).await;
    assert_eq!((outcome, world.touched().as_str()), (Outcome::Interrupted, ""));
    assert!(begin.elapsed() <= RunSignals::default().log_patience);
}
