//! Objects of the same name that are not ours are never taken over, used or removed.

use std::process::Command;

use stoa_model::stack::VolumeName;
use stoa_provider::engine::{Deployment, Engine, EngineError, Scope};

use crate::setup::Real;

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Removes what a killed test left behind.
fn clean_up(arguments: &[&str]) {
    drop(Command::new("docker").args(arguments).output().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_or_volume_of_the_same_name_is_refused_and_stays() {
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        let deployment = real.deployment(&["web"]);
        let stack = &deployment.stack;
        let volume = format!("{}_data", stack.project);
        clean_up(&["volume", "rm", &volume]);
        docker(&["volume", "create", &volume]);
        let refused = real.docker.deploy(&deployment).await;
        real.docker.remove(&stack.project, Scope::Everything).await.unwrap();
        docker(&["volume", "rm", &volume]);
        assert!(matches!(&refused, Err(EngineError::Refused { doing, .. }) if doing.contains(&volume)), "{refused:?}");

        let name = format!("{}-web-1", stack.project);
        clean_up(&["rm", "-f", &name]);
        docker(&["create", "--name", &name, stack.services[0].image.as_str(), "/bin/sh"]);
        let refused = real.docker.deploy(&deployment).await;
        real.docker.remove(&stack.project, Scope::Everything).await.unwrap();
        docker(&["rm", &name]);
        assert!(matches!(&refused, Err(EngineError::Refused { doing, .. }) if doing.contains(&name)), "{refused:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_removed_is_created_again_and_only_that() {
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        let deployment = real.deployment(&["db", "web"]);
        let stack = &deployment.stack;
        let (first, second) = (deployment.operation, real.fixtures.job());
        real.docker.deploy(&deployment).await.unwrap();
        docker(&["rm", "-f", &format!("{}-web-1", stack.project)]);
        real.docker.deploy(&Deployment { operation: second, ..deployment.clone() }).await.unwrap();
        let made_by = |observed: stoa_provider::engine::Observed| {
            observed.services.into_iter().map(|service| service.operation).collect::<Vec<_>>()
        };
        assert_eq!(made_by(real.docker.observe(&stack.project).await.unwrap()), [Some(first), Some(second)]);
        real.docker.remove(&stack.project, Scope::CreatedBy(second)).await.unwrap();
        let left = real.docker.observe(&stack.project).await.unwrap();
        assert_eq!((left.has_network, left.volumes.len()), (true, 1));
        assert_eq!(made_by(left), [Some(first)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_a_person_removed_is_not_replaced_by_an_empty_one() {
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        let deployment = real.deployment(&["db", "web"]);
        let project = &deployment.stack.project;
        real.docker.deploy(&deployment).await.unwrap();
        docker(&["rm", "-f", &format!("{project}-db-1"), &format!("{project}-web-1")]);
        docker(&["volume", "rm", &format!("{project}_data")]);
        let answer = real.docker.deploy(&deployment.clone().with_all_claimed()).await;
        let data = VolumeName("data".into());
        assert!(matches!(&answer, Err(EngineError::DataMissing { volume }) if *volume == data), "{answer:?}");
        let left = real.docker.observe(project).await.unwrap();
        assert!(left.services.is_empty() && left.volumes.is_empty() && left.has_network, "{left:?}");
    })
    .await;
}
