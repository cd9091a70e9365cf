//! The database: schema, migrations, and every query and transaction, in a module per area. No SQL lives
//! outside this crate, and no ORM type leaves it.
//!
//! Rules, and why:
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
pub mod backups;
mod codec;
mod constraint;
pub mod core;
mod db;
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
mod schema;
mod site_row;
pub mod sites;
pub mod tasks;
pub mod tokens;
pub mod traffic;
mod wal_sync;

/// The audit trail and the histories of sites, for callers that don't name the area yet.
pub mod history {
    pub use crate::{
        core::audit::{AuditEvent, audit, audit_list},
        sites::events::{SiteEvent, site_event, site_events},
    };
}

// Paths without the area, for callers that don't name it yet.
pub use self::{
    accounts::{sessions, tokens},
    core::{idempotency, jobs, jobs::log as job_log, meta, tasks},
    domains::{certificates, certificates::orders as certificate_orders, dns_records, routes},
    sites::{leases, secrets, traffic},
};

pub use db::{Backend, BoxFuture, Conn, Db, Tx, WriteTx};
pub use error::{Constraint, DbError, Retry, Source};
pub use page::Page;
