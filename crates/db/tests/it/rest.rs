use std::time::Duration;

use stoa_db::{
    Constraint, DbError, Page,
    backups::{backup_schedule_delete, backup_schedule_get, backup_schedule_put},
    core::rate_limits::{RateLimit, rate_limit_attempt, rate_limits_prune},
    history::{AuditEvent, audit, audit_list, site_event, site_events},
    idempotency::{Reply, idempotency_get, idempotency_prune, idempotency_put},
    meta::{meta_get, meta_set},
    route_changes::{RouteChange, route_changed, route_changes_between, routes_version},
    secrets::{
        Credential, credentials_delete, credentials_get, credentials_put, secrets_delete, secrets_get, secrets_put,
    },
};
use stoa_model::{
    account::{Actor, Role},
    id::{JobId, StaffId},
    secret::Sealed,
};

use crate::bed::{Bed, Kind, at};

fn secret(name: &str, value: &str) -> (String, Sealed) {
    (name.into(), Sealed(value.into()))
}

pub async fn secrets_belong_to_their_job(bed: Bed) {
    let site = bed.queued().await.site;
    let (old, new) = (JobId::from_uuid(bed.uuid()), JobId::from_uuid(bed.uuid()));
    let tx = bed.db.begin().await.unwrap();
    secrets_put(&tx, site, old, &[]).await.unwrap();
    secrets_put(&tx, site, old, &[secret("a", "1"), secret("b", "2")]).await.unwrap();
    secrets_put(&tx, site, old, &[secret("b", "3")]).await.unwrap();
    secrets_put(&tx, site, new, &[secret("c", "4")]).await.unwrap();
    let way = |ordinal| Credential {
        ordinal,
        label: format!("Way {ordinal}"),
        url: "https://janes.stoa.test/wp-admin".into(),
        username: "jane".into(),
        sealed: Sealed("s".into()),
    };
    credentials_put(&tx, site, old, &[way(1), way(0)]).await.unwrap();
    credentials_put(&tx, site, old, &[way(1), way(0)]).await.unwrap();
    tx.commit().await.unwrap();
    let all = secrets_get(&bed.db, site).await.unwrap();
    assert_eq!(all.into_iter().map(|(name, value)| name + &value.0).collect::<Vec<_>>(), ["a1", "b3", "c4"]);
    assert_eq!(credentials_get(&bed.db, site).await.unwrap(), [way(0), way(1)]);
    let tx = bed.db.begin().await.unwrap();
    let error = secrets_put(&tx, site, new, &[secret("a", "x")]).await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::Secret)), "{error:?}");
    drop(tx);
    let tx = bed.db.begin().await.unwrap();
    let error = credentials_put(&tx, site, new, &[way(1)]).await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::Credential)), "{error:?}");
    drop(tx);
    let tx = bed.db.begin().await.unwrap();
    assert_eq!(secrets_delete(&tx, site, new).await.unwrap(), 1);
    assert_eq!(credentials_delete(&tx, site, new).await.unwrap(), 0);
    assert_eq!(secrets_delete(&tx, site, new).await.unwrap(), 0);
    assert_eq!(credentials_delete(&tx, site, old).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(secrets_get(&bed.db, site).await.unwrap().len(), 2);
}

pub async fn backup_schedules(bed: Bed) {
    let job = bed.queued().await;
    let other = JobId::from_uuid(bed.uuid());
    let tx = bed.db.begin().await.unwrap();
    backup_schedule_put(&tx, job.site, job.id, 86_400, 30, at(1)).await.unwrap();
    backup_schedule_put(&tx, job.site, job.id, 3_600, 7, at(2)).await.unwrap();
    tx.commit().await.unwrap();
    let now = backup_schedule_get(&bed.db, job.site).await.unwrap().unwrap();
    assert_eq!((now.job, now.every_s, now.keep_days, now.next_at), (job.id, 3_600, 7, at(2)));
    let tx = bed.db.begin().await.unwrap();
    assert!(!backup_schedule_delete(&tx, job.site, other).await.unwrap());
    assert!(backup_schedule_delete(&tx, job.site, job.id).await.unwrap());
    assert_eq!(backup_schedule_get(&tx, job.site).await.unwrap(), None);
}

