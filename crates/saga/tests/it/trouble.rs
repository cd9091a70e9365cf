//! Waiting for what is away, deadlines, and the commit whose end is unknown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use stoa_saga::memory::MemoryLog;
use stoa_saga::{
    Cause, Done, Epoch, Event, Log, LogError, Outcome, Position, ResultExt, RunSignals, Saga, Step, StepError, StepRun,
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
async fn a_transient_failure_is_retried_and_noted_once() {
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
async fn a_transient_failure_of_an_undo_is_retried() {
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
    let signals = RunSignals::default();
    signals.stop.cancel();
    let began = log.lease();
    log.append(began, &[Event::Started { step: "flaky".to_owned() }]).await.expect("current");
    let outcome = execute(&saga, &(), &world, log.clone(), began, signals).await;
    assert_eq!(outcome, Outcome::Interrupted);
    assert_eq!(log.events().len(), 1, "and nothing was said about its end");
}

/// What a log does before it works as it should.
#[derive(Clone)]
enum Trouble {
    /// So many calls are answered as unavailable.
    Away(u32),
    /// It can be read, but every append is answered as unavailable.
    ReadOnly,
    /// The first append is answered as unavailable, and another executor writes this instead.
    Overtaken(Event),
    /// What is stored can't be read.
    Unreadable,
}

struct TroubledLog {
    inner: Arc<MemoryLog>,
    trouble: Trouble,
    calls: AtomicU32,
}

impl TroubledLog {
    fn call(&self) -> Result<u32, LogError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match self.trouble {
            Trouble::Away(calls) if call < calls => Err(LogError::Unavailable("away".to_owned())),
            _ => Ok(call),
        }
    }
}

#[async_trait]
impl Log for TroubledLog {
    async fn append(&self, epoch: Epoch, events: &[Event]) -> Result<(), LogError> {
        self.call()?;
        match &self.trouble {
            Trouble::Overtaken(event) if self.inner.events().is_empty() => {
                self.inner.push(event.clone());
                Err(LogError::Unavailable("the answer is lost".to_owned()))
            }
            Trouble::ReadOnly => Err(LogError::Unavailable("no room".to_owned())),
            _ => self.inner.append(epoch, events).await,
        }
    }

    async fn load(&self) -> Result<Vec<Event>, LogError> {
        self.call()?;
        match self.trouble {
            Trouble::Unreadable => Err(LogError::Unreadable("no JSON".to_owned())),
            _ => self.inner.load().await,
        }
    }

    async fn note(&self, _: &str, _: &str) {}
}

/// Runs a saga of one sound step on this log: its outcome, what was touched, and the time it took.
async fn troubled(trouble: Trouble, signals: RunSignals) -> (Outcome, String, Duration) {
    let (world, begin, inner) = (World::default(), Instant::now(), Arc::new(MemoryLog::new()));
    let (epoch, saga) = (inner.lease(), Saga::named("flaky").step(Flaky::default()));
    let log = Arc::new(TroubledLog { inner, trouble, calls: AtomicU32::new(0) });
    let run = execute(&saga, &(), &world, log, epoch, signals);
    let outcome = tokio::time::timeout(Duration::from_secs(3600), run).await.expect("it comes to rest");
    (outcome, world.touched(), begin.elapsed())
}

#[tokio::test(start_paused = true)]
async fn without_a_log_nothing_is_touched() {
    for trouble in [Trouble::Away(u32::MAX), Trouble::ReadOnly] {
        let signals = RunSignals::default();
        let patience = signals.log_patience;
        let (outcome, touched, took) = troubled(trouble, signals).await;
        assert_eq!((outcome, touched.as_str()), (Outcome::Interrupted, ""));
        assert!(took <= patience && took + Duration::from_secs(2) > patience, "{took:?} of {patience:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_comes_back_in_time_is_waited_for() {
    let (outcome, _, took) = troubled(Trouble::Away(5), RunSignals::default()).await;
    assert_eq!((outcome, took.as_millis()), (Outcome::Succeeded, 50 + 100 + 200 + 400 + 800));
    let signals = RunSignals { log_patience: Duration::from_millis(350), ..RunSignals::default() };
    let (outcome, _, took) = troubled(Trouble::Away(3), signals.clone()).await;
    assert_eq!((outcome, took.as_millis()), (Outcome::Succeeded, 350), "the last try is at the very end");
    assert_eq!(troubled(Trouble::Away(4), signals).await.0, Outcome::Interrupted);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_waiting_for_a_log() {
    let signals = RunSignals::default();
    let stop = signals.stop.clone();
    let later = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stop.cancel();
    };
    let ((outcome, _, took), ()) = tokio::join!(troubled(Trouble::Away(u32::MAX), signals), later);
    assert_eq!((outcome, took.as_millis()), (Outcome::Interrupted, 500));
}

/// An append whose answer is lost is not taken for done because something was written.
#[tokio::test(start_paused = true)]
async fn what_another_executor_wrote_is_not_taken_for_our_own() {
    for event in [Event::Started { step: "other".to_owned() }, Event::Unwinding { cause: Cause::Cancelled }] {
        let (outcome, touched, _) = troubled(Trouble::Overtaken(event), RunSignals::default()).await;
        assert_eq!((outcome, touched.as_str()), (Outcome::LeaseLost, ""));
    }
    let own = Event::Started { step: "flaky".to_owned() };
    let (outcome, touched, _) = troubled(Trouble::Overtaken(own), RunSignals::default()).await;
    assert_eq!((outcome, touched.as_str()), (Outcome::Succeeded, "+thing"), "the append had happened");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_can_not_be_read_is_for_a_person() {
    let (outcome, touched, _) = troubled(Trouble::Unreadable, RunSignals::default()).await;
    assert_eq!((outcome, touched.as_str()), (Outcome::Stuck { step: None, reason: "no JSON".to_owned() }, ""));
}

/// Hangs, with the default deadlines.
struct Hanging;

#[async_trait]
impl Step<(), World> for Hanging {
    fn name(&self) -> &'static str {
        "hanging"
    }

    fn title(&self) -> &'static str {
        "Waiting for nothing"
    }

    async fn act(&self, world: &World, (): &(), run: &StepRun) -> Result<Done, StepError> {
        let (world, token) = (world.clone(), run.token().clone());
        tokio::spawn(async move {
            token.cancelled().await;
            world.put("the spawned work heard of it");
        });
        std::future::pending().await
    }

    async fn undo(&self, world: &World, (): &(), _: &StepRun) -> Result<(), UndoError> {
        tokio::task::yield_now().await;
        world.put("undone");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_has_ten_minutes_and_its_spawned_work_ends_with_it() {
    let (world, log, begin) = (World::default(), Arc::new(MemoryLog::new()), Instant::now());
    let outcome = run(&Saga::named("hanging").step(Hanging), &world, &log).await;
    let Outcome::RolledBack { failure: Some(failure), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((failure.source.as_str(), begin.elapsed().as_secs()), ("no answer within 600s", 600));
    assert_eq!(world.touched(), "+the spawned work heard of it +undone");
    assert_eq!((Hanging.undo_deadline().as_secs(), Hanging.is_commit()), (15 * 60, false));
}

#[tokio::test(start_paused = true)]
async fn a_detached_run_is_a_first_attempt_that_nobody_cancels() {
    let run = StepRun::detached("by hand");
    assert_eq!((run.attempt(), run.token().is_cancelled()), (1, false));
    assert_eq!(run.unless_cancelled(async { 7 }).await, Ok(7));
    run.token().cancel();
    assert_eq!(run.unless_cancelled(async { 7 }).await, Err(StepError::Cancelled));
}

/// What it wants to write belongs to somebody else.
struct Denied {
    kind: std::io::ErrorKind,
    in_undo: bool,
    calls: Arc<AtomicU32>,
}

#[derive(Debug, thiserror::Error)]
#[error("the edge's configuration can't be written")]
struct Wrapped(#[source] std::io::Error);

#[async_trait]
impl Step<(), World> for Denied {
    fn name(&self) -> &'static str {
        "denied"
    }

    fn title(&self) -> &'static str {
        "Writing"
    }

    async fn act(&self, _: &World, (): &(), _: &StepRun) -> Result<Done, StepError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.in_undo { Err("no").or_fail("No.") } else { Err(Wrapped(self.kind.into())).or_retry("It is closed.") }
    }

    async fn undo(&self, _: &World, (): &(), _: &StepRun) -> Result<(), UndoError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.in_undo { Err(Wrapped(self.kind.into())).or_undo_retry("opening it") } else { Ok(()) }
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_written_fails_at_once() {
    use std::io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    for kind in [PermissionDenied, ReadOnlyFilesystem, NotADirectory] {
        for in_undo in [false, true] {
            let (calls, began) = (Arc::new(AtomicU32::new(0)), Instant::now());
            let saga = Saga::named("toy").step(Denied { kind, in_undo, calls: calls.clone() });
            let log = Arc::new(MemoryLog::new());
            let lease = log.lease();
            let outcome = execute(&saga, &(), &World::default(), log, lease, RunSignals::default()).await;
            assert_eq!((calls.load(Ordering::SeqCst), began.elapsed()), (2, Duration::ZERO), "{kind} {in_undo}");
            match outcome {
                Outcome::Stuck { reason, .. } if in_undo => {
                    assert!(reason.contains("opening it: the edge's"), "{reason}")
                }
                Outcome::RolledBack { failure: Some(failure), .. } if !in_undo => {
                    assert!(failure.source.contains(&kind.to_string()), "{failure:?}");
                }
                other => panic!("{kind} {in_undo}: {other:?}"),
            }
        }
    }
}
