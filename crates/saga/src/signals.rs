//! How a run is steered from outside, and how it comes to rest.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{Cause, Failure};

/// The reins of one call to [`crate::execute`].
#[derive(Debug, Clone)]
pub struct RunSignals {
    /// The job is cancelled: unwind.
    pub cancel: CancellationToken,
    /// The process stops: come to rest, to be resumed later. A step that runs gets two seconds.
    pub stop: CancellationToken,
    /// The heartbeat found the lease gone: drop everything at once.
    pub lost: CancellationToken,
    /// How long a log that can't be reached is waited for before the run rests as interrupted.
    /// Keep it under the lease's remaining time.
    pub log_patience: Duration,
}

impl RunSignals {
    /// Reins with the usual patience, and a `lost` of its own.
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
        }
    }
}

/// How a call to [`crate::execute`] came to rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All done.
    Succeeded,
    /// The world as before.
    RolledBack {
        /// Why.
        cause: Cause,
        /// The step that failed or asked; `None` when the job was cancelled.
        failure: Option<Failure>,
    },
    /// A person has to look. Nothing moves until the log has a `Resumed`, an `Unwinding` by a
    /// person, or a `Finished`.
    Stuck {
        /// The step it is stuck at; `None` when the log itself makes no sense.
        step: Option<String>,
        /// Why, for the operator.
        reason: String,
    },
    /// A person had closed it as it was.
    Abandoned {
        /// Who.
        by: String,
    },
    /// Somebody else has the lease. Nothing was touched since that was noticed.
    LeaseLost,
    /// Stopped, or the log could not be reached: call again later.
    Interrupted,
}

impl Outcome {
    /// Whether this is one of the two good ends: all done, or the world as before.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Succeeded | Self::RolledBack { .. })
    }
}
