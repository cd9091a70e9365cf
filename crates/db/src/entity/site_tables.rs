//! The tables of the area `sites`.

tables! {
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
        engine: String,
        placement: Option<String>,
        revision: i64,
        blueprint_version: Option<String>,
        power: String,
        suspensions: Option<String>,
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
    site_events = "site_events" {
        #[sea_orm(primary_key)] seq: i64,
        site: Uuid,
        at_ms: i64,
        kind: String,
        words: String,
    }
    storage = "storage" {
        #[sea_orm(primary_key, auto_increment = false)] site: Uuid,
        disk: Option<i64>,
        bytes: i64,
        volumes: String,
        level: String,
        measured_at: Option<i64>,
    }
    storage_days = "storage_days" {
        #[sea_orm(primary_key, auto_increment = false)] site: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] day: i64,
        bytes: i64,
    }
    traffic = "traffic" {
        #[sea_orm(primary_key, auto_increment = false)] site: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] hour: i64,
        requests: i64,
        bytes_in: i64,
        bytes_out: i64,
        micros: i64,
        status_0: i64,
        status_1: i64,
        status_2: i64,
        status_3: i64,
        status_4: i64,
        status_5: i64,
        latency_0: i64,
        latency_1: i64,
        latency_2: i64,
        latency_3: i64,
        latency_4: i64,
        latency_5: i64,
        latency_6: i64,
        latency_7: i64,
        latency_8: i64,
        latency_9: i64,
        latency_10: i64,
        latency_11: i64,
    }
    site_mails = "site_mails" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        site: Uuid,
        sender: String,
        replaced_sender: Option<String>,
        return_path: Option<String>,
        subject: String,
        size: i64,
        created_at: i64,
    }
    site_mail_parts = "site_mail_parts" {
        #[sea_orm(primary_key, auto_increment = false)] mail: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] ordinal: i64,
        data: Vec<u8>,
    }
    site_mail_recipients = "site_mail_recipients" {
        #[sea_orm(primary_key, auto_increment = false)] mail: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] ordinal: i64,
        site: Uuid,
        address: String,
        state: String,
        attempts: i64,
        epoch: i64,
        due_at: Option<i64>,
        ended_at: Option<i64>,
        size: i64,
        answer: Option<String>,
    }
    blueprint_versions = "blueprint_versions" {
        #[sea_orm(primary_key, auto_increment = false)] version: String,
        name: String,
        source: String,
        created_at: i64,
    }
    site_revisions = "site_revisions" {
        #[sea_orm(primary_key, auto_increment = false)] site: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] revision: i64,
        blueprint_version: String,
        images: String,
        job: Option<Uuid>,
        created_at: i64,
    }
}
