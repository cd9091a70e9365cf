//! The events in the log. Their serde names are stored for years: add, never rename.

use serde::{Deserialize, Serialize};

/// One fact about a saga's run. The log adds the time ([`Entry`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The step is about to act: from now on its effects may exist.
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
    /// The step failed. Unwinding follows.
    Failed(Failure),
    /// The step needs a person's decision. The saga is stuck, and nothing is undone.
    Asked(Failure),
    /// From now on the started steps are undone, the last one first.
    Unwinding {
        /// Why.
        cause: Cause,
    },
    /// The step is about to be undone.
    UndoStarted {
        /// Name of the step.
        step: String,
    },
    /// The step is undone.
    UndoFinished {
        /// Name of the step.
        step: String,
    },
    /// The undo failed. The saga is stuck.
    UndoFailed {
        /// Name of the step.
        step: String,
        /// Why, for the operator.
        reason: String,
    },
    /// A person made a stuck saga retry.
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
    /// The step that the event is about; `None` for events of the whole run.
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

/// A step that failed or asked a person, and why.
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
    /// A step asked a person, who chose to undo.
    Abandoned,
}

/// How a saga ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All done.
    Succeeded,
    /// All started steps are undone.
    RolledBack,
    /// A person closed a stuck saga and left everything as it is.
    Abandoned {
        /// Who.
        by: String,
    },
}

/// An event in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Position in the log of this saga, increasing.
    pub seq: i64,
    /// When it was written, in milliseconds of Unix time.
    pub at_ms: i64,
    /// What was written.
    pub event: Event,
}
