//! Things of the same name that are not ours are never taken over, used or removed.

use std::process::Command;

use stoa_provider::engine::{Engine, EngineError, Scope};

use crate::ground::Real;

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Removes what is nobody's and a test that was killed could not.
fn left_behind(arguments: &[&str]) {
    drop(Command::new("docker").args(arguments).output().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_or_volume_of_the_same_name_is_refused_and_stays() {
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        let (stack, job) = (real.ground.stack(&["web"]), real.ground.job());
        let volume = stack.engine_volume(&stack.volumes[0]);
        left_behind(&["volume", "rm", &volume]);
        docker(&["volume", "create", &volume]);
        let refused = real.docker.apply(&stack, job).await;
        real.docker.remove(&stack.project, Scope::Everything).await.unwrap();
        docker(&["volume", "rm", &volume]);
        assert!(matches!(&refused, Err(EngineError::Refused { doing, .. }) if doing.contains(&volume)), "{refused:?}");

        let name = stack.engine_container(&stack.services[0]);
        left_behind(&["rm", "-f", &name]);
        docker(&["create", "--name", &name, stack.services[0].image.as_str(), "/bin/sh"]);
        let refused = real.docker.apply(&stack, job).await;
        real.docker.remove(&stack.project, Scope::Everything).await.unwrap();
        docker(&["rm", &name]);
        assert!(matches!(&refused, Err(EngineError::Refused { doing, .. }) if doing.contains(&name)), "{refused:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_removed_is_made_again_and_only_that() {
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        let (stack, first, second) = (real.ground.stack(&["db", "web"]), real.ground.job(), real.ground.job());
        real.docker.apply(&stack, first).await.unwrap();
        docker(&["rm", "-f", &stack.engine_container(&stack.services[1])]);
        real.docker.apply(&stack, second).await.unwrap();
        let made_by = |observed: stoa_provider::engine::Observed| {
            observed.services.into_iter().map(|service| service.operation).collect::<Vec<_>>()
        };
        assert_eq!(made_by(real.docker.observe(&stack.project).await.unwrap()), [Some(first), Some(second)]);
        real.docker.remove(&stack.project, Scope::CreatedBy(second)).await.unwrap();
        let left = real.docker.observe(&stack.project).await.unwrap();
        assert_eq!((left.networks.len(), left.volumes.len()), (1, 1));
        assert_eq!(made_by(left), [Some(first)]);
    })
    .await;
}
