//! What the database can answer instead of a result: a closed list, so that callers decide by kind
//! and never by text.

use stoa_model::site::{IllegalMove, SiteState};

pub use crate::constraint::Constraint;

/// Where an error came from; opaque, for logs.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Another transaction was in the way (deadlock, serialization failure, lock time-out). Nothing
    /// was written; the whole transaction can be tried again, as [`Db::write`](crate::Db::write) does.
    #[error("the database is busy: {0}")]
    Busy(#[source] Source),
    /// The database can't be reached. What a commit did is then unknown.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Source),
    /// The disk is full.
    #[error("the database's disk is full: {0}")]
    Full(#[source] Source),
    /// What should be unique is there already.
    #[error("{0} exists already")]
    Conflict(Constraint),
    /// A stored value can't be read. Trying again will not help.
    #[error("a stored value can't be read: {table} {id}: {why}")]
    Corrupt {
        /// Table of the row.
        table: &'static str,
        /// Which row.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// The row to be changed does not exist.
    #[error("there is no such row in {0}")]
    Missing(&'static str),
    /// The row is no longer in the state that the change starts from.
    #[error("{table} {id} is no longer {expected}")]
    Moved {
        /// Table of the row.
        table: &'static str,
        /// Which row.
        id: String,
        /// The state it should have been in.
        expected: &'static str,
    },
    /// The table of states doesn't have this move.
    #[error(transparent)]
    Illegal(#[from] IllegalMove),
    /// All blocks of the pool of subnets are leased.
    #[error("no network is free in the pool")]
    Exhausted,
    /// Somebody else holds the lease now, or nobody.
    #[error("the lease is held by somebody else")]
    LeaseLost,
    /// Anything else: a bug, or a database that is set up wrong.
    #[error("database error: {0}")]
    Other(#[source] Source),
}

/// Whether an error means "try the whole transaction again". [`Db::write`](crate::Db::write) asks
/// this of the caller's own error type.
pub trait Retry {
    /// Whether nothing was written and another attempt may succeed.
    fn is_busy(&self) -> bool;
}

impl Retry for DbError {
    fn is_busy(&self) -> bool {
        matches!(self, Self::Busy(_))
    }
}

impl DbError {
    /// A row of `sites` that is not in the state `expected`.
    pub(crate) fn moved(table: &'static str, id: impl ToString, expected: &'static str) -> Self {
        Self::Moved { table, id: id.to_string(), expected }
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::Other(message.into().into())
    }
}

const _: fn(SiteState) -> &'static str = SiteState::as_str;
