//! The log that a saga is recovered from. A trait, because the caller owns the database.

use async_trait::async_trait;

use crate::Event;

/// The number of a lease on a saga. Each new holder has a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Epoch(pub i64);

/// The durable log of one run of one saga.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Appends all of `events` or none, if `epoch` is the current one, in one transaction. An empty slice
    /// still checks the epoch.
    async fn append(&self, epoch: Epoch, events: &[Event]) -> Result<(), LogError>;

    /// All events, in order.
    async fn load(&self) -> Result<Vec<Event>, LogError>;

    /// Stores a line of live log for people. Best effort, not used by recovery.
    async fn note(&self, step: &str, line: &str);
}

/// Why a call to the log failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Another executor holds the lease.
    #[error("another executor holds the lease on this saga")]
    LeaseLost,
    /// The log is unavailable; the append may or may not have happened.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
    /// The stored events can't be read. A retry does not help.
    #[error("the log can't be read: {0}")]
    Unreadable(String),
}
