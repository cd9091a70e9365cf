//! How long things take: printed, and held against generous bounds (`-- --ignored --nocapture`).

use std::time::{Duration, Instant};

use stoa_model::stack::ServiceName;
use stoa_provider::engine::{Deployment, Engine, Program, Scope, run_program};

use crate::setup::Real;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn timings() {
    let Some(real) = Real::take().await else { return };
    let (docker, deployment) = (&real.docker, real.deployment(&["db", "web"]));
    let stack = &deployment.stack;
    let mut took: [Vec<Duration>; 5] = Default::default();
    for _ in 0..10 {
        let deployment = Deployment { operation: real.fixtures.job(), ..deployment.clone() };
        let mut clock = Instant::now();
        let mut lap = |n: usize| took[n].push(std::mem::replace(&mut clock, Instant::now()).elapsed());
        docker.deploy(&deployment).await.unwrap();
        lap(0);
        docker.deploy(&deployment).await.unwrap();
        lap(1);
        assert!(docker.observe(&stack.project).await.unwrap().all_running());
        lap(2);
        let argv = ["/bin/busybox", "true"].map(Into::into).to_vec();
        let program = Program { argv, stdin: None, user: None, deadline: Duration::from_secs(9) };
        let web = ServiceName("web".into());
        assert_eq!(run_program(&**docker, &stack.project, &web, program).await.unwrap().code, 0);
        lap(3);
        docker.remove(&stack.project, Scope::Everything).await.unwrap();
        lap(4);
    }
    for (name, took) in ["deploy", "deploy again", "observe", "exec", "remove"].iter().zip(&mut took) {
        took.sort();
        println!("{name:12} median {:?}, min {:?}, max {:?}", took[5], took[0], took[9]);
    }
    real.clean().await;
}