pub async fn audit_and_events(bed: Bed) {
    let job = bed.queued().await;
    let staff = Actor::Staff(StaffId::from_uuid(bed.uuid()), Role::SuperAdmin);
    let tx = bed.db.begin().await.unwrap();
    let actors = [Actor::Nobody, Actor::Customer(bed.new_customer().id), staff, Actor::System];
    for (n, actor) in (1..).zip(actors) {
        let event = AuditEvent {
            at: at(n),
            actor,
            action: "site.create".into(),
            target: job.site.to_string(),
            outcome: "ok".into(),
            request_id: "r".into(),
            detail: serde_json::json!({"n": n}),
            address: None,
            credential: None,
        };
        audit(&tx, &event).await.unwrap();
        site_event(&tx, job.site, at(n), "state", &format!("Step {n}")).await.unwrap();
    }
    tx.commit().await.unwrap();
    let page = audit_list(&bed.db, Page::first(3)).await.unwrap();
    assert_eq!(page.iter().map(|(_, event)| event.actor).collect::<Vec<_>>(), [actors[3], actors[2], actors[1]]);
    let rest = audit_list(&bed.db, Page::after(page[2].0, 3)).await.unwrap();
    assert_eq!((rest.len(), rest[0].1.actor, rest[0].1.at), (1, Actor::Nobody, at(1)));
    let events = site_events(&bed.db, job.site, 2).await.unwrap();
    assert_eq!(events.iter().map(|event| event.text.as_str()).collect::<Vec<_>>(), ["Step 4", "Step 3"]);
    let tx = bed.db.begin().await.unwrap();
    let nowhere = stoa_model::id::SiteId::from_uuid(bed.uuid());
    assert!(site_event(&tx, nowhere, at(1), "state", "x").await.is_err(), "a foreign key");
}

