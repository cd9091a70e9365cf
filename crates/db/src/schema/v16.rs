//! Where money and sites don't agree, and which fetch of an object of Stripe's was written.

use super::{Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 16,
    name: "payment mismatches",
    oldest_release: 3,
    tables: &[Table {
        name: "billing_mismatches",
        columns: "id varchar(255) NOT NULL PRIMARY KEY, kind varchar(32) NOT NULL, object varchar(255) NOT NULL,
            detail {text} NOT NULL, found_at bigint NOT NULL",
        unique: &[],
        index: &[("billing_mismatches_found", "found_at")],
    }],
    // The number of the fetch that was written last.
    columns: &[("stripe_objects", "written", "bigint NOT NULL DEFAULT 0")],
    primary_keys: &[],
    indexes: &[],
    rows: &[],
    backfill: &[],
};
