//! The log a saga is recovered from, as a trait: the caller owns the database.

use async_trait::async_trait;

use crate::Event;

/// The number of a lease on a saga. Every new holder has a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Epoch(pub i64);

/// The durable log of one run of one saga.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Appends `events`, all or none, if `epoch` is the current one; checks both in one
    /// transaction. An empty slice appends nothing, and still checks the epoch.
    async fn append(&self, epoch: Epoch, events: &[Event]) -> Result<(), LogError>;

    /// All events so far, in order.
    async fn load(&self) -> Result<Vec<Event>, LogError>;

    /// Keeps a line of live log for people. Best effort, no part of recovery.
    async fn note(&self, step: &str, line: &str);
}

/// Why the log did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Somebody else holds the lease now.
    #[error("the lease on this saga is held by somebody else")]
    LeaseLost,
    /// The log can't be reached; the append may or may not have happened.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
    /// What is stored can't be read. Trying again will not help.
    #[error("the log can't be read: {0}")]
    Unreadable(String),
}
