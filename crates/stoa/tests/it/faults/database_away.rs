//! The database server goes away for a minute, and comes back read-only for a while, as after a fail-over. Needs the
//! platform on a database server (`make processes`).

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{ledger, world::World};

/// Longer than leases, and than pools wait for a connection.
const AWAY: Duration = Duration::from_secs(60);

#[test]
fn a_database_that_is_away_for_a_minute_costs_no_visitor_and_no_job() {
    let Some(mut world) = World::over_relay("database-away", "10.216.208.0/20") else { return };
    world.start();
    world.make("ebuilder", "keeper");
    assert_eq!(world.order_taken("ebuilder", "ordered").unwrap().status, 201);
    // In the middle of its job.
    thread::sleep(Duration::from_millis(300));
    world.relay().cut();
    let (began, mut visits) = (Instant::now(), 0);
    while began.elapsed() < AWAY {
        assert_eq!(world.front("keeper.localhost").status, 200, "after {:?}:\n{}", began.elapsed(), world.log());
        visits += 1;
        thread::sleep(Duration::from_millis(200));
    }
    let refused = world.order("ebuilder", "refused").unwrap();
    assert_eq!(refused.status, 503, "{}", refused.text());
    world.relay().restore();
    let back = Instant::now();
    let id = loop {
        match world.try_api("GET", "/api/v1/sites?limit=10", None) {
            Ok(answer) if answer.status == 200 => break world.id("ordered"),
            other => assert!(back.elapsed() < Duration::from_secs(30), "{other:?}"),
        }
        thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(world.rest(&id), "succeeded", "{}", world.log());
    println!("{visits} visits meanwhile; the job succeeded {:.1} s after it came back", back.elapsed().as_secs_f64());
    world.make("ebuilder", "later");
    ledger::balance(&world);
    world.stop();
}

#[test]
fn a_database_that_is_read_only_refuses_orders_and_serves_visitors() {
    let Some(mut world) = World::over_relay("database-read-only", "10.216.224.0/20") else { return };
    world.start();
    world.make("ebuilder", "keeper");
    let read_only = |world: &mut World, on: bool| {
        if !world.set_read_only(on) {
            return false;
        }
        // The settings of connections that are open stay as they were.
        world.relay().cut();
        world.relay().restore();
        true
    };
    if !read_only(&mut world, true) {
        return eprintln!("SKIPPED: MariaDB is read-only for all of its databases or none");
    }
    let began = Instant::now();
    let mut refused = 0;
    while began.elapsed() < Duration::from_secs(20) {
        assert_eq!(world.front("keeper.localhost").status, 200);
        let answer = world.order("ebuilder", "refused").unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text());
        refused += 1;
    }
    assert!(read_only(&mut world, false));
    println!("{refused} orders refused while it was read-only");
    let site = world.site("keeper");
    assert_eq!(site["state"], "active");
    assert_eq!(world.order_taken("ebuilder", "later").unwrap().status, 201);
    assert_eq!(world.rest(&world.id("later")), "succeeded", "{}", world.log());
    ledger::balance(&world);
    world.stop();
}
