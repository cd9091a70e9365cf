//! A person at the machine sees a stack with `docker-compose ps` in the site's directory.

use std::process::Command;

use stoa_provider::engine::Engine;

use crate::ground::Real;

#[tokio::test(flavor = "multi_thread")]
async fn docker_compose_lists_the_containers() {
    if Command::new("docker-compose").arg("version").output().is_err() {
        eprintln!("SKIPPED: docker-compose is not installed");
        return;
    }
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        let stack = real.ground.stack(&["db", "web"]);
        real.docker.apply(&stack, real.ground.job()).await.unwrap();
        std::fs::create_dir_all(&stack.directory).unwrap();
        let image = &stack.services[0].image;
        let file = format!("version: '3.8'\nservices:\n  db: {{image: '{image}'}}\n  web: {{image: '{image}'}}\n");
        std::fs::write(stack.directory.join("compose.yaml"), file).unwrap();
        std::fs::write(stack.directory.join(".env"), format!("COMPOSE_PROJECT_NAME={}\n", stack.project)).unwrap();
        let compose = |arguments: &[&str]| {
            let mut command = Command::new("docker-compose");
            let output = command.args(arguments).current_dir(&stack.directory).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let listed = compose(&["ps"]);
        for service in &stack.services {
            assert!(listed.contains(&stack.engine_container(service)), "{listed}");
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
        assert!(left.services.is_empty() && left.networks.is_empty(), "{left:?}");
    })
    .await;
}
