//! No frequent query reads a whole table. Each is executed once, and the database explains the statements that this took,
//! with the values that they had.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use stoa_db::{
    Db, Page,
    accounts::{customer_by_email, customer_list},
    certificates::certificates_uploaded,
    core::{
        audit::{AuditFilter, audit_after},
        audit_chain::{audit_seal, audit_sealed_after},
        audit_checkpoints::audit_archivable,
        audit_key::AuditKey,
        audit_verify::{AuditScope, audit_verify},
        processes,
        rate_limits::{RateLimit, rate_limit_attempt, rate_limits_prune},
        retention,
    },
    domains::{domains_by_name, domains_of},
    history::{audit, audit_list, site_events},
    job_log::{job_entries, job_notes},
    jobs::{
        Claim, job_active, job_claim, job_get, job_is_available, job_plan, jobs_active_of, jobs_heartbeat, jobs_of,
        staff_jobs,
    },
    listing::Window,
    route_changes::{RouteChange, route_changed, route_changes_between},
    routes::route_of,
    sessions::session_get,
    sites::{
        hostname_taken, hostnames_of,
        list::{SiteFilter, SiteSort, sites_by_group, sites_listed},
        site_by_hostname, site_get, site_of_project, sites_all, sites_live_after, sites_of, sites_to_purge,
    },
    tasks::{task_claim, tasks_failed},
    tokens::{token_by_hash, token_list},
};
use stoa_model::{
    account::Actor,
    job::{JobState, Lane},
    status::StatusGroup,
};

use crate::bed::{Bed, Kind, MINUTE, at, claim};

/// Tables with a handful of rows, whatever the platform's size.
const SMALL: [&str; 8] =
    ["acme_challenges", "audit_chain", "audit_checkpoints", "edges", "meta", "process_leases", "reconcilers", "staff"];

pub async fn frequent_queries_use_indexes(bed: Bed) {
    let seen: Arc<Mutex<Vec<Statement>>> = Arc::default();
    let log = seen.clone();
    let note = move |statement: &Statement| log.lock().unwrap().push(statement.clone());
    let db = Db::connect_observed(&bed.url, note).await.unwrap();
    let jobs = [bed.queued().await, bed.queued().await, bed.queued().await];
    run(&bed, &db, jobs[0].site).await;
    job_claim(&db, &claim("me", at(1), MINUTE)).await.unwrap().unwrap();
    // With a running job, the search for a customer's turn takes its other ways.
    job_claim(&db, &Claim { last_slot: true, ..claim("me", at(1), MINUTE) }).await.unwrap();
    job_claim(&db, &Claim { lane: Lane::Backup, ..claim("me", at(1), MINUTE) }).await.unwrap();
    jobs_heartbeat(&db, "me", &[jobs[0].id], at(2)).await.unwrap();
    db.close().await;

    // So few rows are read faster without an index, as long as the planner may choose that.
    let url = match bed.kind {
        Kind::Postgres if bed.url.contains('?') => format!("{}&options[enable_seqscan]=off", bed.url),
        Kind::Postgres => format!("{}?options[enable_seqscan]=off", bed.url),
        Kind::Sqlite | Kind::MySql => bed.url.clone(),
    };
    let raw = Database::connect(&url).await.unwrap();
    let statements = std::mem::take(&mut *seen.lock().unwrap());
    let (mut explained, mut bad) = (BTreeSet::new(), Vec::new());
    for statement in statements {
        if explained.insert(statement.sql.clone()) && !statement.sql.starts_with("INSERT") {
            bad.extend(
                whole_reads(&raw, bed.kind, &statement)
                    .await
                    .into_iter()
                    .map(|line| format!("{line}\n  {}", statement.sql)),
            );
        }
    }
    raw.close().await.unwrap();
    assert!(explained.len() > 30, "{}", explained.len());
    assert!(bad.is_empty(), "read without an index:\n{}", bad.join("\n"));
}

