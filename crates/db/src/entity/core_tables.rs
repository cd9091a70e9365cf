//! The tables of the area `core`.

tables! {
    jobs = "jobs" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        site: Uuid,
        active_site: Option<Uuid>,
        kind: String,
        lane: String,
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
        address: Option<String>,
        credential: Option<String>,
        signature: Option<Bytes>,
        chain_position: Option<i64>,
        chain_hash: Option<Bytes>,
    }
    audit_chain = "audit_chain" {
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        position: i64,
        hash: Vec<u8>,
        started_at: i64,
        mac: Vec<u8>,
        logged: i64,
    }
    audit_checkpoints = "audit_checkpoints" {
        #[sea_orm(primary_key, auto_increment = false)] position: i64,
        hash: Vec<u8>,
        entries: i64,
        file: String,
        file_hash: Vec<u8>,
        at_ms: i64,
        mac: Vec<u8>,
    }
    idempotency = "idempotency" {
        #[sea_orm(primary_key, auto_increment = false)] actor: String,
        #[sea_orm(primary_key, auto_increment = false)] idem_key: String,
        request_hash: Vec<u8>,
        status: i64,
        body: String,
        created_at: i64,
    }
    mails = "mails" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        key_hash: Vec<u8>,
        mail_key: String,
        receiver: String,
        kind: String,
        subject: String,
        state: String,
        attempts: i64,
        answer: Option<String>,
        secret: i64,
        body_text: String,
        body_html: String,
        created_at: i64,
        updated_at: i64,
    }
    mail_suppressions = "mail_suppressions" {
        #[sea_orm(primary_key, auto_increment = false)] address: String,
        reason: String,
        created_at: i64,
    }
    meta = "meta" {
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        value: String,
    }
    process_leases = "process_leases" {
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        owner: String,
        until: i64,
        epoch: i64,
    }
    reconcilers = "reconcilers" {
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        #[sea_orm(primary_key, auto_increment = false)] process: String,
        ok_at: Option<i64>,
        failing_since: Option<i64>,
        error: Option<String>,
        updated_at: i64,
    }
    rate_limits = "rate_limits" {
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        full_at: i64,
    }
}
