//! The mail log, and addresses that nothing is sent to.

use super::{Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 14,
    name: "mail log",
    oldest_release: 3,
    tables: &[
        // key_hash: of mail_key, which is longer than an index holds. secret: 1 if links in text and html were replaced.
        Table {
            name: "mails",
            columns: "id {id} NOT NULL PRIMARY KEY, key_hash {hash} NOT NULL, mail_key {text} NOT NULL,
                receiver varchar(254) NOT NULL, kind varchar(32) NOT NULL, subject {text} NOT NULL,
                state varchar(16) NOT NULL, attempts bigint NOT NULL, answer {text}, secret bigint NOT NULL,
                body_text {long} NOT NULL, body_html {long} NOT NULL, created_at bigint NOT NULL, updated_at bigint NOT NULL",
            unique: &[("mails_key", "key_hash")],
            index: &[("mails_state", "state, id"), ("mails_updated", "updated_at")],
        },
        Table {
            name: "mail_suppressions",
            columns: "address varchar(254) NOT NULL PRIMARY KEY, reason {text} NOT NULL, created_at bigint NOT NULL",
            unique: &[],
            index: &[("mail_suppressions_created", "created_at")],
        },
    ],
    columns: &[],
    primary_keys: &[],
    indexes: &[],
    rows: &[],
    backfill: &[],
};
