//! A step: what it does, and how it is undone.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::memory::MemoryLog;
use crate::{Log, Slot, StepError, UndoError};

/// A shorter wait is not worth the place in the queue that giving up the slot costs.
const SLOT_PATIENCE: Duration = Duration::from_millis(500);

/// One step of a saga.
///
/// Both halves run again after a crash, so both must be **idempotent**: `act` finds what an earlier run
/// made and continues from there; `undo` works if `act` never ran, ran partly, or was undone before, and
/// removes only what carries this operation's label. The futures may be dropped at any await (deadline,
/// lost lease), which is like a crash.
#[async_trait]
pub trait Step<P, C>: Send + Sync + 'static
where
    P: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    /// The stable name, in snake_case; it is in the log.
    fn name(&self) -> &'static str;

    /// What people read: "Starting the containers".
    fn title(&self) -> &'static str;

    /// How long `act` may take with all its retries. After that the step has failed.
    fn deadline(&self) -> Duration {
        Duration::from_secs(10 * 60)
    }

    /// How long `undo` may take with all its retries. After that the saga is stuck.
    fn undo_deadline(&self) -> Duration {
        Duration::from_secs(15 * 60)
    }

    /// Whether this step is the point of no return. It must then be the saga's last step and **one
    /// atomic transaction** that recognizes its own earlier success: [`StepError::Fail`] means that
    /// nothing was committed. Once started it can't be cancelled. If nobody knows how it ended (panic,
    /// deadline), the saga asks a person instead of undoing what may be complete.
    fn is_commit(&self) -> bool {
        false
    }

    /// Performs the step.
    async fn act(&self, cx: &C, plan: &P, run: &StepRun) -> Result<Done, StepError>;

    /// Undoes the step. Never called after a commit step has succeeded. Cancelling does not reach the `run`
    /// of an undo: an unwinding saga can only be stopped, and continues later.
    async fn undo(&self, cx: &C, plan: &P, run: &StepRun) -> Result<(), UndoError>;
}

/// A step that succeeded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// One line for people.
    pub detail: Option<String>,
}

impl Done {
    /// Done, without a detail.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Done, with one line for people: "served over HTTP, the certificate follows".
    pub fn with_detail(detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()) }
    }
}

/// A step's view of its own run. Cheap to clone into tasks that the step spawns.
#[derive(Clone)]
pub struct StepRun {
    step: &'static str,
    attempt: u32,
    token: CancellationToken,
    log: Arc<dyn Log>,
    slot: Option<Arc<dyn Slot>>,
}

impl StepRun {
    pub(crate) fn new(
        step: &'static str,
        attempt: u32,
        token: CancellationToken,
        log: Arc<dyn Log>,
        slot: Option<Arc<dyn Slot>>,
    ) -> Self {
        Self { step, attempt, token, log, slot }
    }

    /// A run without a saga, to call a step's `act` or `undo` in a test.
    pub fn detached(step: &'static str) -> Self {
        Self::new(step, 1, CancellationToken::new(), Arc::new(MemoryLog::new()), None)
    }

    /// The number of this attempt, from 1. Counts only the attempts of this executor: after a crash it is
    /// 1 again, so effects must not depend on it.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Cancelled when the step should return soon: the job is cancelled, the process stops, or the step is
    /// over (deadline, lost lease) and the work it spawned must end.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Awaits `work`; returns `Err(StepError::Cancelled)` if the run is cancelled first.
    pub async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, StepError> {
        tokio::select! {
            biased;
            () = self.token.cancelled() => Err(StepError::Cancelled),
            value = work => Ok(value),
        }
    }

    /// Awaits `work`, which only waits for the world: an answer, a certificate, a pause. If that takes longer than
    /// half a second, the run gives its slot up meanwhile, and other jobs go on.
    pub async fn waiting<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(slot) = &self.slot else { return work.await };
        let mut work = pin!(work);
        if let Ok(value) = timeout(SLOT_PATIENCE, work.as_mut()).await {
            return value;
        }
        slot.release();
        let value = work.await;
        slot.acquire().await;
        value
    }

    /// Writes a line of live log. Best effort: it may be lost, and recovery never reads it.
    pub async fn note(&self, line: &str) {
        self.log.note(self.step, line).await;
    }
}
