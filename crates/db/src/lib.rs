//! The database: schema, migrations, and every query and transaction of the platform. No SQL lives
//! outside this crate, and nothing of the ORM leaves it.
//!
//! The rules, and why:
//!
//! 1. **One code base for SQLite, MariaDB/MySQL and PostgreSQL**, and one test suite over all three.
//!    Where they differ, the difference is in [`Db`], the schema and the error table, not in queries.
//! 2. **Constraints carry the invariants**: a hostname, a lease and an unfinished job are
//!    unique because the database says so, whatever the code above forgets. [`Constraint`] names them.
//! 3. **Reading takes [`&impl Conn`](Conn), writing takes [`&Tx`](Tx).** What belongs together is
//!    written together, and nobody writes by accident.
//! 4. **No network call inside a transaction.** SQLite has one writer: who holds it while he waits for
//!    an engine or a mail server stops the platform.
//! 5. **No clock, no randomness.** The caller passes `now` and makes the ids, so tests own both.
//! 6. **Stored values are parsed on the way out**, into the same types as at the door. What can't be
//!    parsed is [`DbError::Corrupt`], with its table and id.
//! 7. **Lists are pages by key**, newest first: the cost of a page depends neither on its number nor on
//!    how many rows there are.

pub mod accounts;
mod acme_accounts;
pub mod backups;
pub mod certificate_orders;
pub mod certificates;
mod codec;
mod constraint;
mod db;
pub mod dns_records;
mod domain_updates;
pub mod domains;
mod entity;
mod error;
pub mod history;
pub mod idempotency;
mod job_claim;
pub mod job_log;
pub mod jobs;
pub mod leases;
pub mod meta;
mod open;
mod page;
pub mod routes;
mod schema;
pub mod secrets;
pub mod sessions;
mod site_names;
mod site_row;
mod site_updates;
pub mod sites;
pub mod tasks;
pub mod tokens;
pub mod traffic;
mod wal_sync;

pub use db::{Backend, BoxFuture, Conn, Db, Tx, WriteTx};
pub use error::{Constraint, DbError, Retry, Source};
pub use page::Page;
