//! Staff accounts with a name and a life of their own, and sessions in which staff view the portal as a customer.

use super::Migration;

pub(super) const MIGRATION: Migration = Migration {
    version: 11,
    name: "staff accounts",
    oldest_release: 3,
    tables: &[],
    columns: &[
        ("staff", "name", "varchar(120)"),
        // A deactivated or deleted account also loses its password, so that the previous release lets nobody in.
        ("staff", "deactivated_at", "bigint"),
        // The row stays, because notes and the audit trail refer to it.
        ("staff", "deleted_at", "bigint"),
        // Until when a temporary password works; NULL for one that its owner has chosen.
        ("staff", "password_expires_at", "bigint"),
        ("staff", "last_login_at", "bigint"),
        // Counts the changes of name, e-mail address, role and state.
        ("staff", "version", "bigint NOT NULL DEFAULT 0"),
        // The customer as whom a member of staff (actor) views the portal. auth_epoch is negative then (-1 - epoch): the
        // previous release, which doesn't know the column, takes the session for an ended one.
        ("sessions", "viewed_customer", "{id}"),
        // When the session of staff ends that it goes back to.
        ("sessions", "staff_ends_at", "bigint"),
    ],
    primary_keys: &[],
    indexes: &[],
    rows: &[],
    backfill: &[],
};
