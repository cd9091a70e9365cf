//! The program is replaced twenty times while visitors use a store and the portal, and jobs run.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    thread,
};

use super::{ledger, world::World};
use crate::handover::{visit, visit_http2};

/// Visitors of each, all with a connection that is kept.
const VISITORS: usize = 32;
const REPLACEMENTS: usize = 20;

#[test]
fn replacing_the_program_loses_no_request_and_no_job() {
    let Some(mut world) = World::new("replaced", "10.216.192.0/20", "lease_seconds = 30\ndrain_seconds = 30\n") else {
        return;
    };
    world.start();
    world.make("ebuilder", "visited");
    let (at, store) = (world.address, format!("visited.localhost:{}", world.address.port()));
    let (stop, answers) = (AtomicBool::new(false), AtomicU32::new(0));
    let (stop, answers) = (&stop, &answers);
    let lost = thread::scope(|scope| {
        let mut visitors = Vec::new();
        for (host, path) in [(store.as_str(), "/"), ("localhost", "/healthz")] {
            for number in 0..VISITORS {
                let visit = if number % 4 == 0 { visit_http2 } else { visit };
                visitors.push(scope.spawn(move || visit(at, host, path, stop, answers)));
            }
        }
        for replacement in 0..REPLACEMENTS {
            // An order now and then, so that jobs are handed over too.
            if replacement % 5 == 0 {
                assert_eq!(world.order_taken("ebuilder", &format!("ordered-{replacement}")).unwrap().status, 201);
            }
            world.replace();
        }
        stop.store(true, SeqCst);
        visitors.into_iter().filter_map(|visitor| visitor.join().unwrap().err()).collect::<Vec<_>>()
    });
    let answered = answers.load(SeqCst);
    assert!(lost.is_empty(), "{} of {answered} requests were lost: {:?}\n{}", lost.len(), lost, world.log());
    assert!(answered > 1_000, "{answered} requests");
    println!("{REPLACEMENTS} replacements, {answered} requests, none lost");
    for replacement in (0..REPLACEMENTS).step_by(5) {
        let state = world.rest(&world.id(&format!("ordered-{replacement}")));
        assert_eq!(state, "succeeded", "{}", world.log());
    }
    ledger::balance(&world);
    world.stop_successor();
}
