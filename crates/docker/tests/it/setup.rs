//! What every test needs: a Docker that answers, a tiny image, an installation of its own.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use stoa_docker::{Docker, DockerConfig};
use stoa_model::stack::ServiceName;
use stoa_provider::engine::{Deployment, Engine, ExecOutput, Program, Scope, conformance::Fixtures, run_program};

/// Created by the tests when it is not there.
const IMAGE: &str = "stoa/test-busybox:1";
const SOCKET: &str = "/var/run/docker.sock";

/// A Docker to test with. One test has it at a time, of all processes on the machine: what a killed
/// test left behind is removed before the next.
pub struct Real {
    pub docker: Arc<Docker>,
    pub neighbor: Arc<Docker>,
    pub fixtures: Fixtures,
    pub lock: File,
}

impl Real {
    /// `None` when the tests are to be skipped.
    pub async fn take() -> Option<Self> {
        if std::env::var("STOA_SKIP_DOCKER").is_ok_and(|value| value == "1") {
            eprintln!("SKIPPED: STOA_SKIP_DOCKER=1");
            return None;
        }
        let lock = File::create(std::env::temp_dir().join("stoa-docker-tests.lock")).expect("a lock file");
        let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await.unwrap().unwrap();
        let (docker, neighbor) = (docker("stoa-test-ours"), docker("stoa-test-theirs"));
        let info = docker.describe().await.expect("a running Docker, or STOA_SKIP_DOCKER=1");
        if docker.image(&IMAGE.parse().unwrap()).await.unwrap().is_none() {
            import_image();
        }
        let fixtures = Fixtures::new(docker.lease_pool(&info), IMAGE.parse().unwrap());
        let real = Self { docker, neighbor, fixtures, lock };
        real.clean().await;
        Some(real)
    }

    /// A deployment of services that share a volume.
    pub fn deployment(&self, services: &[&str]) -> Deployment {
        self.fixtures.deployment(&*self.docker, services, &[])
    }

    /// Runs a shell line in a service.
    pub async fn shell(&self, deployment: &Deployment, service: &str, line: &str) -> ExecOutput {
        let argv = ["/bin/sh", "-c", line].map(Into::into).to_vec();
        let program = Program { argv, stdin: None, user: None, deadline: Duration::from_secs(60) };
        run_program(&*self.docker, &deployment.stack.project, &ServiceName(service.into()), program).await.unwrap()
    }

    /// Removes everything that the tests' installations have.
    pub async fn clean(&self) {
        for docker in [&self.docker, &self.neighbor] {
            for observed in docker.list().await.expect("a list") {
                docker.remove(&observed.project, Scope::Everything).await.expect("removal");
            }
        }
    }

    /// Runs a test, and cleans up also when it panics.
    pub async fn run(self, test: impl AsyncFnOnce(&Self)) {
        use futures_util::FutureExt;
        let ended = std::panic::AssertUnwindSafe(test(&self)).catch_unwind().await;
        self.clean().await;
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    }
}

pub fn docker(installation: &str) -> Arc<Docker> {
    docker_at(SOCKET.into(), installation)
}

pub fn docker_at(socket: PathBuf, installation: &str) -> Arc<Docker> {
    Arc::new(Docker::connect(DockerConfig {
        socket,
        installation: installation.into(),
        address_pool: "10.214.0.0/16".parse().unwrap(),
        mtu: None,
        timeout: Duration::from_secs(120),
    }))
}

/// Debian's static busybox is a whole image.
fn import_image() {
    let busybox = Path::new("/usr/bin/busybox");
    assert!(busybox.exists(), "apt-get install busybox-static: the test image is made of it");
    let root = std::env::temp_dir().join(format!("stoa-test-image-{}", std::process::id()));
    for directory in ["bin", "data", "tmp"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    std::fs::copy(busybox, root.join("bin/busybox")).unwrap();
    for program in ["cat", "sh", "sleep"] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(program)).unwrap();
    }
    let mut tar = Command::new("tar").arg("-C").arg(&root).args(["-c", "."]).stdout(Stdio::piped()).spawn().unwrap();
    let mut import = Command::new("docker");
    let import = import.args(["import", "-", IMAGE]).stdin(tar.stdout.take().unwrap()).output().unwrap();
    assert!(tar.wait().unwrap().success() && import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    std::fs::remove_dir_all(root).unwrap();
}
