//! Migrations: numbered, forward-only, and expand/contract, so that the previous release still runs on the new
//! schema. Each migration records the oldest release that runs on it ([`Migration::oldest_release`]): a release that
//! finds migrations which it doesn't know runs if all of them permit it, and refuses otherwise.
//!
//! - A migration is written once for all databases: columns in plain SQL with a few type placeholders in
//!   braces, indexes as names and columns ([`Table`]).
//! - A released migration is never edited; a later one changes what it created.
//! - Enumerations that will grow, such as a site's states, are rows referenced by a foreign key: a row can be
//!   added on every database, while SQLite can't alter a CHECK without copying the table.
//! - Concurrent migrations wait for each other: on SQLite's writer, PostgreSQL's advisory lock, MySQL's named
//!   lock. MySQL commits at every DDL statement, so each statement is repeatable.
//! - An added column is nullable or has a default, because the previous release doesn't know it.

mod migrate;
mod render;
mod v1;
mod v10;
mod v11;
mod v12;
mod v13;
mod v14;
mod v15;
mod v16;
mod v2;
mod v3;
mod v4;
mod v5;
mod v6;
mod v7;
mod v8;
mod v9;

pub(crate) use migrate::{migrate, pending};

/// One numbered step of the schema.
pub(crate) struct Migration {
    /// Version, consecutive from 1.
    pub(crate) version: i64,
    /// Purpose.
    pub(crate) name: &'static str,
    /// The last migration of the oldest release that still runs on this schema. A migration that drops or renames
    /// what that release uses raises it.
    pub(crate) oldest_release: i64,
    /// New tables.
    pub(crate) tables: &'static [Table],
    /// Columns added to existing tables: table, name and type, with the placeholders of [`Table::columns`].
    pub(crate) columns: &'static [(&'static str, &'static str, &'static str)],
    /// Primary keys for tables that have none: table, and its unique index on the columns.
    pub(crate) primary_keys: &'static [(&'static str, &'static str)],
    /// Indexes added to existing tables.
    pub(crate) indexes: &'static [Index],
    /// Rows to insert: table, columns, values; existing rows are left alone.
    pub(crate) rows: &'static [(&'static str, &'static str, &'static [&'static str])],
    /// Statements that bring existing rows into the new form, the same in all databases; each can be
    /// repeated.
    pub(crate) backfill: &'static [&'static str],
}

/// An index of an existing table, not unique.
pub(crate) struct Index {
    /// The table.
    pub(crate) table: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// The columns.
    pub(crate) columns: &'static str,
}

/// A new table.
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// Columns, primary key, foreign keys and checks. `{id}`, `{hash}`, `{bytes}`, `{text}`, `{long}`, `{serial}` and
    /// `{generated}` stand for what the database has for it.
    pub(crate) columns: &'static str,
    /// Unique indexes: name and columns.
    pub(crate) unique: &'static [(&'static str, &'static str)],
    /// Other indexes: name and columns.
    pub(crate) index: &'static [(&'static str, &'static str)],
}

/// All migrations, in order.
pub(crate) const MIGRATIONS: &[Migration] = &[
    v1::MIGRATION,
    v2::MIGRATION,
    v3::MIGRATION,
    v4::MIGRATION,
    v5::MIGRATION,
    v6::MIGRATION,
    v7::MIGRATION,
    v8::MIGRATION,
    v9::MIGRATION,
    v10::MIGRATION,
    v11::MIGRATION,
    v12::MIGRATION,
    v13::MIGRATION,
    v14::MIGRATION,
    v15::MIGRATION,
    v16::MIGRATION,
];
