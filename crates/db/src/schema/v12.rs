//! The audit trail is chained: each entry has a place in a chain of keyed hashes.

use super::{Index, Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 12,
    name: "chain of the audit trail",
    oldest_release: 3,
    tables: &[
        // The end of the chain, one row. mac: over the other columns but logged. logged: up to which position the entries
        // are in logs/security.log.
        Table {
            name: "audit_chain",
            columns: "name varchar(16) NOT NULL PRIMARY KEY, position bigint NOT NULL, hash {hash} NOT NULL,
                started_at bigint NOT NULL, mac {hash} NOT NULL, logged bigint NOT NULL",
            unique: &[],
            index: &[],
        },
        // Where the chain in the database begins: everything up to this position was moved to a file. mac: over the
        // other columns and the mac of the checkpoint before.
        Table {
            name: "audit_checkpoints",
            columns: "position bigint NOT NULL PRIMARY KEY, hash {hash} NOT NULL, entries bigint NOT NULL,
                file varchar(128) NOT NULL, file_hash {hash} NOT NULL, at_ms bigint NOT NULL, mac {hash} NOT NULL",
            unique: &[],
            index: &[("audit_checkpoints_file", "file")],
        },
    ],
    columns: &[
        // What the process that wrote the entry has signed; NULL in entries of earlier releases.
        ("audit", "signature", "{hash}"),
        // NULL until the entry is sealed.
        ("audit", "chain_position", "bigint"),
        ("audit", "chain_hash", "{hash}"),
    ],
    primary_keys: &[],
    indexes: &[Index { table: "audit", name: "audit_chain_position", columns: "chain_position, seq" }],
    rows: &[],
    backfill: &[],
};
