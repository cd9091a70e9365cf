//! The signals that steer a run from outside, and its outcome.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{Cause, Failure};

/// The place of a run among those that work at the same time. A run gives it up while it only waits.
#[async_trait]
pub trait Slot: fmt::Debug + Send + Sync {
    /// Gives the slot up; nothing happens if the run has none.
    fn release(&self);
    /// Waits for a slot; returns at once if the run has one.
    async fn acquire(&self);
}

/// The signals to one call of [`crate::execute`].
#[derive(Debug, Clone)]
pub struct RunSignals {
    /// The job is cancelled: unwind.
    pub cancel: CancellationToken,
    /// The process stops: interrupt the run, to be continued later. A running step gets two seconds.
    pub stop: CancellationToken,
    /// The heartbeat found the lease lost: drop everything immediately.
    pub lost: CancellationToken,
    /// How long to wait for an unavailable log before the run is interrupted. Keep it below the lease's
    /// remaining time.
    pub log_patience: Duration,
    /// The run's slot, held at the start; `None` if the number of runs is not limited.
    pub slot: Option<Arc<dyn Slot>>,
}

impl RunSignals {
    /// Signals with the default patience and a new `lost` token.
    pub fn new(cancel: CancellationToken, stop: CancellationToken) -> Self {
        Self { cancel, stop, ..Self::default() }
    }
}

impl Default for RunSignals {
    fn default() -> Self {
        Self {
            cancel: CancellationToken::new(),
            stop: CancellationToken::new(),
            lost: CancellationToken::new(),
            log_patience: Duration::from_secs(20),
            slot: None,
        }
    }
}

/// How a call of [`crate::execute`] ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All done.
    Succeeded,
    /// All started steps are undone.
    RolledBack {
        /// Why.
        cause: Cause,
        /// The step that failed or asked; `None` when the job was cancelled.
        failure: Option<Failure>,
    },
    /// A person has to decide. Nothing happens until the log has a `Resumed`, an `Unwinding` by a person,
    /// or a `Finished`.
    Stuck {
        /// The step it is stuck at; `None` if the log itself is corrupt.
        step: Option<String>,
        /// Why, for the operator.
        reason: String,
    },
    /// A person has closed it and left everything as it is.
    Abandoned {
        /// Who.
        by: String,
    },
    /// Another executor has the lease. Nothing was touched after that was noticed.
    LeaseLost,
    /// Stopped, or the log is unavailable: call again later.
    Interrupted,
}

impl Outcome {
    /// Whether all steps are done, or all started ones undone.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Succeeded | Self::RolledBack { .. })
    }
}
