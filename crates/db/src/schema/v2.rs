//! Custom domains, certificates, edge limits, traffic and DNS records.

use super::{Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 2,
    name: "the public edge",
    oldest_release: 1,
    tables: &[
        Table { name: "domain_states", columns: "state varchar(16) NOT NULL PRIMARY KEY", unique: &[], index: &[] },
        // A site has one active claim per name: active_name is NULL once the domain is removed.
        Table {
            name: "domains",
            columns: "id {id} NOT NULL PRIMARY KEY, site {id} NOT NULL, customer {id} NOT NULL,
                name varchar(253) NOT NULL, active_name varchar(253), token varchar(64) NOT NULL,
                state varchar(16) NOT NULL, main_wanted boolean NOT NULL, created_at bigint NOT NULL,
                expires_at bigint NOT NULL, verified_at bigint, checked_at bigint, problem {text}, removed_at bigint,
                CONSTRAINT domains_site_fk FOREIGN KEY (site) REFERENCES sites (id),
                CONSTRAINT domains_customer_fk FOREIGN KEY (customer) REFERENCES customers (id),
                CONSTRAINT domains_state_fk FOREIGN KEY (state) REFERENCES domain_states (state),
                CONSTRAINT domains_active_own CHECK (active_name IS NULL OR active_name = name),
                CONSTRAINT domains_active_open CHECK ((active_name IS NULL) = (state = 'removed'))",
            unique: &[("domains_claim", "site, active_name")],
            index: &[
                ("domains_name", "name, id"),
                ("domains_customer", "customer, id"),
                ("domains_due", "state, checked_at"),
            ],
        },
        Table {
            name: "certificates",
            columns: "id {id} NOT NULL PRIMARY KEY, names {long} NOT NULL, chain {long} NOT NULL,
                sealed_key {text} NOT NULL, site {id}, issuer {text} NOT NULL, serial {text} NOT NULL,
                not_before bigint NOT NULL, not_after bigint NOT NULL, created_at bigint NOT NULL,
                renew_at bigint NOT NULL, retired_at bigint,
                CONSTRAINT certificates_site_fk FOREIGN KEY (site) REFERENCES sites (id)",
            unique: &[],
            index: &[("certificates_live", "retired_at, not_after"), ("certificates_site", "site")],
        },
        Table {
            name: "certificate_orders",
            columns: "subject varchar(255) NOT NULL PRIMARY KEY, names {long} NOT NULL, failures bigint NOT NULL,
                next_at bigint NOT NULL, problem {text}, detail {long}, order_url {text}, sealed_key {text},
                updated_at bigint NOT NULL",
            unique: &[],
            index: &[],
        },
        Table {
            name: "certificate_tries",
            columns: "seq {serial}, subject varchar(255) NOT NULL, at_ms bigint NOT NULL,
                outcome varchar(16) NOT NULL,
                CONSTRAINT certificate_tries_outcome CHECK (outcome IN ('ordered', 'failed', 'issued'))",
            unique: &[],
            index: &[
                ("certificate_tries_subject", "subject, outcome, at_ms"),
                ("certificate_tries_all", "outcome, at_ms"),
            ],
        },
        Table {
            name: "acme_accounts",
            columns: "account varchar(512) NOT NULL PRIMARY KEY, sealed {text} NOT NULL, updated_at bigint NOT NULL",
            unique: &[],
            index: &[],
        },
        // hour: hours since the Unix epoch. Counters are columns, so that the database can add to them.
        Table {
            name: "traffic",
            columns: "site {id} NOT NULL, hour bigint NOT NULL, requests bigint NOT NULL, bytes_in bigint NOT NULL,
                bytes_out bigint NOT NULL, micros bigint NOT NULL, status_0 bigint NOT NULL, status_1 bigint NOT NULL,
                status_2 bigint NOT NULL, status_3 bigint NOT NULL, status_4 bigint NOT NULL,
                status_5 bigint NOT NULL, latency_0 bigint NOT NULL, latency_1 bigint NOT NULL,
                latency_2 bigint NOT NULL, latency_3 bigint NOT NULL, latency_4 bigint NOT NULL,
                latency_5 bigint NOT NULL, latency_6 bigint NOT NULL, latency_7 bigint NOT NULL,
                latency_8 bigint NOT NULL, latency_9 bigint NOT NULL, latency_10 bigint NOT NULL,
                latency_11 bigint NOT NULL, PRIMARY KEY (site, hour),
                CONSTRAINT traffic_site_fk FOREIGN KEY (site) REFERENCES sites (id)",
            unique: &[],
            index: &[("traffic_hour", "hour")],
        },
        Table {
            name: "dns_records",
            columns: "name varchar(255) NOT NULL, kind varchar(16) NOT NULL, value {text} NOT NULL, site {id},
                made_at bigint NOT NULL, PRIMARY KEY (name, kind),
                CONSTRAINT dns_records_site_fk FOREIGN KEY (site) REFERENCES sites (id)",
            unique: &[],
            index: &[("dns_records_site", "site")],
        },
    ],
    columns: &[
        ("sites", "url", "varchar(512)"),
        ("sites", "edge_rate", "bigint NOT NULL DEFAULT 0"),
        ("sites", "edge_burst", "bigint NOT NULL DEFAULT 0"),
        ("sites", "edge_in_flight", "bigint NOT NULL DEFAULT 0"),
        ("sites", "edge_seconds", "bigint NOT NULL DEFAULT 0"),
        // The custom domain of this name; NULL for the name given by the platform.
        ("hostnames", "domain", "{id}"),
    ],
    primary_keys: &[],
    indexes: &[],
    rows: &[("domain_states", "state", &["'claimed'", "'verified'", "'removed'"])],
    backfill: &[],
};
