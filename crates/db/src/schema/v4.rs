//! Lanes of jobs, what processes tell each other, and what every table should have had: a primary key, and indexes for
//! retention.

use super::{Index, Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 4,
    name: "lanes, processes, primary keys",
    oldest_release: 3,
    tables: &[
        // What one of several processes does at a time. epoch: number of holders so far.
        Table {
            name: "process_leases",
            columns: "name varchar(64) NOT NULL PRIMARY KEY, owner varchar(128) NOT NULL, until bigint NOT NULL,
                epoch bigint NOT NULL",
            unique: &[],
            index: &[],
        },
        // process: empty for a reconciler that only one process runs at a time.
        Table {
            name: "reconcilers",
            columns: "name varchar(64) NOT NULL, process varchar(128) NOT NULL, ok_at bigint, failing_since bigint,
                error {text}, updated_at bigint NOT NULL, PRIMARY KEY (name, process)",
            unique: &[],
            index: &[],
        },
    ],
    columns: &[("jobs", "lane", "varchar(16) NOT NULL DEFAULT 'interactive'")],
    primary_keys: &[
        ("hostnames", "hostnames_hostname"),
        ("secrets", "secrets_name"),
        ("credentials", "credentials_ordinal"),
        ("idempotency", "idempotency_key"),
    ],
    indexes: &[
        Index { table: "jobs", name: "jobs_lane", columns: "lane, lease_until, id" },
        Index { table: "jobs", name: "jobs_owner", columns: "lease_owner" },
        Index { table: "jobs", name: "jobs_ended", columns: "ended_at" },
        Index { table: "site_events", name: "site_events_at", columns: "at_ms" },
        Index { table: "audit", name: "audit_at", columns: "at_ms" },
    ],
    rows: &[],
    backfill: &[],
};
