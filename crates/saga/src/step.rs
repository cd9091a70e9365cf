//! One step: what it does, and how it is undone.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::memory::MemoryLog;
use crate::{Log, StepError, UndoError};

/// One step of a saga.
///
/// Both halves are run again after a crash, so both must be **idempotent**: `act` finds what an
/// earlier run made and goes on from there; `undo` is right when `act` never ran, half ran, or was
/// already undone, and removes only what carries this operation's mark. The futures may be dropped
/// at any await (deadline, lost lease); that is no different from a crash.
#[async_trait]
pub trait Step<P, C>: Send + Sync + 'static
where
    P: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    /// The stable name, snake_case: it is in the log.
    fn name(&self) -> &'static str;

    /// Words for people: "Starting the containers".
    fn title(&self) -> &'static str;

    /// How long `act` may take, over all its retries. Past it, the step has failed.
    fn deadline(&self) -> Duration {
        Duration::from_secs(10 * 60)
    }

    /// How long `undo` may take, over all its retries. Past it, the saga is stuck.
    fn undo_deadline(&self) -> Duration {
        Duration::from_secs(15 * 60)
    }

    /// Whether this step is the point of no return. It must then be the saga's last, and **one
    /// atomic transaction** that recognizes its own earlier success: [`StepError::Fail`] from it
    /// says that nothing was committed. Once started it can't be cancelled. Where its end is
    /// unknown (it panicked, or ran into its deadline), the saga asks a person instead of undoing
    /// what may be complete.
    fn is_commit(&self) -> bool {
        false
    }

    /// Does it.
    async fn act(&self, cx: &C, plan: &P, run: &StepRun) -> Result<Done, StepError>;

    /// Takes it back. Never called after a commit step has succeeded. The `run` of an undo does
    /// not hear of cancelling: an unwinding saga is only stopped, and gone on with later.
    async fn undo(&self, cx: &C, plan: &P, run: &StepRun) -> Result<(), UndoError>;
}

/// A step that succeeded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// One line for people, where there is something to say.
    pub detail: Option<String>,
}

impl Done {
    /// Done, with nothing to add.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Done, with one line for people: "served over HTTP, the certificate follows".
    pub fn with_detail(detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()) }
    }
}

/// What a step is told about its own run. Cheap to clone into a task of the step's own.
#[derive(Clone)]
pub struct StepRun {
    step: &'static str,
    attempt: u32,
    token: CancellationToken,
    log: Arc<dyn Log>,
}

impl StepRun {
    pub(crate) fn new(step: &'static str, attempt: u32, token: CancellationToken, log: Arc<dyn Log>) -> Self {
        Self { step, attempt, token, log }
    }

    /// A run that belongs to no saga, for calling a step's `act` or `undo` by hand in a test.
    pub fn detached(step: &'static str) -> Self {
        Self::new(step, 1, CancellationToken::new(), Arc::new(MemoryLog::new()))
    }

    /// Which attempt this is, from 1. Counts the retries of this executor only: a crash starts
    /// again at 1, so it must not decide about effects.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Fires when the step should return soon: the job is cancelled, the process stops, or the
    /// step is over (deadline, lost lease) and work it spawned must end.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Awaits `work`, unless the run is cancelled first: then `Err(StepError::Cancelled)`.
    pub async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, StepError> {
        tokio::select! {
            biased;
            () = self.token.cancelled() => Err(StepError::Cancelled),
            value = work => Ok(value),
        }
    }

    /// Writes a line of live log. Best effort: it may be lost, and recovery never reads it.
    pub async fn note(&self, line: &str) {
        self.log.note(self.step, line).await;
    }
}
