//! From one process to the next, while Docker still does what the first one asked for.

use std::time::Duration;

use stoa_provider::engine::{Engine, Scope};

use crate::setup::{Real, docker};

/// As after a process was killed: Docker goes on alone, and does not list yet what it makes.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_is_making_is_taken_over() {
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        let other = docker("stoa-test-ours");
        for delay in [0, 0, 2, 5, 10, 20, 40, 80] {
            let deployment = real.deployment(&["web"]);
            let project = &deployment.stack.project;
            let late = async {
                tokio::time::sleep(Duration::from_millis(delay)).await;
                other.deploy(&deployment).await
            };
            let (one, two) = tokio::join!(real.docker.deploy(&deployment), late);
            drop(one.and(two).unwrap_or_else(|error| panic!("{delay} ms later: {error}")));
            let seen = real.docker.observe(project).await.unwrap();
            assert!(seen.all_running(), "{seen:?}");
            assert_eq!((seen.services.len(), seen.has_network, seen.volumes.len()), (1, true, 1), "{seen:?}");
            real.docker.remove(project, Scope::Everything).await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_process_waits_for_what_nobody_waits_for() {
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        real.docker.settled().await;
        let deployment = real.deployment(&["web"]);
        let project = &deployment.stack.project;
        let dropped = tokio::time::timeout(Duration::from_millis(5), real.docker.deploy(&deployment)).await;
        assert!(dropped.is_err(), "it takes longer than that");
        real.docker.settled().await;
        let seen = docker("stoa-test-ours").observe(project).await.unwrap();
        assert!(seen.all_running() && seen.has_network, "{seen:?}");
    })
    .await;
}
