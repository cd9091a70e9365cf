//! A person at the machine sees a stack with `docker-compose ps` in the site's directory.

use std::process::Command;

use stoa_provider::engine::Engine;

use crate::setup::Real;

#[tokio::test(flavor = "multi_thread")]
async fn docker_compose_lists_the_containers() {
    if Command::new("docker-compose").arg("version").output().is_err() {
        eprintln!("SKIPPED: docker-compose is not installed");
        return;
    }
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        let deployment = real.deployment(&["db", "web"]);
        let stack = &deployment.stack;
        real.docker.deploy(&deployment).await.unwrap();
        std::fs::create_dir_all(&stack.directory).unwrap();
        for manifest in real.docker.manifests(stack, &deployment.placement).unwrap() {
            std::fs::write(stack.directory.join(manifest.name), manifest.text).unwrap();
        }
        let compose = |arguments: &[&str]| {
            let mut command = Command::new("docker-compose");
            let output = command.args(arguments).current_dir(&stack.directory).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let listed = compose(&["ps"]);
        for service in &stack.services {
            assert!(listed.contains(&format!("{}-{}-1", stack.project, service.name)), "{listed}");
        }
        // A program's first line may come a moment after its start.
        let mut logs = String::new();
        for _ in 0..100 {
            logs = compose(&["logs", "--no-color", "web"]);
            if logs.contains("hello") {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        assert!(logs.contains("hello"), "{logs}");
        compose(&["stop", "web"]);
        assert!(!real.docker.observe(&stack.project).await.unwrap().all_running());
        compose(&["down", "--volumes"]);
        let left = real.docker.observe(&stack.project).await.unwrap();
        std::fs::remove_dir_all(&stack.directory).unwrap();
        assert!(left.services.is_empty() && !left.has_network && left.volumes.is_empty(), "{left:?}");
    })
    .await;
}
