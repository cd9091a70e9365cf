//! How long things take: printed, and held against generous bounds (`-- --ignored --nocapture`).

use std::time::{Duration, Instant};

use stoa_model::stack::ServiceName;
use stoa_provider::engine::{Engine, Exec, Scope};

use crate::ground::Real;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn timings() {
    let Some(real) = Real::take().await else { return };
    let (docker, stack) = (&real.docker, real.ground.stack(&["db", "web"]));
    let mut took: [Vec<Duration>; 5] = Default::default();
    for _ in 0..10 {
        let job = real.ground.job();
        let mut clock = Instant::now();
        let mut lap = |n: usize| took[n].push(std::mem::replace(&mut clock, Instant::now()).elapsed());
        docker.apply(&stack, job).await.unwrap();
        lap(0);
        docker.apply(&stack, job).await.unwrap();
        lap(1);
        assert!(docker.observe(&stack.project).await.unwrap().all_running());
        lap(2);
        let exec = Exec { argv: vec!["/bin/true".into()], stdin: None, user: None, deadline: Duration::from_secs(9) };
        assert_eq!(docker.exec(&stack.project, &ServiceName("web".into()), exec).await.unwrap().code, 0);
        lap(3);
        docker.remove(&stack.project, Scope::Everything).await.unwrap();
        lap(4);
    }
    for (name, took) in ["apply", "apply again", "observe", "exec", "remove"].iter().zip(&mut took) {
        took.sort();
        println!("{name:12} median {:?}, min {:?}, max {:?}", took[5], took[0], took[9]);
    }
    real.clean().await;
}
