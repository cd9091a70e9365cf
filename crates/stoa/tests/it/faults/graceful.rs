//! SIGTERM in the middle of a job: the process exits soon and with success, and the next one continues the job
//! immediately, without waiting for a lease. Nothing is lost or created twice.

use std::time::Duration;

use super::{ledger, world::World};

#[test]
fn a_job_continues_after_a_graceful_stop() {
    let Some(mut world) = World::new("graceful", "10.216.64.0/20", "lease_seconds = 3600\n") else { return };
    world.start();
    for (number, moment) in [0, 60, 150, 300, 450, 700].into_iter().enumerate() {
        let subdomain = format!("stopped-{number}");
        assert_eq!(world.order_taken("ebuilder", &subdomain).unwrap().status, 201);
        std::thread::sleep(Duration::from_millis(moment));
        world.stop();
        world.start();
        // The lease is an hour, but a process that stops releases its jobs.
        let state = world.rest(&world.id(&subdomain));
        assert_eq!(state, "succeeded", "{:#}", world.job(&world.id(&subdomain)));
        ledger::balance(&world);
    }
}
