//! The database: schema, migrations, and every query and transaction, in a module per area. No SQL lives
//! outside this crate, and no ORM type leaves it.
//!
//! Rules, and why:
//!
//! 1. **One code base for SQLite, MariaDB/MySQL and PostgreSQL**, and one test suite for all
//!    three. Differences live in [`Db`], the schema and the error table, not in queries.
//! 2. **Constraints enforce the invariants**: the database itself keeps hostnames, subnet leases and the one
//!    unfinished job per site unique. [`Constraint`] names them.
//! 3. **Reading takes [`&impl Conn`](Conn), writing takes [`&Tx`](Tx)**, so related writes share a
//!    transaction and no read path writes by accident.
//! 4. **No network call inside a transaction.** SQLite has one writer; holding it while waiting for an
//!    engine or a mail server would stop the platform.
//! 5. **One order of locks**, so that transactions wait for each other and never in a circle: the site's row
//!    (`site_lock`), then rows that belong to it (hostnames, domains, certificates, jobs), then orders of certificates,
//!    and last the version of the routes. A deadlock that happens nevertheless is retried by [`Db::write`].
//! 6. **No clock, no randomness.** The caller passes `now` and creates the ids, so tests control both.
//! 7. **Stored values are parsed on the way out**, into the same types as user input. A value that
//!    can't be parsed is a [`DbError::Corrupt`] with its table and id.
//! 8. **Lists of programs use keyset pagination**, newest first: the cost of a page depends neither on its position nor
//!    on the size of the table. Screens page by [number](listing), so that people see how many there are.

pub mod accounts;
pub mod backups;
pub mod billing;
mod codec;
mod constraint;
pub mod core;
mod db;
pub mod domains;
mod entity;
mod error;
pub mod listing;
mod open;
mod page;
mod schema;
pub mod search;
mod site_row;
pub mod sites;
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
    accounts::{invitations, members, one_time, sessions, tokens, users},
    core::{idempotency, jobs, jobs::log as job_log, meta, tasks},
    domains::{certificates, certificates::orders as certificate_orders, dns_records, route_changes, routes},
    sites::{leases, secrets, traffic},
};

pub use db::{Backend, BoxFuture, Conn, Db, Tx, WriteTx};
pub use error::{Constraint, DbError, Retry, Source};
pub use page::Page;
