//! What sites store.

use super::{Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 6,
    name: "storage",
    oldest_release: 3,
    tables: &[
        // disk: the site's own limit; none: the operator's for all. volumes: a JSON object, by volume.
        Table {
            name: "storage",
            columns: "site {id} NOT NULL PRIMARY KEY, disk bigint, bytes bigint NOT NULL, volumes {text} NOT NULL,
                level varchar(16) NOT NULL, measured_at bigint,
                CONSTRAINT storage_site FOREIGN KEY (site) REFERENCES sites (id)",
            unique: &[],
            index: &[],
        },
        // day: since the Unix epoch.
        Table {
            name: "storage_days",
            columns: "site {id} NOT NULL, day bigint NOT NULL, bytes bigint NOT NULL, PRIMARY KEY (site, day),
                CONSTRAINT storage_days_site FOREIGN KEY (site) REFERENCES sites (id)",
            unique: &[],
            index: &[("storage_days_day", "day")],
        },
    ],
    columns: &[],
    primary_keys: &[],
    indexes: &[],
    rows: &[],
    backfill: &[],
};
