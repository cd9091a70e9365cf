//! What is written to the log. The serde names are stored for years: add, never rename.

use serde::{Deserialize, Serialize};

/// One fact about a saga's run. Carries no clock; the log stamps it ([`Entry`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The step is about to act: from here on its effects may exist.
    Started {
        /// Name of the step.
        step: String,
    },
    /// The step acted.
    Succeeded {
        /// Name of the step.
        step: String,
        /// One line for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// The step failed for good. Unwinding follows.
    Failed(Failure),
    /// The step needs a person's decision. The saga is stuck, nothing is undone.
    Asked(Failure),
    /// From here on the started steps are undone, the last one first.
    Unwinding {
        /// Why.
        cause: Cause,
    },
    /// The step is about to be undone.
    UndoStarted {
        /// Name of the step.
        step: String,
    },
    /// Nothing of the step is left.
    UndoFinished {
        /// Name of the step.
        step: String,
    },
    /// The undo failed for good. The saga is stuck.
    UndoFailed {
        /// Name of the step.
        step: String,
        /// Why, for the operator.
        reason: String,
    },
    /// A person told a stuck saga to try again what it is stuck at.
    Resumed {
        /// Who.
        by: String,
    },
    /// The saga is over. Nothing follows.
    Finished {
        /// How it ended.
        outcome: Ending,
    },
}

impl Event {
    /// The step it is about; `None` for what concerns the whole run.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Started { step }
            | Self::Succeeded { step, .. }
            | Self::UndoStarted { step }
            | Self::UndoFinished { step }
            | Self::UndoFailed { step, .. } => Some(step),
            Self::Failed(failure) | Self::Asked(failure) => Some(&failure.step),
            Self::Unwinding { .. } | Self::Resumed { .. } | Self::Finished { .. } => None,
        }
    }
}

/// A step that failed, or asked, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Name of the step.
    pub step: String,
    /// A sentence for the customer.
    pub public: String,
    /// The chain of errors, for the operator; may be empty.
    pub source: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.public)?;
        if self.source.is_empty() { Ok(()) } else { write!(f, " ({})", self.source) }
    }
}

/// Why a saga unwinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A step failed.
    Failed,
    /// Somebody cancelled the job.
    Cancelled,
    /// A step asked a person, who answered: give it up.
    Abandoned,
}

/// How a saga ended, for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All done.
    Succeeded,
    /// The world as before.
    RolledBack,
    /// A person closed a stuck saga and left the world as it is.
    Abandoned {
        /// Who.
        by: String,
    },
}

/// An event as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Place in the log of this saga, rising.
    pub seq: i64,
    /// When it was written, in milliseconds of Unix time.
    pub at_ms: i64,
    /// What was written.
    pub event: Event,
}
