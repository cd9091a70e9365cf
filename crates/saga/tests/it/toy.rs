//! A toy world, and a saga over it that can be broken on purpose.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use stoa_saga::memory::MemoryLog;
use stoa_saga::{Done, Outcome, RunSignals, Saga, Step, StepError, StepRun, UndoError, execute};
use tokio::time::sleep;

/// What exists, and in which order it was touched.
#[derive(Clone, Default)]
pub struct World(Arc<Mutex<Things>>);

#[derive(Default)]
struct Things {
    existing: BTreeSet<String>,
    touched: Vec<String>,
    undone: bool,
}

impl World {
    pub fn with(names: &[&str]) -> Self {
        let world = Self::default();
        names.iter().for_each(|name| world.put(name));
        world
    }

    pub fn put(&self, name: &str) {
        let mut things = self.0.lock().expect("no test panics while it holds this");
        things.touched.push(format!("+{name}"));
        things.existing.insert(name.to_owned());
    }

    pub fn take(&self, name: &str) {
        let mut things = self.0.lock().expect("no test panics while it holds this");
        things.touched.push(format!("-{name}"));
        things.existing.remove(name);
    }

    pub fn existing(&self) -> Vec<String> {
        self.0.lock().expect("as above").existing.iter().cloned().collect()
    }

    pub fn touched(&self) -> String {
        self.0.lock().expect("as above").touched.join(" ")
    }

    /// Whether an undo ran before; remembers that one did.
    fn was_undone(&self) -> bool {
        std::mem::replace(&mut self.0.lock().expect("as above").undone, true)
    }

    /// Whether it is what `outcome` promises for [`site`].
    pub fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let expected: &[&str] = match outcome {
            Outcome::Succeeded => &["active", "container", "network", "older data", "route"],
            _ => &["older data"],
        };
        let existing = self.existing();
        if existing == expected { Ok(()) } else { Err(format!("dirty: {existing:?}")) }
    }
}

/// How a step of the toy behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    Sound,
    Commit,
    /// Its undo does nothing.
    NoUndo,
    /// Its act makes something new each time it runs.
    NotIdempotent,
    /// Its undo takes away what it did not make.
    Greedy,
    /// Its act makes something new when it finds its effect in the first attempt, as after a crash.
    ForgetsCrashes,
    /// Its undo does not look for the half that is made first.
    HalfUndone,
    /// Its undo fails when it runs again after it has succeeded.
    UndoneOnce,
    /// Its undo fails when it is tried again.
    UndoneInOneAttempt,
}

/// Makes a thing in two halves, waiting in between.
pub struct Make(pub &'static str, pub Habit);

#[async_trait]
impl Step<(), World> for Make {
    fn name(&self) -> &'static str {
        self.0
    }

    fn title(&self) -> &'static str {
        "Making a thing"
    }

    fn is_commit(&self) -> bool {
        self.1 == Habit::Commit
    }

    async fn act(&self, world: &World, (): &(), run: &StepRun) -> Result<Done, StepError> {
        if self.1 == Habit::Commit {
            sleep(Duration::from_millis(10)).await;
            world.put(self.0);
            return Ok(Done::plain());
        }
        let half = format!("half {}", self.0);
        let half = if world.existing().contains(&self.0.to_owned()) { self.0 } else { &half };
        world.put(half);
        run.unless_cancelled(sleep(Duration::from_millis(10))).await?;
        let forgets = match self.1 {
            Habit::NotIdempotent => true,
            Habit::ForgetsCrashes => run.attempt() == 1,
            _ => false,
        };
        if forgets && world.existing().contains(&self.0.to_owned()) {
            world.put(&format!("second {}", self.0));
        }
        world.put(self.0);
        if half != self.0 {
            world.take(half);
        }
        sleep(Duration::from_millis(10)).await;
        Ok(Done::with_detail(format!("made the {}", self.0)))
    }

    async fn undo(&self, world: &World, (): &(), run: &StepRun) -> Result<(), UndoError> {
        if self.1 == Habit::NoUndo {
            return Ok(());
        }
        match self.1 {
            Habit::UndoneOnce if world.was_undone() => return Err(UndoError::fail("undoing", "it was undone")),
            Habit::UndoneInOneAttempt if run.attempt() > 1 => return Err(UndoError::fail("undoing", "a second try")),
            _ => {}
        }
        world.take(self.0);
        run.unless_cancelled(sleep(Duration::from_millis(10))).await?;
        match self.1 {
            Habit::Greedy => world.take("older data"),
            Habit::HalfUndone => return Ok(()),
            _ => {}
        }
        world.take(&format!("half {}", self.0));
        Ok(())
    }
}

/// Network, container, route, and the commit; the container has `habit`.
pub fn site(habit: Habit) -> Saga<(), World> {
    Saga::named("create_site")
        .step(Make("network", Habit::Sound))
        .step(Make("container", habit))
        .step(Make("route", Habit::Sound))
        .step(Make("active", Habit::Commit))
}

/// A saga of the given steps.
pub fn saga(steps: Vec<Box<dyn Step<(), World>>>) -> Saga<(), World> {
    steps.into_iter().fold(Saga::named("toy"), Saga::boxed)
}

/// Runs with a new lease on `log`.
pub async fn run(saga: &Saga<(), World>, world: &World, log: &Arc<MemoryLog>) -> Outcome {
    steered(saga, world, log, RunSignals::default()).await
}

/// Runs with a new lease on `log` and the given reins.
pub async fn steered(saga: &Saga<(), World>, world: &World, log: &Arc<MemoryLog>, signals: RunSignals) -> Outcome {
    execute(saga, &(), world, log.clone(), log.lease(), signals).await
}
