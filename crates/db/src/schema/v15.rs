//! Plans, prices, subscriptions, and what Stripe has said.

use super::{Migration, Table};

pub(super) const MIGRATION: Migration = Migration {
    version: 15,
    name: "billing",
    oldest_release: 3,
    tables: &[
        // version: the one that is sold.
        Table {
            name: "plans",
            columns: "id {id} NOT NULL PRIMARY KEY, slug varchar(40) NOT NULL, blueprint varchar(64) NOT NULL,
                name varchar(255) NOT NULL, description {text} NOT NULL, position bigint NOT NULL,
                active bigint NOT NULL, hidden bigint NOT NULL, version bigint NOT NULL,
                stripe_id varchar(255), created_at bigint NOT NULL",
            unique: &[("plans_slug", "slug"), ("plans_stripe", "stripe_id")],
            index: &[],
        },
        // Never changed. terms: PlanTerms as JSON.
        Table {
            name: "plan_versions",
            columns: "plan {id} NOT NULL, version bigint NOT NULL, terms {text} NOT NULL, created_at bigint NOT NULL,
                PRIMARY KEY (plan, version),
                CONSTRAINT plan_versions_plan_fk FOREIGN KEY (plan) REFERENCES plans (id)",
            unique: &[],
            index: &[],
        },
        // The amount is never changed.
        Table {
            name: "prices",
            columns: "id {id} NOT NULL PRIMARY KEY, plan {id} NOT NULL, amount bigint NOT NULL,
                currency varchar(3) NOT NULL, period varchar(8) NOT NULL, stripe_id varchar(255),
                created_at bigint NOT NULL, archived_at bigint,
                CONSTRAINT prices_plan_fk FOREIGN KEY (plan) REFERENCES plans (id)",
            unique: &[("prices_stripe", "stripe_id")],
            index: &[("prices_plan", "plan")],
        },
        // live_site: the site until the subscription has ended. check_at: when what it entitles to changes next.
        // access: what was last put into effect. letter: the last one about the present overdue payment.
        Table {
            name: "subscriptions",
            columns:
                "id {id} NOT NULL PRIMARY KEY, customer {id} NOT NULL, site {id}, live_site {id}, plan {id} NOT NULL,
                plan_version bigint NOT NULL, price {id} NOT NULL, provider varchar(16) NOT NULL,
                stripe_id varchar(255), status varchar(32) NOT NULL, period_start bigint NOT NULL, period_end bigint,
                past_due_since bigint, cancel_at bigint, ended_at bigint, created_at bigint NOT NULL, check_at bigint,
                access varchar(16) NOT NULL, letter varchar(16),
                CONSTRAINT subscriptions_customer_fk FOREIGN KEY (customer) REFERENCES customers (id),
                CONSTRAINT subscriptions_plan_fk FOREIGN KEY (plan, plan_version)
                    REFERENCES plan_versions (plan, version),
                CONSTRAINT subscriptions_price_fk FOREIGN KEY (price) REFERENCES prices (id)",
            unique: &[("subscriptions_live_site", "live_site"), ("subscriptions_stripe", "stripe_id")],
            index: &[
                ("subscriptions_customer", "customer, id"),
                ("subscriptions_site", "site"),
                ("subscriptions_check", "check_at"),
                ("subscriptions_status", "status, id"),
                ("subscriptions_plan", "plan, plan_version"),
                ("subscriptions_price", "price"),
            ],
        },
        // What a site was entitled to, from when to when: rows are added and closed, never changed otherwise.
        // open_site: the site until the row is closed.
        Table {
            name: "entitlements",
            columns: "id {id} NOT NULL PRIMARY KEY, site {id} NOT NULL, open_site {id}, subscription {id} NOT NULL,
                plan {id} NOT NULL, plan_version bigint NOT NULL, access varchar(16) NOT NULL,
                cause varchar(255) NOT NULL, from_at bigint NOT NULL, to_at bigint",
            unique: &[("entitlements_open", "open_site")],
            index: &[("entitlements_site", "site, id"), ("entitlements_subscription", "subscription")],
        },
        // An order that waits for its first payment. open_hostname: its name until it is paid or given up.
        Table {
            name: "checkouts",
            columns: "id {id} NOT NULL PRIMARY KEY, customer {id}, email varchar(254) NOT NULL,
                hostname varchar(253) NOT NULL, open_hostname varchar(253), site_order {text} NOT NULL,
                plan {id} NOT NULL, plan_version bigint NOT NULL, price {id} NOT NULL, state varchar(16) NOT NULL,
                session varchar(255), url {text}, site {id}, created_at bigint NOT NULL, expires_at bigint NOT NULL,
                CONSTRAINT checkouts_price_fk FOREIGN KEY (price) REFERENCES prices (id)",
            unique: &[("checkouts_hostname", "open_hostname"), ("checkouts_session", "session")],
            index: &[("checkouts_customer", "customer, id"), ("checkouts_price", "price")],
        },
        Table {
            name: "stripe_customers",
            columns: "stripe_id varchar(255) NOT NULL PRIMARY KEY, customer {id} NOT NULL, created_at bigint NOT NULL,
                CONSTRAINT stripe_customers_customer_fk FOREIGN KEY (customer) REFERENCES customers (id)",
            unique: &[],
            index: &[("stripe_customers_customer", "customer, created_at")],
        },
        // Events as they came, each once. Stripe keeps them for 30 days.
        Table {
            name: "stripe_events",
            columns: "id varchar(255) NOT NULL PRIMARY KEY, kind varchar(255) NOT NULL, object varchar(255) NOT NULL,
                created_at bigint NOT NULL, received_at bigint NOT NULL",
            unique: &[],
            index: &[("stripe_events_received", "received_at")],
        },
        // epoch: grows with each time that the object is fetched.
        Table {
            name: "stripe_objects",
            columns: "id varchar(255) NOT NULL PRIMARY KEY, epoch bigint NOT NULL",
            unique: &[],
            index: &[],
        },
        // Money that came. stripe_id: the invoice's.
        Table {
            name: "payments",
            columns: "id {id} NOT NULL PRIMARY KEY, subscription {id} NOT NULL, customer {id} NOT NULL,
                amount bigint NOT NULL, currency varchar(3) NOT NULL, provider varchar(16) NOT NULL,
                reference varchar(255) NOT NULL, stripe_id varchar(255), actor varchar(64) NOT NULL,
                period_start bigint NOT NULL, period_end bigint, paid_at bigint NOT NULL,
                CONSTRAINT payments_subscription_fk FOREIGN KEY (subscription) REFERENCES subscriptions (id)",
            unique: &[("payments_stripe", "stripe_id")],
            index: &[("payments_subscription", "subscription, id"), ("payments_customer", "customer, id")],
        },
    ],
    columns: &[],
    primary_keys: &[],
    indexes: &[],
    rows: &[],
    backfill: &[],
};
