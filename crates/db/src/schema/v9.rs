//! Notes of staff about customers.

use super::{Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 9,
    name: "customer notes",
    oldest_release: 3,
    tables: &[Table {
        name: "customer_notes",
        columns: "id {id} NOT NULL PRIMARY KEY, customer {id} NOT NULL, author {id} NOT NULL, text {text} NOT NULL,
            created_at bigint NOT NULL,
            CONSTRAINT customer_notes_customer_fk FOREIGN KEY (customer) REFERENCES customers (id)",
        unique: &[],
        index: &[("customer_notes_customer", "customer, id")],
    }],
    columns: &[],
    primary_keys: &[],
    indexes: &[],
    rows: &[],
    backfill: &[],
};
