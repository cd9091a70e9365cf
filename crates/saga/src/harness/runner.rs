//! Runs one scenario: a new world, one executor after another, and the check.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::faults::{ActFault, Faults, wrap};
use super::faulty_log::FaultyLog;
use super::report::{Report, Row, Violation};
use super::scenario::{Answer, Expect, Place, SagaShape, Scenario};
use crate::memory::MemoryLog;
use crate::{Outcome, Position, Saga, execute};

/// In how many of an effect's waits the executor is killed. Further ones find little more.
const MAX_WAITS: u32 = 5;

pub(super) struct Runner<S, F, W> {
    factory: S,
    fresh: F,
    world: W,
    pub(super) report: Report,
}

/// What survives an executor: the world and the log.
struct Fixture<P, C> {
    plan: P,
    cx: C,
    log: Arc<MemoryLog>,
}

impl<P, C, S, F, W> Runner<S, F, W>
where
    P: Send + Sync + 'static,
    C: Send + Sync + 'static,
    S: Fn() -> Saga<P, C>,
    F: AsyncFnMut() -> (P, C),
    W: AsyncFnMut(&P, &C, &Outcome) -> Result<(), String>,
{
    pub(super) fn new(factory: S, fresh: F, world: W) -> Self {
        Self { factory, fresh, world, report: Report::default() }
    }

    pub(super) fn saga(&self) -> Saga<P, C> {
        (self.factory)()
    }

    /// Runs a scenario, with a second executor if the first one did not settle it.
    pub(super) async fn run_scenario(&mut self, scenario: &Scenario) -> Result<Row, Violation> {
        let fixture = self.fixture().await;
        let (first, writes) = self.run_first(&fixture, scenario).await;
        let recovered = !first.as_ref().is_some_and(Outcome::is_settled);
        let outcome = if recovered {
            if matches!(first, Some(Outcome::Stuck { .. })) {
                self.answer(&fixture, scenario).map_err(|problem| self.violation(&scenario.name, problem))?;
            }
            self.run_second(&fixture, scenario).await
        } else {
            first
        };
        // The effect may wait less often this time: if it was not killed, it was not cancelled afterwards.
        let spared = scenario.cancelled_at_recovery && !recovered;
        let expect = if spared { Expect::Succeeded } else { scenario.expect };
        self.judge(&fixture, &scenario.name, expect, outcome, writes, recovered).await
    }

    /// Kills the executor at each wait of an effect, and counts the waits.
    pub(super) async fn waits(&mut self, shape: &SagaShape, step: usize, place: Place) -> Result<u32, Violation> {
        for wait in 1..=MAX_WAITS {
            if !self.run_scenario(&shape.dies_at_wait(step, place, wait)).await?.recovered {
                self.report.rows.pop(); // It waits less often, so nothing was killed.
                return Ok(wait - 1);
            }
        }
        Ok(MAX_WAITS)
    }

    /// An executor loses its lease while its step acts; another takes over and finishes. The first must
    /// notice and write nothing.
    pub(super) async fn takeover(&mut self, shape: &SagaShape, step: usize) -> Result<(), Violation> {
        let name = format!("another executor takes over while {} acts", shape.names[step]);
        let fixture = self.fixture().await;
        let faults = Arc::new(Faults { act: [(step, ActFault::HoldAfter)].into(), ..Faults::default() });
        let saga = wrap(self.saga(), &faults);
        let epoch = fixture.log.lease();
        let signals = faults.signals.clone();
        let mut old = Box::pin(execute(&saga, &fixture.plan, &fixture.cx, fixture.log.clone(), epoch, signals));
        tokio::select! {
            biased;
            () = faults.held.cancelled() => {}
            outcome = &mut old => {
                return Err(self.violation(&name, format!("it ended too early: {outcome:?}")));
            }
        }
        let outcome = self.run_second(&fixture, &Scenario::happy()).await;
        let written = fixture.log.events();
        faults.release.cancel();
        let late = old.await;
        if late != Outcome::LeaseLost || fixture.log.events() != written {
            let problem = format!("the old executor ended with {late:?}, and may have written");
            return Err(self.violation(&name, problem));
        }
        self.judge(&fixture, &name, Expect::Succeeded, outcome, 0, true).await.map(drop)
    }

    async fn fixture(&mut self) -> Fixture<P, C> {
        let (plan, cx) = (self.fresh)().await;
        Fixture { plan, cx, log: Arc::new(MemoryLog::new()) }
    }

    async fn run_first(&self, fixture: &Fixture<P, C>, scenario: &Scenario) -> (Option<Outcome>, usize) {
        let faults = Faults {
            act: scenario.act.iter().copied().collect(),
            undo: scenario.undo.iter().copied().collect(),
            ..Faults::default()
        };
        if scenario.cancelled_at_start {
            faults.signals.cancel.cancel();
        }
        self.run(fixture, faults, scenario).await
    }

    /// Continues where the first executor stopped. A step that failed fails again.
    async fn run_second(&self, fixture: &Fixture<P, C>, scenario: &Scenario) -> Option<Outcome> {
        let lasting = |fault: &ActFault| matches!(fault, ActFault::FailBefore | ActFault::FailAfter);
        let act = scenario.act.iter().copied().filter(|(_, fault)| lasting(fault)).collect();
        let faults = Faults { act, ..Faults::default() };
        if scenario.cancelled_at_recovery {
            faults.signals.cancel.cancel();
        }
        self.run(fixture, faults, &Scenario { write: None, ..scenario.clone() }).await.0
    }

    /// One executor's life; `None` if it was killed.
    async fn run(&self, fixture: &Fixture<P, C>, faults: Faults, scenario: &Scenario) -> (Option<Outcome>, usize) {
        let faults = Arc::new(faults);
        let saga = wrap(self.saga(), &faults);
        let log = Arc::new(FaultyLog {
            inner: fixture.log.clone(),
            fault: scenario.write,
            faults: faults.clone(),
            writes: AtomicUsize::new(0),
        });
        let epoch = fixture.log.lease();
        let signals = faults.signals.clone();
        // The branch that does not win is dropped: that is the kill.
        let outcome = tokio::select! {
            biased;
            () = faults.dead.cancelled() => None,
            outcome = execute(&saga, &fixture.plan, &fixture.cx, log.clone(), epoch, signals) => Some(outcome),
        };
        (outcome, log.writes.load(Ordering::SeqCst))
    }

    fn answer(&self, fixture: &Fixture<P, C>, scenario: &Scenario) -> Result<(), String> {
        let position = self.position(fixture)?;
        let event = match scenario.answer {
            Some(Answer::Resume) => position.resume("harness"),
            Some(Answer::Unwind) => position.unwind(),
            None => return Err(format!("it is stuck: {position:?}")),
        };
        fixture.log.push(event.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn position(&self, fixture: &Fixture<P, C>) -> Result<Position, String> {
        let names = self.saga().names();
        Position::replay(&names, &fixture.log.events()).map_err(|error| error.to_string())
    }

    async fn judge(
        &mut self,
        fixture: &Fixture<P, C>,
        name: &str,
        expect: Expect,
        outcome: Option<Outcome>,
        writes: usize,
        recovered: bool,
    ) -> Result<Row, Violation> {
        match self.check(fixture, expect, outcome).await {
            Err(problem) => Err(self.violation(name, problem)),
            Ok(outcome) => {
                let row = Row { scenario: name.to_owned(), outcome, writes, recovered };
                self.report.rows.push(row.clone());
                Ok(row)
            }
        }
    }

    async fn check(
        &mut self,
        fixture: &Fixture<P, C>,
        expect: Expect,
        outcome: Option<Outcome>,
    ) -> Result<String, String> {
        let outcome = outcome.ok_or("the second executor was killed too")?;
        let words = match (&outcome, expect) {
            (Outcome::Succeeded, Expect::Succeeded | Expect::Settled) => "succeeded",
            (Outcome::RolledBack { .. }, Expect::RolledBack | Expect::Settled) => "rolled back",
            _ => return Err(format!("it must be {expect:?}, but is {outcome:?}")),
        };
        let written = fixture.log.events();
        let (again, _) = self.run(fixture, Faults::default(), &Scenario::happy()).await;
        if again.as_ref() != Some(&outcome) || fixture.log.events() != written {
            return Err(format!("it was over, and run once more came to {again:?}"));
        }
        (self.world)(&fixture.plan, &fixture.cx, &outcome).await?;
        Ok(words.to_owned())
    }

    fn violation(&self, scenario: &str, problem: String) -> Violation {
        Violation { scenario: scenario.to_owned(), problem, before: self.report.clone() }
    }
}
