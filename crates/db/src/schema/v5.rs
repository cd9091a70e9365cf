//! What several processes must agree on: changes of routes, challenges of certificate authorities, how each edge
//! follows, and attempts.

use super::{Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 5,
    name: "several processes",
    oldest_release: 3,
    tables: &[
        // site: only for a change of one site. process: who made the change, and applies it itself.
        Table {
            name: "route_changes",
            columns: "version bigint NOT NULL PRIMARY KEY, kind varchar(16) NOT NULL, site {id},
                process varchar(128) NOT NULL",
            unique: &[],
            index: &[],
        },
        Table {
            name: "acme_challenges",
            columns: "path varchar(255) NOT NULL PRIMARY KEY, body {text} NOT NULL, created_at bigint NOT NULL",
            unique: &[],
            index: &[],
        },
        // version: of the routes that this edge serves.
        Table {
            name: "edges",
            columns: "process varchar(128) NOT NULL PRIMARY KEY, version bigint NOT NULL, behind_since bigint,
                problem {text}, seen_at bigint NOT NULL",
            unique: &[],
            index: &[],
        },
        // full_at: when all attempts will be available again.
        Table {
            name: "rate_limits",
            columns: "name varchar(191) NOT NULL PRIMARY KEY, full_at bigint NOT NULL",
            unique: &[],
            index: &[("rate_limits_full", "full_at")],
        },
    ],
    columns: &[],
    primary_keys: &[],
    indexes: &[],
    rows: &[],
    backfill: &[],
};
