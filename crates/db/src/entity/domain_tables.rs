//! The tables of the area `domains`.

tables! {
    hostnames = "hostnames" {
        #[sea_orm(primary_key, auto_increment = false)] hostname: String,
        site: Uuid,
        domain: Option<Uuid>,
    }
    domains = "domains" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        site: Uuid,
        customer: Uuid,
        name: String,
        active_name: Option<String>,
        token: String,
        state: String,
        main_wanted: bool,
        created_at: i64,
        expires_at: i64,
        verified_at: Option<i64>,
        checked_at: Option<i64>,
        problem: Option<String>,
        removed_at: Option<i64>,
    }
    certificates = "certificates" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        names: String,
        chain: String,
        sealed_key: String,
        site: Option<Uuid>,
        issuer: String,
        serial: String,
        not_before: i64,
        not_after: i64,
        created_at: i64,
        renew_at: i64,
        retired_at: Option<i64>,
    }
    certificate_orders = "certificate_orders" {
        #[sea_orm(primary_key, auto_increment = false)] subject: String,
        names: String,
        failures: i64,
        next_at: i64,
        problem: Option<String>,
        detail: Option<String>,
        order_url: Option<String>,
        sealed_key: Option<String>,
        updated_at: i64,
    }
    certificate_tries = "certificate_tries" {
        #[sea_orm(primary_key)] seq: i64,
        subject: String,
        at_ms: i64,
        outcome: String,
    }
    acme_accounts = "acme_accounts" {
        #[sea_orm(primary_key, auto_increment = false)] account: String,
        sealed: String,
        updated_at: i64,
    }
    dns_records = "dns_records" {
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        #[sea_orm(primary_key, auto_increment = false)] kind: String,
        value: String,
        site: Option<Uuid>,
        made_at: i64,
    }
    route_changes = "route_changes" {
        #[sea_orm(primary_key, auto_increment = false)] version: i64,
        kind: String,
        site: Option<Uuid>,
        process: String,
    }
    acme_challenges = "acme_challenges" {
        #[sea_orm(primary_key, auto_increment = false)] path: String,
        body: String,
        created_at: i64,
    }
    edges = "edges" {
        #[sea_orm(primary_key, auto_increment = false)] process: String,
        version: i64,
        behind_since: Option<i64>,
        problem: Option<String>,
        seen_at: i64,
    }
    resting_names = "resting_names" {
        #[sea_orm(primary_key, auto_increment = false)] hostname: String,
        customer: Uuid,
        until: i64,
    }
}
