//! What a site was made with, where it lies, and why it does not run: pinned blueprints and images,
//! the engine's placement, suspension and power apart from the lifecycle.

use super::{Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 3,
    name: "revisions, suspension and power",
    oldest_release: 2,
    tables: &[
        // version: SHA-256 of the source, in hexadecimal. Never changed, never deleted.
        Table {
            name: "blueprint_versions",
            columns: "version varchar(64) NOT NULL PRIMARY KEY, name varchar(64) NOT NULL, source {long} NOT NULL,
                created_at bigint NOT NULL",
            unique: &[],
            index: &[("blueprint_versions_name", "name, created_at")],
        },
        // images: a JSON object from service to content id.
        Table {
            name: "site_revisions",
            columns: "site {id} NOT NULL, revision bigint NOT NULL, blueprint_version varchar(64) NOT NULL,
                images {text} NOT NULL, job {id}, created_at bigint NOT NULL, PRIMARY KEY (site, revision),
                CONSTRAINT site_revisions_site_fk FOREIGN KEY (site) REFERENCES sites (id),
                CONSTRAINT site_revisions_version_fk FOREIGN KEY (blueprint_version)
                    REFERENCES blueprint_versions (version)",
            unique: &[],
            index: &[("site_revisions_version", "blueprint_version")],
        },
    ],
    columns: &[
        ("sites", "engine", "varchar(64) NOT NULL DEFAULT 'docker'"),
        // JSON; NULL for sites of earlier releases, whose placement follows from their lease.
        ("sites", "placement", "{text}"),
        ("sites", "revision", "bigint NOT NULL DEFAULT 0"),
        // NULL until a site of an earlier release has been adopted.
        ("sites", "blueprint_version", "varchar(64)"),
        ("sites", "power", "varchar(16) NOT NULL DEFAULT 'on'"),
        // A JSON list of reasons, each with actor and date; NULL if the site is not suspended.
        ("sites", "suspensions", "{text}"),
    ],
    primary_keys: &[],
    indexes: &[],
    rows: &[],
    backfill: &[
        "UPDATE sites SET power = 'off', state = 'active' WHERE state = 'stopped'",
        "UPDATE sites SET power = 'asleep', state = 'active' WHERE state = 'sleeping'",
    ],
};
