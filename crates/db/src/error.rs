//! Database errors: a closed list, so that callers decide by kind and never by text.

use std::sync::Arc;

use sea_orm::{
    DbErr, RuntimeErr, SqlxMySqlError, SqlxPostgresError,
    sqlx::{self, error::DatabaseError},
};
use stoa_model::site::IllegalMove;

pub use crate::constraint::Constraint;

/// The underlying error; opaque, for logs.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Conflict with another transaction (deadlock, serialization failure, lock timeout). Nothing was
    /// written; the whole transaction can be retried, as [`Db::write`](crate::Db::write) does.
    #[error("the database is busy: {0}")]
    Busy(#[source] Source),
    /// The database can't be reached. The outcome of a commit is then unknown.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Source),
    /// The disk is full.
    #[error("the database's disk is full: {0}")]
    Full(#[source] Source),
    /// A unique constraint was violated.
    #[error("{0} already exists")]
    Conflict(Constraint),
    /// A stored value can't be read. Retrying does not help.
    #[error("a stored value can't be read: {table} {id}: {why}")]
    Corrupt {
        /// Table of the row.
        table: &'static str,
        /// Which row.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// The row to change does not exist.
    #[error("no such row in {0}")]
    Missing(&'static str),
    /// The row is no longer in the state that the change requires.
    #[error("{table} {id} is no longer {expected}")]
    StaleWrite {
        /// Table of the row.
        table: &'static str,
        /// Which row.
        id: String,
        /// The state it should have been in.
        expected: &'static str,
    },
    /// The state machine does not allow this transition.
    #[error(transparent)]
    Illegal(#[from] IllegalMove),
    /// Everything in the engine's lease pool is leased or taken.
    #[error("the engine's lease pool has no free lease")]
    Exhausted,
    /// The caller no longer holds the lease.
    #[error("the lease was lost to another worker, or released")]
    LeaseLost,
    /// Anything else: a bug, or a misconfigured database.
    #[error("database error: {0}")]
    Other(#[source] Source),
}

/// Tells [`Db::write`](crate::Db::write) whether an error of the caller's own type means "retry the whole
/// transaction".
pub trait Retry {
    /// Whether nothing was written and a retry may succeed.
    fn is_busy(&self) -> bool;
}

impl Retry for DbError {
    fn is_busy(&self) -> bool {
        matches!(self, Self::Busy(_))
    }
}

impl DbError {
    pub(crate) fn stale_write(table: &'static str, id: impl ToString, expected: &'static str) -> Self {
        Self::StaleWrite { table, id: id.to_string(), expected }
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::Other(message.into().into())
    }
}

impl From<DbErr> for DbError {
    fn from(error: DbErr) -> Self {
        match error {
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => classify(error),
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(error.into()),
            DbErr::Type(why) | DbErr::Json(why) => Self::Corrupt { table: "(a row)", id: String::new(), why },
            error => Self::Other(error.into()),
        }
    }
}

/// Classifies a driver's error.
pub(crate) fn classify(error: Arc<sqlx::Error>) -> DbError {
    match &*error {
        sqlx::Error::Database(database) => match kind(&**database) {
            Kind::Busy => DbError::Busy(error.into()),
            Kind::Unavailable => DbError::Unavailable(error.into()),
            Kind::Full => DbError::Full(error.into()),
            Kind::Conflict(constraint) => DbError::Conflict(constraint),
            Kind::Other => DbError::Other(error.into()),
        },
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => DbError::Unavailable(error.into()),
        sqlx::Error::ColumnDecode { index, source } => {
            DbError::Corrupt { table: "(column)", id: index.clone(), why: source.to_string() }
        }
        _ => DbError::Other(error.into()),
    }
}

enum Kind {
    Busy,
    Unavailable,
    Full,
    Conflict(Constraint),
    Other,
}

/// Classifies by SQLite's result codes, MySQL's error numbers and PostgreSQL's SQLSTATE.
fn kind(error: &dyn DatabaseError) -> Kind {
    if let Some(error) = error.try_downcast_ref::<SqlxMySqlError>() {
        return match error.number() {
            1020 | 1205 | 1213 => Kind::Busy,
            1021 | 1114 => Kind::Full,
            // 1290, 1792, 1836: it is read-only, as the other server is after a fail-over.
            1040 | 1053 | 1158..=1161 | 1290 | 1792 | 1836 | 1927 => Kind::Unavailable,
            // Duplicate entry '…' for key '…': the value is untrusted text, the key's name comes last.
            1062 => {
                let key = error.message().rsplit("for key").next().unwrap_or_default();
                Kind::Conflict(Constraint::find(key.trim().trim_matches('\'')))
            }
            _ => Kind::Other,
        };
    }
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqlxPostgresError>().is_some() {
        return match &*code {
            "40001" | "40P01" | "55P03" => Kind::Busy,
            "53100" => Kind::Full,
            // 25006: it is read-only, as the other server is after a fail-over.
            "25006" | "53300" | "57P01" | "57P02" | "57P03" => Kind::Unavailable,
            "23505" => Kind::Conflict(Constraint::find(error.constraint().unwrap_or_default())),
            code if code.starts_with("08") => Kind::Unavailable,
            _ => Kind::Other,
        };
    }
    // SQLite: the low byte is the primary result code, the rest is the extended code.
    let code: u32 = code.parse().unwrap_or_default();
    match (code, code & 0xff) {
        (1555 | 2067, _) => Kind::Conflict(Constraint::find(error.message().rsplit(": ").next().unwrap_or_default())),
        (_, 5 | 6) => Kind::Busy,
        (_, 8 | 10 | 14) => Kind::Unavailable,
        (_, 13) => Kind::Full,
        _ => Kind::Other,
    }
}