pub async fn idempotency(bed: Bed) {
    let (jane, joe) = (Actor::Customer(bed.new_customer().id), Actor::Customer(bed.new_customer().id));
    let reply = Reply { request_hash: [9; 32], status: 202, body: "{\"a\":\"ü\"}".into() };
    let tx = bed.db.begin().await.unwrap();
    idempotency_put(&tx, jane, "key", &reply, at(5)).await.unwrap();
    idempotency_put(&tx, joe, "key", &reply, at(9)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(idempotency_get(&bed.db, jane, "key").await.unwrap(), Some(reply.clone()));
    assert_eq!(idempotency_get(&bed.db, jane, "KEY").await.unwrap(), None, "case counts");
    let tx = bed.db.begin().await.unwrap();
    let error = idempotency_put(&tx, jane, "key", &reply, at(6)).await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::IdempotencyKey)), "{error:?}");
    drop(tx);
    let tx = bed.db.begin().await.unwrap();
    assert_eq!(idempotency_prune(&tx, at(9)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(idempotency_get(&bed.db, jane, "key").await.unwrap(), None);
    assert_eq!(idempotency_get(&bed.db, joe, "key").await.unwrap(), Some(reply));
}

pub async fn meta_and_versions(bed: Bed) {
    assert_eq!(meta_get(&bed.db, "a").await.unwrap(), None);
    let tx = bed.db.begin().await.unwrap();
    meta_set(&tx, "a", "1").await.unwrap();
    meta_set(&tx, "a", "2").await.unwrap();
    meta_set(&tx, "a", "2").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(meta_get(&bed.db, "a").await.unwrap().as_deref(), Some("2"));
    let bumps = (0..20).map(|_| {
        let db = bed.db.clone();
        tokio::spawn(async move {
            let change = RouteChange::Certificates;
            db.write(|tx| Box::pin(async move { route_changed(&tx, change, "me").await })).await.unwrap()
        })
    });
    let mut seen = Vec::new();
    for bump in bumps.collect::<Vec<_>>() {
        seen.push(bump.await.unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=20).collect::<Vec<u64>>());
    assert_eq!(routes_version(&bed.db).await.unwrap(), 20);
    let changes = route_changes_between(&bed.db, 15, 20).await.unwrap().unwrap();
    assert_eq!(changes.len(), 5);
    assert!(changes.iter().all(|recorded| recorded.change == RouteChange::Certificates && recorded.process == "me"));
    // An earlier release changed something without a record.
    bed.raw("DELETE FROM route_changes WHERE version = 17").await;
    assert_eq!(route_changes_between(&bed.db, 15, 20).await.unwrap(), None);
    assert_eq!(route_changes_between(&bed.db, 17, 20).await.unwrap().unwrap().len(), 3);
    assert_eq!(route_changes_between(&bed.db, 20, 20).await.unwrap(), Some(Vec::new()));
}

pub async fn attempts_are_counted_for_all_processes_together(bed: Bed) {
    let second = |second: i64| at(second * 1000);
    let limit = |name: &str, attempts, seconds| RateLimit {
        name: name.to_owned(),
        attempts,
        period: Duration::from_secs(seconds),
    };
    let limits = &[limit("login 60s 192.0.2.1", 5, 60), limit("login 3600s 192.0.2.1", 20, 3600)];
    // Two processes, twenty attempts at once.
    let other = stoa_db::Db::connect(&bed.url).await.unwrap();
    let attempts = (0..20).map(|number| {
        let db = if number % 2 == 0 { bed.db.clone() } else { other.clone() };
        let limits = limits.clone();
        tokio::spawn(async move { rate_limit_attempt(&db, &limits, second(0)).await.unwrap() })
    });
    let mut permitted = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            None => permitted += 1,
            Some(wait) => assert_eq!(wait, Duration::from_secs(12)),
        }
    }
    assert_eq!(permitted, 5);
    // A refused attempt counts nowhere: the hour's limit has 15 left, and gets one back in three minutes.
    for minute in 2..=4 {
        for _ in 0..5 {
            assert_eq!(rate_limit_attempt(&other, limits, second(minute * 60)).await.unwrap(), None);
        }
    }
    assert_eq!(rate_limit_attempt(&other, limits, second(300)).await.unwrap(), None);
    assert_eq!(rate_limit_attempt(&other, limits, second(300)).await.unwrap(), Some(Duration::from_secs(60)));
    assert_eq!(rate_limit_attempt(&other, &[limit("login 60s 192.0.2.2", 1, 60)], second(300)).await.unwrap(), None);
    let prune = |until| bed.db.write(move |tx| Box::pin(async move { rate_limits_prune(&tx, second(until)).await }));
    prune(300).await.unwrap();
    assert!(rate_limit_attempt(&other, limits, second(300)).await.unwrap().is_some());
    prune(10_000).await.unwrap();
    assert_eq!(rate_limit_attempt(&bed.db, limits, second(300)).await.unwrap(), None);
}

pub async fn messages_reach_all_who_listen(bed: Bed) {
    let other = stoa_db::Db::connect(&bed.url).await.unwrap();
    let Some(mut listener) = bed.db.listen().await.unwrap() else {
        assert_ne!(bed.kind, Kind::Postgres);
        return;
    };
    other.notify("one\ntwo").await.unwrap();
    assert_eq!(listener.next().await.unwrap().as_deref(), Some("one\ntwo"));
    let longest = "x".repeat(stoa_db::core::events::MAX_MESSAGE_BYTES);
    other.notify(&longest).await.unwrap();
    assert_eq!(listener.next().await.unwrap(), Some(longest));
}
