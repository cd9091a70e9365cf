//! Second factors, abilities of API tokens, failed logins, and names that rest.
//!
//! A `subject` is the account that logs in, in the form of `sessions.actor`.

use super::{Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 8,
    name: "second factors",
    oldest_release: 3,
    tables: &[
        // last_step: the newest time step whose code was accepted, so that no code is accepted twice.
        Table {
            name: "totp",
            columns: "subject varchar(48) NOT NULL PRIMARY KEY, sealed {text} NOT NULL, created_at bigint NOT NULL,
                confirmed_at bigint, last_step bigint NOT NULL",
            unique: &[],
            index: &[],
        },
        Table {
            name: "recovery_codes",
            columns: "subject varchar(48) NOT NULL, hash {hash} NOT NULL, created_at bigint NOT NULL, used_at bigint,
                PRIMARY KEY (subject, hash)",
            unique: &[],
            index: &[],
        },
        // Between the password and the second factor.
        Table {
            name: "login_flows",
            columns: "hash {hash} NOT NULL PRIMARY KEY, subject varchar(48) NOT NULL, tries bigint NOT NULL,
                expires_at bigint NOT NULL",
            unique: &[],
            index: &[("login_flows_subject", "subject"), ("login_flows_expires", "expires_at")],
        },
        // account: the hash of the address that was typed, whether or not there is such an account.
        Table {
            name: "login_failures",
            columns: "account varchar(64) NOT NULL PRIMARY KEY, failures bigint NOT NULL, last_at bigint NOT NULL",
            unique: &[],
            index: &[("login_failures_last", "last_at")],
        },
        // Hostnames of purged sites, kept for their former owner until the end of the rest.
        Table {
            name: "resting_names",
            columns: "hostname varchar(253) NOT NULL PRIMARY KEY, customer {id} NOT NULL, until bigint NOT NULL",
            unique: &[],
            index: &[("resting_names_until", "until")],
        },
    ],
    columns: &[
        ("tokens", "prefix", "varchar(24) NOT NULL DEFAULT ''"),
        // Explicit: what earlier releases issued has all of the account's rights; an empty list has none.
        ("tokens", "abilities", "varchar(255) NOT NULL DEFAULT 'read read:secrets write deploy billing'"),
        ("sessions", "second_factor_at", "bigint"),
        ("audit", "address", "varchar(64)"),
        ("audit", "credential", "varchar(64)"),
    ],
    primary_keys: &[],
    indexes: &[],
    rows: &[],
    backfill: &[],
};
