//! The database: schema, migrations, and every query of the platform.
#![allow(clippy::todo, clippy::too_many_arguments)]

pub mod accounts;
pub mod backups;
mod constraint;
mod db;
mod error;
pub mod history;
pub mod idempotency;
pub mod job_log;
pub mod jobs;
pub mod leases;
pub mod meta;
mod page;
pub mod routes;
pub mod secrets;
pub mod sessions;
pub mod sites;
pub mod tasks;
pub mod tokens;

pub use db::{Backend, BoxFuture, Conn, Db, Tx, WriteTx};
pub use error::{Constraint, DbError, Retry, Source};
pub use page::Page;
