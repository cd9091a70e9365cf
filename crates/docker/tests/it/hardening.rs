//! The hardening that is asked of Docker, as seen from inside a container.

use stoa_provider::engine::Engine;

use crate::setup::Real;

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_as_tight_inside_as_it_was_asked_for() {
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        let mut deployment = real.deployment(&["web", "writer"]);
        deployment.stack.services[1].cap_add = vec!["CHOWN".into()];
        deployment.stack.services[1].read_only = false;
        real.docker.deploy(&deployment).await.unwrap();
        let shell = async |service: &str, line: &str| {
            let output = real.shell(&deployment, service, line).await;
            output.stdout + &output.stderr
        };
        let status = shell("web", "cat /proc/1/status").await;
        assert!(status.contains("CapBnd:\t0000000000000000"), "{status}");
        assert!(
            shell("writer", "cat /proc/1/status").await.contains("CapBnd:\t0000000000000001"),
            "only CHOWN is kept"
        );
        assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
        assert!(status.contains("Name:\tdocker-init"), "{status}");
        assert!(shell("web", "echo x > /file").await.contains("Read-only file system"));
        assert_eq!(shell("writer", "echo x > /file").await, "");
        assert_eq!(shell("web", "busybox hostname").await, "web\n");
        let mounts = shell("web", "cat /proc/mounts").await;
        let tmp = mounts.lines().find(|line| line.contains(" /tmp ")).unwrap();
        for option in ["nosuid", "nodev", "noexec", "size=1024k"] {
            assert!(tmp.contains(option), "{tmp}");
        }
        let full = shell("web", "busybox dd if=/dev/zero of=/tmp/big bs=1024 count=2000 2>&1; echo").await;
        assert!(full.contains("No space left"), "{full}");
        let forks = shell("web", "i=0; while [ $i -lt 40 ]; do sleep 2 & i=$((i+1)); done; echo all").await;
        assert!(!forks.contains("all") || forks.contains("fork"), "{forks}");
    })
    .await;
}
