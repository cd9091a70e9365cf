//! Another process holds the database's write lock for some seconds: a backup tool, a person with a shell.

use std::{
    sync::mpsc::{RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    ledger,
    world::{JOB_TIMEOUT, World},
};

/// Holds a write transaction for `time` while `meanwhile` runs.
fn locked<T: Send>(world: &World, time: Duration, meanwhile: impl FnOnce() -> T + Send) -> T {
    let (held, begin) = channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            world.database(async |db| {
                let tx = db.begin().await.unwrap();
                held.send(()).unwrap();
                tokio::time::sleep(time).await;
                drop(tx);
            });
        });
        begin.recv().unwrap();
        meanwhile()
    })
}

/// Holds a write transaction until `meanwhile` has ended.
fn locked_throughout<T: Send>(world: &World, meanwhile: impl FnOnce() -> T + Send) -> T {
    let ((held, begin), (done, end)) = (channel(), channel::<()>());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            world.database(async |db| {
                let tx = db.begin().await.unwrap();
                held.send(()).unwrap();
                // Nothing is ever sent: the other end closes, even if the test fails.
                assert_eq!(end.recv_timeout(JOB_TIMEOUT), Err(RecvTimeoutError::Disconnected));
                drop(tx);
            });
        });
        begin.recv().unwrap();
        let _done = done;
        meanwhile()
    })
}

#[test]
fn an_order_waits_for_a_locked_database() {
    let Some(mut world) = World::new("locked", "10.216.112.0/20", "") else { return };
    world.start();
    world.make("ebuilder", "old");
    let began = Instant::now();
    let answer = locked(&world, Duration::from_secs(4), || world.order("ebuilder", "late").unwrap());
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert!(began.elapsed() > Duration::from_secs(3), "the database was not locked");
    assert_eq!(world.rest(&world.id("late")), "succeeded");
    ledger::balance(&world);
}

/// Longer than anyone waits: a clear error, and nothing half created. Readers are not affected.
#[test]
fn an_order_is_refused_while_the_database_stays_locked() {
    let Some(mut world) = World::new("locked-long", "10.216.120.0/21", "") else { return };
    world.start();
    world.make("ebuilder", "old");
    let answer = locked_throughout(&world, || {
        let answer = world.order("ebuilder", "refused").unwrap();
        assert_eq!(world.front("old.localhost").status, 200);
        assert_eq!(world.site("old")["state"], "active");
        answer
    });
    assert!([503, 504].contains(&answer.status), "{} {}", answer.status, answer.text());
    assert!(answer.json()["detail"].as_str().is_some_and(|words| words.len() > 20), "{}", answer.text());
    let sites = world.api("GET", "/api/v1/sites", None);
    assert_eq!(sites["items"].as_array().unwrap().len(), 1, "{sites}");
    ledger::balance(&world);
    world.make("ebuilder", "refused");
    ledger::balance(&world);
}

/// The lease expires meanwhile, because the heartbeat can't be written: the process drops the job and claims it
/// again.
#[test]
fn a_job_outlives_a_locked_database() {
    let Some(mut world) = World::new("locked-job", "10.216.128.0/21", "") else { return };
    world.start();
    for (number, moment) in [0, 100, 300, 600].into_iter().enumerate() {
        let subdomain = format!("locked-{number}");
        let order = json!({ "blueprint": "ebuilder", "subdomain": subdomain, "title": "t" });
        assert_eq!(world.try_api("POST", "/api/v1/sites", Some(order)).unwrap().status, 201);
        std::thread::sleep(Duration::from_millis(moment));
        locked(&world, Duration::from_secs(5), || {});
        assert_eq!(world.rest(&world.id(&subdomain)), "succeeded", "{:#}", world.job(&world.id(&subdomain)));
        ledger::balance(&world);
    }
}