/// The frequent queries.
async fn run(bed: &Bed, db: &Db, site: stoa_model::id::SiteId) {
    let customer = bed.customer().await;
    let known = site_get(db, site).await.unwrap().unwrap();
    let (ten, actor) = (Page::first(10), Actor::Customer(customer.id));
    customer_by_email(db, &customer.email).await.unwrap();
    customer_list(db, Page::first(10)).await.unwrap();
    session_get(db, &[0; 32]).await.unwrap();
    token_by_hash(db, &[0; 32]).await.unwrap();
    token_list(db, actor).await.unwrap();
    sites_of(db, customer.id, ten).await.unwrap();
    sites_all(db, Page::first(10)).await.unwrap();
    let of_customer = SiteFilter { customer: Some(customer.id), ..SiteFilter::default() };
    let in_group = SiteFilter { group: Some(StatusGroup::Attention), ..SiteFilter::default() };
    for filter in [SiteFilter::default(), of_customer, in_group] {
        sites_by_group(db, &filter).await.unwrap();
        sites_listed(db, &filter, SiteSort::Newest, Window::first(10)).await.unwrap();
    }
    sites_live_after(db, Some(site), 10).await.unwrap();
    sites_to_purge(db, at(1)).await.unwrap();
    site_of_project(db, &known.project).await.unwrap();
    site_by_hostname(db, &known.hostname).await.unwrap();
    hostname_taken(db, &known.hostname).await.unwrap();
    hostnames_of(db, site).await.unwrap();
    route_of(db, site).await.unwrap();
    domains_of(db, site).await.unwrap();
    domains_by_name(db, &known.hostname).await.unwrap();
    certificates_uploaded(db, site).await.unwrap();
    site_events(db, site, 10).await.unwrap();
    db.write(|tx| Box::pin(async move { audit(&tx, &crate::audit::event(1)).await })).await.unwrap();
    audit_list(db, Page::first(10)).await.unwrap();
    job_is_available(db, at(1)).await.unwrap();
    let job = job_active(db, site).await.unwrap().unwrap().id;
    job_get(db, job).await.unwrap();
    job_plan(db, job).await.unwrap();
    job_entries(db, job).await.unwrap();
    job_notes(db, job, 0).await.unwrap();
    jobs_active_of(db, &[site]).await.unwrap();
    jobs_of(db, site, Page::first(10)).await.unwrap();
    staff_jobs(db, None, Page::first(10)).await.unwrap();
    staff_jobs(db, Some(JobState::Stuck), Page::first(10)).await.unwrap();
    task_claim(db, "me", at(1), MINUTE).await.unwrap();
    let limit = RateLimit { name: "login".to_owned(), attempts: 1, period: MINUTE };
    rate_limit_attempt(db, &[limit], at(1)).await.unwrap();
    db.write(|tx| Box::pin(async move { rate_limits_prune(&tx, at(0)).await })).await.unwrap();
    let change = RouteChange::Certificates;
    db.write(|tx| Box::pin(async move { route_changed(&tx, change, "me").await })).await.unwrap();
    route_changes_between(db, 0, 1).await.unwrap();
    tasks_failed(db, Page::first(10)).await.unwrap();
    processes::process_lease_acquire(db, "runtime", "me", at(1), at(2)).await.unwrap();
    let key = AuditKey::new([1; 32]);
    let alarm = audit_list(db, Page::first(1)).await.unwrap().pop().unwrap().1;
    audit_seal(db, &key, &alarm, at(0), 10).await.unwrap();
    audit_sealed_after(db, 0, 10).await.unwrap();
    audit_archivable(db, at(0), 10).await.unwrap();
    let logged = std::collections::HashMap::new();
    audit_verify(db, &key, AuditScope::Newest(1), &logged, at(0)).await.unwrap();
    audit_after(db, &AuditFilter::default(), 0, 10).await.unwrap();
    retention::site_events_prune(db, at(0)).await.unwrap();
    retention::job_notes_prune(db, at(0)).await.unwrap();
    retention::jobs_prune(db, at(0), 20).await.unwrap();
}

/// The parts of a statement's plan that read a whole table.
async fn whole_reads(raw: &DatabaseConnection, kind: Kind, statement: &Statement) -> Vec<String> {
    let explain = match kind {
        Kind::Sqlite => "EXPLAIN QUERY PLAN",
        Kind::MySql | Kind::Postgres => "EXPLAIN",
    };
    let mut explained = statement.clone();
    explained.sql = format!("{explain} {}", statement.sql);
    let rows = match raw.query_all_raw(explained).await {
        Ok(rows) => rows,
        Err(error) => return vec![format!("not explained: {error}")],
    };
    // The first rows in the table's own order.
    if statement.sql.contains("LIMIT") && !statement.sql.contains("WHERE") {
        return Vec::new();
    }
    let is_small = |line: &str| SMALL.iter().any(|table| line.contains(table));
    let lines = rows.iter().filter_map(|row| match kind {
        Kind::Sqlite => {
            let detail: String = row.try_get("", "detail").unwrap();
            let is_whole = detail.starts_with("SCAN") && !detail.contains("INDEX") && !detail.contains("CONSTANT");
            (is_whole && !detail.contains("SUBQUERY")).then_some(detail)
        }
        Kind::Postgres => {
            let line: String = row.try_get("", "QUERY PLAN").unwrap();
            line.contains("Seq Scan").then_some(line)
        }
        Kind::MySql => {
            let text = |column: &str| row.try_get::<Option<String>>("", column).ok().flatten();
            let is_whole = text("type").as_deref() == Some("ALL") && text("possible_keys").is_none();
            is_whole.then(|| format!("ALL of {}", text("table").unwrap_or_default()))
        }
    });
    lines.filter(|line| !is_small(line)).collect()
}
