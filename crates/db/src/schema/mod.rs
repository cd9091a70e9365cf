//! Migrations: numbered, forward-only, and expand/contract, so that the release before still runs on
//! the schema of the release after.
//!
//! - A migration is written once for all databases: columns in plain SQL with a few type words in
//!   braces, indexes as names and columns ([`Table`]).
//! - A released migration is never edited; the next number changes what it made.
//! - Words that will grow in number, such as a site's states, are rows that a foreign key points at: a
//!   row can be added everywhere, a CHECK can't be altered in SQLite without copying the table.
//! - Two processes that migrate at once wait for each other: SQLite's one writer, PostgreSQL's advisory
//!   lock, MySQL's named lock. MySQL commits at every statement that makes or alters a table, so each
//!   statement can be repeated.
//! - A column that is added is nullable or has a default: the release before doesn't know of it.

mod migrate;
mod render;
mod v1;
mod v2;

pub(crate) use migrate::{migrate, pending};

/// One numbered step of the schema.
pub(crate) struct Migration {
    /// Its number; they follow one another from 1.
    pub(crate) version: i64,
    /// What it is for.
    pub(crate) name: &'static str,
    /// Tables it makes.
    pub(crate) tables: &'static [Table],
    /// Columns it adds to tables that are there: table, name and type, with the words of [`Table::columns`].
    pub(crate) columns: &'static [(&'static str, &'static str, &'static str)],
    /// Rows it inserts: table, columns, values; left alone where they are there already.
    pub(crate) rows: &'static [(&'static str, &'static str, &'static [&'static str])],
}

/// A new table.
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// Columns, primary key, foreign keys and checks. `{id}`, `{hash}`, `{text}`, `{long}` and
    /// `{serial}` stand for the database's own type.
    pub(crate) columns: &'static str,
    /// Unique indexes: name and columns.
    pub(crate) unique: &'static [(&'static str, &'static str)],
    /// Other indexes: name and columns.
    pub(crate) index: &'static [(&'static str, &'static str)],
}

/// All migrations, in order.
pub(crate) const MIGRATIONS: &[Migration] = &[v1::MIGRATION, v2::MIGRATION];
