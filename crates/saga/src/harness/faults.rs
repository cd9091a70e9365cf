//! Wraps steps to inject faults.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{Done, RunSignals, Saga, Step, StepError, StepRun, UndoError};

/// What goes wrong with a step's act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActFault {
    FailBefore,
    FailAfter,
    RetryAfter,
    AskAfter,
    Twice,
    DieAfter,
    DieAtWait(u32),
    CancelDuring,
    CancelAfter,
    StopDuring,
    HoldAfter,
}

/// What goes wrong with a step's undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UndoFault {
    FailBefore,
    RetryAfter,
    Twice,
    DieAfter,
    DieAtWait(u32),
}

/// The faults of one executor's life, and the signals between it and the harness.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) act: HashMap<usize, ActFault>,
    pub(super) undo: HashMap<usize, UndoFault>,
    pub(super) signals: RunSignals,
    /// Cancelled when the process is dead: drop it.
    pub(super) dead: CancellationToken,
    /// Cancelled when the held step has acted.
    pub(super) held: CancellationToken,
    /// Cancel it to let the held step return.
    pub(super) release: CancellationToken,
}

impl Faults {
    /// Has the executor dropped, and never returns.
    pub(super) async fn die<T>(&self) -> T {
        self.dead.cancel();
        std::future::pending().await
    }

    /// Awaits `work`, but dies at its `wait`th pending poll.
    async fn die_at<T>(&self, wait: u32, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut waits = 0;
        let finished = std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => {
                waits += 1;
                if waits == wait { Poll::Ready(None) } else { Poll::Pending }
            }
        });
        match finished.await {
            Some(value) => value,
            None => self.die().await,
        }
    }
}

/// The same saga with each step wrapped.
pub(super) fn wrap<P, C>(saga: Saga<P, C>, faults: &Arc<Faults>) -> Saga<P, C>
where
    P: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    let wrapped = Saga::named(saga.name());
    saga.into_steps().into_iter().enumerate().fold(wrapped, |wrapped, (index, inner)| {
        let (act, undo) = (faults.act.get(&index).copied(), faults.undo.get(&index).copied());
        wrapped.step(Faulty { inner, act, undo, faults: faults.clone() })
    })
}

struct Faulty<P, C> {
    inner: Box<dyn Step<P, C>>,
    act: Option<ActFault>,
    undo: Option<UndoFault>,
    faults: Arc<Faults>,
}

const FAULT: &str = "a fault of the harness";

#[async_trait]
impl<P, C> Step<P, C> for Faulty<P, C>
where
    P: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn title(&self) -> &'static str {
        self.inner.title()
    }

    fn deadline(&self) -> Duration {
        self.inner.deadline()
    }

    fn undo_deadline(&self) -> Duration {
        self.inner.undo_deadline()
    }

    fn is_commit(&self) -> bool {
        self.inner.is_commit()
    }

    async fn act(&self, cx: &C, plan: &P, run: &StepRun) -> Result<Done, StepError> {
        match self.act {
            Some(ActFault::FailBefore) => return Err(StepError::fail("It failed.", FAULT)),
            Some(ActFault::CancelDuring) => self.faults.signals.cancel.cancel(),
            Some(ActFault::StopDuring) => self.faults.signals.stop.cancel(),
            Some(ActFault::Twice) => {
                self.inner.act(cx, plan, run).await?;
            }
            _ => {}
        }
        let work = self.inner.act(cx, plan, run);
        let done = match self.act {
            Some(ActFault::DieAtWait(wait)) => self.faults.die_at(wait, work).await?,
            _ => work.await?,
        };
        match self.act {
            Some(ActFault::FailAfter) => return Err(StepError::fail("It failed.", FAULT)),
            Some(ActFault::AskAfter) => return Err(StepError::ask_operator("It asks.", FAULT)),
            Some(ActFault::RetryAfter) if run.attempt() == 1 => {
                return Err(StepError::retry("The answer was lost.", FAULT));
            }
            Some(ActFault::DieAfter) => self.faults.die().await,
            Some(ActFault::CancelAfter) => self.faults.signals.cancel.cancel(),
            Some(ActFault::HoldAfter) => {
                self.faults.held.cancel();
                self.faults.release.cancelled().await;
            }
            _ => {}
        }
        Ok(done)
    }

    async fn undo(&self, cx: &C, plan: &P, run: &StepRun) -> Result<(), UndoError> {
        match self.undo {
            Some(UndoFault::FailBefore) => return Err(UndoError::fail("undoing", FAULT)),
            Some(UndoFault::Twice) => self.inner.undo(cx, plan, run).await?,
            _ => {}
        }
        let work = self.inner.undo(cx, plan, run);
        match self.undo {
            Some(UndoFault::DieAtWait(wait)) => self.faults.die_at(wait, work).await?,
            _ => work.await?,
        }
        match self.undo {
            Some(UndoFault::RetryAfter) if run.attempt() == 1 => Err(UndoError::retry("undoing", FAULT)),
            Some(UndoFault::DieAfter) => self.faults.die().await,
            _ => Ok(()),
        }
    }
}
