//! Passkeys, and notes of staff about customers.

use super::{Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 9,
    name: "passkeys and notes",
    oldest_release: 3,
    tables: &[
        // subject: as in sessions.actor. credential: the hash of the id that the authenticator gave it. public_key: with
        // what else a login is checked against, as the library writes it.
        Table {
            name: "passkeys",
            columns: "id {id} NOT NULL PRIMARY KEY, subject varchar(48) NOT NULL, credential {hash} NOT NULL,
                name varchar(80) NOT NULL, public_key {text} NOT NULL, created_at bigint NOT NULL, last_used_at bigint",
            unique: &[("passkeys_credential", "credential")],
            index: &[("passkeys_subject", "subject, id")],
        },
        // What a browser was asked to sign. subject: whose passkey will be added; empty for a login.
        Table {
            name: "passkey_challenges",
            columns: "hash {hash} NOT NULL PRIMARY KEY, subject varchar(48) NOT NULL, state {text} NOT NULL,
                expires_at bigint NOT NULL",
            unique: &[],
            index: &[("passkey_challenges_expires", "expires_at")],
        },
        Table {
            name: "customer_notes",
            columns: "id {id} NOT NULL PRIMARY KEY, customer {id} NOT NULL, author {id} NOT NULL, text {text} NOT NULL,
                created_at bigint NOT NULL,
                CONSTRAINT customer_notes_customer_fk FOREIGN KEY (customer) REFERENCES customers (id)",
            unique: &[],
            index: &[("customer_notes_customer", "customer, id")],
        },
    ],
    columns: &[],
    primary_keys: &[],
    indexes: &[],
    rows: &[],
    backfill: &[],
};
