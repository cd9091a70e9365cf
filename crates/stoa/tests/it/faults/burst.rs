//! Thirty orders at once, forty-five sites at once on one Docker, and all of them purged again, with a
//! kill in the middle of the purging.

use std::{
    collections::BTreeSet,
    io::Write,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    ledger,
    world::{World, alone},
};

/// Orders these at once and returns how long each response took.
fn order(world: &World, numbers: std::ops::Range<usize>) -> Vec<Duration> {
    std::thread::scope(|scope| {
        let orders: Vec<_> = numbers
            .map(|number| {
                scope.spawn(move || {
                    let began = Instant::now();
                    let answer = world.order_taken("ebuilder", &format!("burst-{number}")).unwrap();
                    assert_eq!(answer.status, 201, "{}", answer.text());
                    began.elapsed()
                })
            })
            .collect();
        orders.into_iter().map(|order| order.join().unwrap()).collect()
    })
}

/// All sites that are not purged; staff see purged ones too.
fn sites(world: &World) -> Vec<Value> {
    let all = world.api("GET", "/api/v1/sites?limit=100", None)["items"].as_array().unwrap().clone();
    all.into_iter().filter(|site| site["state"] != "deleted").collect()
}

/// Waits until all of them are active.
fn all_active(world: &World, count: usize) {
    let began = Instant::now();
    loop {
        let sites = sites(world);
        let active = sites.iter().filter(|site| site["state"] == "active" && site["job"].is_null()).count();
        if active == count && sites.len() == count {
            return;
        }
        let failed: Vec<_> = sites.iter().filter(|site| site["state"] == "failed").collect();
        assert!(failed.is_empty(), "{failed:#?}\n{}", world.log());
        assert!(began.elapsed() < Duration::from_secs(900), "{active} of {count} are active\n{}", world.log());
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn subnets(world: &World) -> BTreeSet<String> {
    let networks = world.engine.labelled(&world.label()).networks;
    networks.iter().map(|n| n["IPAM"]["Config"][0]["Subnet"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn thirty_orders_at_once_then_forty_five_sites_then_none() {
    let _alone = alone();
    let Some(mut world) = World::new("burst", "10.216.176.0/20", "") else { return };
    world.start();
    let began = Instant::now();
    let mut answers = order(&world, 0..30);
    answers.sort();
    all_active(&world, 30);
    let (median, last, active) = (answers[15], answers[29], began.elapsed());
    assert_eq!(subnets(&world).len(), 30, "two sites share a network");
    order(&world, 30..45);
    all_active(&world, 45);
    assert_eq!(subnets(&world).len(), 45, "two sites share a network");
    ledger::balance(&world);

    let began = Instant::now();
    for site in sites(&world) {
        world.api("DELETE", &format!("/api/v1/sites/{}", site["id"].as_str().unwrap()), None);
    }
    std::thread::sleep(Duration::from_millis(300));
    world.kill();
    world.start();
    while !sites(&world).is_empty() || !world.engine.labelled(&world.label()).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(900), "not all is purged: {:#?}", sites(&world));
        std::thread::sleep(Duration::from_millis(200));
    }
    let leases = world.database(async |db| stoa_db::leases::leases(db).await.unwrap());
    assert!(leases.is_empty(), "{leases:?}");
    let left = std::fs::read_dir(world.data.join("sites")).unwrap().count();
    assert_eq!(left, 0, "directories of customers without sites");
    assert_eq!(world.front("burst-7.localhost").status, 404);
    let text = format!(
        "\nThirty orders at once: answered after {median:?} (median) and {last:?} (last), all active after {active:?}; \
         45 sites purged, over a kill, after {:?}\n",
        began.elapsed()
    );
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}
