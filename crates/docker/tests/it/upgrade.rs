//! Containers of the release before `stoa.spec-hash`: an upgrade must restart none.

use std::process::{Command, Stdio};

use stoa_provider::engine::{Action, Engine, Revision};

use crate::setup::Real;

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Creates a container again as the old release did: with the same request, but without the labels
/// that it did not know.
fn as_old_release(container: &str) {
    let inspected: serde_json::Value = serde_json::from_str(&docker(&["inspect", container])).unwrap();
    let (config, host) = (&inspected[0]["Config"], &inspected[0]["HostConfig"]);
    let mut labels = config["Labels"].as_object().unwrap().clone();
    for label in ["stoa.spec-hash", "stoa.render-version", "stoa.revision", "stoa.image"] {
        assert!(labels.remove(label).is_some(), "{label}");
    }
    let network = host["NetworkMode"].as_str().unwrap();
    let endpoint = &inspected[0]["NetworkSettings"]["Networks"][network];
    let body = serde_json::json!({
        "Hostname": config["Hostname"], "Image": config["Image"], "Cmd": config["Cmd"], "Env": config["Env"],
        "StopTimeout": config["StopTimeout"], "Labels": labels, "HostConfig": host,
        "NetworkingConfig": {"EndpointsConfig": {network: {
            "IPAMConfig": endpoint["IPAMConfig"], "Aliases": endpoint["Aliases"],
        }}},
    });
    docker(&["rm", "-f", container]);
    let created = Command::new("curl")
        .args(["-sf", "--unix-socket", "/var/run/docker.sock", "-H", "Content-Type: application/json", "-d"])
        .args([&body.to_string(), &format!("http://docker/containers/create?name={container}")])
        .output()
        .unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
    docker(&["start", container]);
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_of_the_old_release_are_taken_over_as_they_run() {
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        let mut deployment = real.deployment(&["db", "web"]);
        let project = deployment.stack.project.clone();
        real.docker.deploy(&deployment).await.unwrap();
        for service in ["db", "web"] {
            as_old_release(&format!("{project}-{service}-1"));
        }
        let before = real.docker.observe(&project).await.unwrap();
        assert!(before.all_running() && before.services.iter().all(|s| s.spec_hash.is_none()), "{before:?}");
        assert!(before.services.iter().all(|service| service.revision == Revision(0)));

        let image = real.docker.image(real.fixtures.image()).await.unwrap().unwrap();
        for service in &mut deployment.stack.services {
            service.image_id = Some(image.id.clone());
        }
        let upgraded = real.docker.deploy(&deployment.clone().with_all_claimed()).await.unwrap();
        assert!(upgraded.is_unchanged(), "{upgraded:?}");
        assert_eq!(real.docker.observe(&project).await.unwrap(), before);

        deployment.stack.services[0].limits.pids += 1;
        let value = stoa_model::stack::EnvValue("blue".into());
        deployment.stack.services[1].environment.insert("COLOR".into(), value);
        let changed = real.docker.deploy(&deployment).await.unwrap();
        let actions: Vec<_> = changed.changes.iter().map(|change| change.action).collect();
        assert_eq!(actions, [Action::LimitsChanged, Action::Replaced], "{changed:?}");
        let again = real.docker.deploy(&deployment).await.unwrap();
        assert!(again.is_unchanged(), "{again:?}");
    })
    .await;
}
