//! One entity per table, as the rows lie in the database. They never leave the crate: every module
//! turns them into the model's types, and says so where that fails.

/// Declares the module of one table. A type is one word with at most one parameter, since derive
/// macros read types by their text.
macro_rules! tables {
    ($($table:ident = $name:literal { $($(#[$attr:meta])* $field:ident: $type:tt $(<$inner:tt>)?,)* })*) => {$(
        pub mod $table {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
            #[sea_orm(table_name = $name)]
            pub struct Model { $($(#[$attr])* pub $field: $type $(<$inner>)?,)* }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    )*};
}

// After the macro, which is seen only below its place.
mod edge;
pub use edge::*;

tables! {
    customers = "customers" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        email: String,
        company: String,
        password_hash: String,
        created_at: i64,
    }
    staff = "staff" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        email: String,
        role: String,
        password_hash: String,
        created_at: i64,
    }
    sessions = "sessions" {
        #[sea_orm(primary_key, auto_increment = false)] id_hash: Vec<u8>,
        actor: String,
        csrf: String,
        created_at: i64,
        seen_at: i64,
    }
    tokens = "tokens" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        hash: Vec<u8>,
        actor: String,
        name: String,
        created_at: i64,
        expires_at: Option<i64>,
        last_used_at: Option<i64>,
    }
    sites = "sites" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        customer: Uuid,
        blueprint: String,
        profiles: String,
        title: String,
        subdomain: String,
        hostname: String,
        url: Option<String>,
        admin_user: String,
        admin_email: String,
        project: String,
        subnet_base: Option<i64>,
        memory: i64,
        cpu: i64,
        pids: i64,
        max_body: i64,
        edge_rate: i64,
        edge_burst: i64,
        edge_in_flight: i64,
        edge_seconds: i64,
        state: String,
        state_at: i64,
        reason: Option<String>,
        upstream: Option<String>,
        health: String,
        health_at: Option<i64>,
        created_at: i64,
        deleted_at: Option<i64>,
        purge_at: Option<i64>,
    }
    hostnames = "hostnames" {
        #[sea_orm(primary_key, auto_increment = false)] hostname: String,
        site: Uuid,
        domain: Option<Uuid>,
    }
    jobs = "jobs" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        site: Uuid,
        active_site: Option<Uuid>,
        kind: String,
        state: String,
        actor: String,
        actor_role: Option<String>,
        plan: String,
        cancel_requested: bool,
        error: Option<String>,
        error_detail: Option<String>,
        queued_at: i64,
        started_at: Option<i64>,
        ended_at: Option<i64>,
        lease_owner: Option<String>,
        lease_until: Option<i64>,
        epoch: i64,
    }
    job_log = "job_log" {
        #[sea_orm(primary_key, auto_increment = false)] job: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] seq: i64,
        epoch: i64,
        at_ms: i64,
        event: String,
    }
    job_notes = "job_notes" {
        #[sea_orm(primary_key, auto_increment = false)] job: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] seq: i64,
        at_ms: i64,
        line: String,
    }
    tasks = "tasks" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        kind: String,
        payload: String,
        dedupe: Option<String>,
        attempts: i64,
        run_at: i64,
        created_at: i64,
        due_at: Option<i64>,
        lease_owner: Option<String>,
        epoch: i64,
        last_error: Option<String>,
    }
    secrets = "secrets" {
        #[sea_orm(primary_key, auto_increment = false)] site: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        job: Uuid,
        sealed: String,
    }
    credentials = "credentials" {
        #[sea_orm(primary_key, auto_increment = false)] site: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] ordinal: i64,
        job: Uuid,
        label: String,
        url: String,
        username: String,
        sealed: String,
    }
    backup_schedules = "backup_schedules" {
        #[sea_orm(primary_key, auto_increment = false)] site: Uuid,
        job: Uuid,
        every_s: i64,
        keep_days: i64,
        next_at: i64,
    }
    audit = "audit" {
        #[sea_orm(primary_key)] seq: i64,
        at_ms: i64,
        actor: String,
        actor_role: Option<String>,
        action: String,
        target: String,
        outcome: String,
        request_id: String,
        detail: String,
    }
    site_events = "site_events" {
        #[sea_orm(primary_key)] seq: i64,
        site: Uuid,
        at_ms: i64,
        kind: String,
        words: String,
    }
    idempotency = "idempotency" {
        #[sea_orm(primary_key, auto_increment = false)] actor: String,
        #[sea_orm(primary_key, auto_increment = false)] idem_key: String,
        request_hash: Vec<u8>,
        status: i64,
        body: String,
        created_at: i64,
    }
    meta = "meta" {
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        value: String,
    }
}
