//! Mail that sites send.

use super::{Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 13,
    name: "mail of sites",
    oldest_release: 3,
    tables: &[
        // replaced_sender: what the site wrote, if it may not send as that. return_path: NULL for the empty one.
        Table {
            name: "site_mails",
            columns: "id {id} NOT NULL PRIMARY KEY, site {id} NOT NULL, sender varchar(254) NOT NULL,
                replaced_sender varchar(254), return_path varchar(254), subject varchar(255) NOT NULL,
                size bigint NOT NULL, created_at bigint NOT NULL,
                CONSTRAINT site_mails_site_fk FOREIGN KEY (site) REFERENCES sites (id)",
            unique: &[],
            index: &[("site_mails_site", "site"), ("site_mails_created", "created_at")],
        },
        // The message, in parts: a database server limits the size of a statement. Deleted once nobody waits for it.
        Table {
            name: "site_mail_parts",
            columns: "mail {id} NOT NULL, ordinal bigint NOT NULL, data {bytes} NOT NULL, PRIMARY KEY (mail, ordinal)",
            unique: &[],
            index: &[],
        },
        // due_at: when a worker may claim it, the end of the lease while one has it, NULL at the end. ended_at: since when
        // the state is final. size: of the message, for the sum over a time.
        Table {
            name: "site_mail_recipients",
            columns: "mail {id} NOT NULL, ordinal bigint NOT NULL, site {id} NOT NULL, address varchar(254) NOT NULL,
                state varchar(16) NOT NULL, attempts bigint NOT NULL, epoch bigint NOT NULL, due_at bigint,
                ended_at bigint, size bigint NOT NULL, answer {text}, PRIMARY KEY (mail, ordinal),
                CONSTRAINT site_mail_recipients_mail_fk FOREIGN KEY (mail) REFERENCES site_mails (id)",
            unique: &[],
            index: &[
                ("site_mail_recipients_due", "due_at, site"),
                ("site_mail_recipients_site_due", "site, due_at"),
                ("site_mail_recipients_site_ended", "site, ended_at"),
                ("site_mail_recipients_list", "site, mail, ordinal"),
            ],
        },
    ],
    columns: &[],
    primary_keys: &[],
    indexes: &[],
    rows: &[],
    backfill: &[],
};
