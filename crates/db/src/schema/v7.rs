//! People apart from the organizations that they act for, what is mailed to them, and what a session knows of its
//! browser.

use super::{Index, Migration, Table};

/// Existing accounts count as verified: their owners have worked with them, and the limits for unverified accounts
/// would take from them what they have. '!' is no password: an operator's own account, which nobody logs in to.
const PEOPLE_FROM_CUSTOMERS: &str = "INSERT INTO users \
    (id, email, password_hash, email_verified_at, auth_epoch, created_at) \
    SELECT c.id, c.email, c.password_hash, c.created_at, 0, c.created_at FROM customers c \
    WHERE c.password_hash <> '!' AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = c.id)";
const FOUNDERS_ARE_OWNERS: &str = "INSERT INTO members (customer, user_id, role, created_at) \
    SELECT u.id, u.id, 'owner', u.created_at FROM users u \
    WHERE NOT EXISTS (SELECT 1 FROM members m WHERE m.user_id = u.id)";

pub(super) const MIGRATION: Migration = Migration {
    version: 7,
    name: "people",
    oldest_release: 3,
    tables: &[
        // A person has the UUID of the organization that they have founded. claimed_email: what somebody typed at
        // sign-up whose address belongs to another person; their email is a placeholder then. customer: the organization
        // that they worked in last. close_at: when the account is closed.
        Table {
            name: "users",
            columns: "id {id} NOT NULL PRIMARY KEY, email varchar(254) NOT NULL, claimed_email varchar(254),
                password_hash varchar(255) NOT NULL, email_verified_at bigint, auth_epoch bigint NOT NULL,
                customer {id}, created_at bigint NOT NULL, close_at bigint",
            unique: &[("users_email", "email")],
            index: &[("users_claimed", "claimed_email, id"), ("users_close", "close_at")],
        },
        Table {
            name: "members",
            columns: "customer {id} NOT NULL, user_id {id} NOT NULL, role varchar(16) NOT NULL,
                created_at bigint NOT NULL, PRIMARY KEY (customer, user_id),
                CONSTRAINT members_customer_fk FOREIGN KEY (customer) REFERENCES customers (id),
                CONSTRAINT members_user_fk FOREIGN KEY (user_id) REFERENCES users (id)",
            unique: &[],
            index: &[("members_user", "user_id")],
        },
        // Secrets that are mailed and used once. subject: as the actor of a session. binding: what must not have changed
        // since, such as the password.
        Table {
            name: "one_time",
            columns: "hash {hash} NOT NULL PRIMARY KEY, purpose varchar(32) NOT NULL, subject varchar(48) NOT NULL,
                email varchar(254) NOT NULL, binding varchar(64) NOT NULL, created_at bigint NOT NULL,
                expires_at bigint NOT NULL, used_at bigint",
            unique: &[],
            index: &[("one_time_subject", "subject, purpose"), ("one_time_expires", "expires_at")],
        },
        // open_email is the address until the invitation ends, then NULL: one open invitation per address. hash: of the
        // mailed secret.
        Table {
            name: "invitations",
            columns: "id {id} NOT NULL PRIMARY KEY, customer {id} NOT NULL, email varchar(254) NOT NULL,
                open_email varchar(254), role varchar(16) NOT NULL, hash {hash} NOT NULL, inviter {id} NOT NULL,
                created_at bigint NOT NULL, expires_at bigint NOT NULL, ended_at bigint, outcome varchar(16),
                CONSTRAINT invitations_customer_fk FOREIGN KEY (customer) REFERENCES customers (id)",
            unique: &[("invitations_open", "customer, open_email"), ("invitations_hash", "hash")],
            index: &[],
        },
    ],
    // All of sessions are NULL in those that the previous release has opened.
    columns: &[
        ("sessions", "public_id", "{id}"),
        ("sessions", "customer", "{id}"),
        ("sessions", "auth_epoch", "bigint"),
        ("sessions", "authenticated_at", "bigint"),
        ("sessions", "ends_at", "bigint"),
        ("sessions", "address", "varchar(64)"),
        ("sessions", "agent", "varchar(255)"),
        ("staff", "auth_epoch", "bigint NOT NULL DEFAULT 0"),
    ],
    primary_keys: &[],
    indexes: &[Index { table: "sessions", name: "sessions_ends", columns: "ends_at" }],
    rows: &[],
    backfill: &[PEOPLE_FROM_CUSTOMERS, FOUNDERS_ARE_OWNERS],
};
