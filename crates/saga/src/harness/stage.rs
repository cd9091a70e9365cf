//! Where one scenario is played: a fresh world, one executor after another, and the check.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::faults::{ActFault, Faults, wrap};
use super::log::FaultyLog;
use super::report::{Dirty, Report, Row};
use super::scenario::{Answer, Expect, Place, Plot, Shape};
use crate::memory::MemoryLog;
use crate::{Outcome, Position, Saga, execute};

/// How many of an effect's waits are tried as the place to die. More of the same tells little.
const WAITS: u32 = 5;

pub(super) struct Stage<S, F, W> {
    factory: S,
    fresh: F,
    world: W,
    pub(super) report: Report,
}

/// A world, and the log beside it: what outlives an executor.
struct Scene<P, C> {
    plan: P,
    cx: C,
    log: Arc<MemoryLog>,
}

impl<P, C, S, F, W> Stage<S, F, W>
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

    /// Plays a scenario, with a second executor where the first one did not settle it.
    pub(super) async fn play(&mut self, plot: &Plot) -> Result<Row, Dirty> {
        let scene = self.scene().await;
        let (first, writes) = self.first_life(&scene, plot).await;
        let recovered = !first.as_ref().is_some_and(Outcome::is_settled);
        let outcome = if recovered {
            if matches!(first, Some(Outcome::Stuck { .. })) {
                self.answer(&scene, plot).map_err(|problem| self.dirty(&plot.name, problem))?;
            }
            self.second_life(&scene, plot).await
        } else {
            first
        };
        // An effect does not wait equally often each time: not killed, it was not cancelled afterwards.
        let spared = plot.cancelled_at_recovery && !recovered;
        let expect = if spared { Expect::Succeeded } else { plot.expect };
        self.judge(&scene, &plot.name, expect, outcome, writes, recovered).await
    }

    /// Kills at each wait of an effect, and counts them.
    pub(super) async fn waits(&mut self, shape: &Shape, step: usize, place: Place) -> Result<u32, Dirty> {
        for wait in 1..=WAITS {
            if !self.play(&shape.dies_at_wait(step, place, wait)).await?.recovered {
                self.report.rows.pop(); // It waits less often, so nothing was killed.
                return Ok(wait - 1);
            }
        }
        Ok(WAITS)
    }

    /// An executor loses its lease while its step acts; another takes over and finishes. The first
    /// must notice, and write nothing.
    pub(super) async fn takeover(&mut self, shape: &Shape, step: usize) -> Result<(), Dirty> {
        let name = format!("another executor takes over while {} acts", shape.names[step]);
        let scene = self.scene().await;
        let faults = Arc::new(Faults { act: [(step, ActFault::HoldAfter)].into(), ..Faults::default() });
        let saga = wrap(self.saga(), &faults);
        let epoch = scene.log.lease();
        let control = faults.control.clone();
        let mut old = Box::pin(execute(&saga, &scene.plan, &scene.cx, scene.log.clone(), epoch, control));
        tokio::select! {
            biased;
            () = faults.held.cancelled() => {}
            outcome = &mut old => {
                return Err(self.dirty(&name, format!("it ended too early: {outcome:?}")));
            }
        }
        let outcome = self.second_life(&scene, &Plot::happy()).await;
        let written = scene.log.events();
        faults.release.cancel();
        let late = old.await;
        if late != Outcome::LeaseLost || scene.log.events() != written {
            let problem = format!("the old executor ended with {late:?}, and may have written");
            return Err(self.dirty(&name, problem));
        }
        self.judge(&scene, &name, Expect::Succeeded, outcome, 0, true).await.map(drop)
    }

    async fn scene(&mut self) -> Scene<P, C> {
        let (plan, cx) = (self.fresh)().await;
        Scene { plan, cx, log: Arc::new(MemoryLog::new()) }
    }

    async fn first_life(&self, scene: &Scene<P, C>, plot: &Plot) -> (Option<Outcome>, usize) {
        let faults = Faults {
            act: plot.act.iter().copied().collect(),
            undo: plot.undo.iter().copied().collect(),
            ..Faults::default()
        };
        if plot.cancelled_at_start {
            faults.control.cancel.cancel();
        }
        self.live(scene, faults, plot).await
    }

    /// Goes on where the first executor stopped. A step that fails for good fails again.
    async fn second_life(&self, scene: &Scene<P, C>, plot: &Plot) -> Option<Outcome> {
        let lasting = |fault: &ActFault| matches!(fault, ActFault::FailBefore | ActFault::FailAfter);
        let act = plot.act.iter().copied().filter(|(_, fault)| lasting(fault)).collect();
        let faults = Faults { act, ..Faults::default() };
        if plot.cancelled_at_recovery {
            faults.control.cancel.cancel();
        }
        self.live(scene, faults, &Plot { write: None, ..plot.clone() }).await.0
    }

    /// One executor's life; `None` when it was killed.
    async fn live(&self, scene: &Scene<P, C>, faults: Faults, plot: &Plot) -> (Option<Outcome>, usize) {
        let faults = Arc::new(faults);
        let saga = wrap(self.saga(), &faults);
        let log = Arc::new(FaultyLog {
            inner: scene.log.clone(),
            fault: plot.write,
            faults: faults.clone(),
            writes: AtomicUsize::new(0),
        });
        let epoch = scene.log.lease();
        let control = faults.control.clone();
        // Whichever comes first, the other is dropped: that is the kill.
        let outcome = tokio::select! {
            biased;
            () = faults.dead.cancelled() => None,
            outcome = execute(&saga, &scene.plan, &scene.cx, log.clone(), epoch, control) => Some(outcome),
        };
        (outcome, log.writes.load(Ordering::SeqCst))
    }

    fn answer(&self, scene: &Scene<P, C>, plot: &Plot) -> Result<(), String> {
        let position = self.position(scene)?;
        let event = match plot.answer {
            Some(Answer::Resume) => position.resume("harness"),
            Some(Answer::Unwind) => position.unwind(),
            None => return Err(format!("it is stuck: {position:?}")),
        };
        scene.log.push(event.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn position(&self, scene: &Scene<P, C>) -> Result<Position, String> {
        let names = self.saga().names();
        Position::replay(&names, &scene.log.events()).map_err(|error| error.to_string())
    }

    async fn judge(
        &mut self,
        scene: &Scene<P, C>,
        name: &str,
        expect: Expect,
        outcome: Option<Outcome>,
        writes: usize,
        recovered: bool,
    ) -> Result<Row, Dirty> {
        match self.verdict(scene, expect, outcome).await {
            Err(problem) => Err(self.dirty(name, problem)),
            Ok(outcome) => {
                let row = Row { scenario: name.to_owned(), outcome, writes, recovered };
                self.report.rows.push(row.clone());
                Ok(row)
            }
        }
    }

    async fn verdict(
        &mut self,
        scene: &Scene<P, C>,
        expect: Expect,
        outcome: Option<Outcome>,
    ) -> Result<String, String> {
        let outcome = outcome.ok_or("the second executor was killed too")?;
        let words = match (&outcome, expect) {
            (Outcome::Succeeded, Expect::Succeeded | Expect::Settled) => "succeeded",
            (Outcome::RolledBack { .. }, Expect::RolledBack | Expect::Settled) => "rolled back",
            _ => return Err(format!("it must be {expect:?}, but is {outcome:?}")),
        };
        let written = scene.log.events();
        let (again, _) = self.live(scene, Faults::default(), &Plot::happy()).await;
        if again.as_ref() != Some(&outcome) || scene.log.events() != written {
            return Err(format!("it was over, and run once more came to {again:?}"));
        }
        (self.world)(&scene.plan, &scene.cx, &outcome).await?;
        Ok(words.to_owned())
    }

    fn dirty(&self, scenario: &str, problem: String) -> Dirty {
        Dirty { scenario: scenario.to_owned(), problem, before: self.report.clone() }
    }
}
