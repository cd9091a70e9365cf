//! What every test stands on: a Docker that answers, a tiny image, an installation of its own.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use stoa_docker::{Docker, DockerConfig};
use stoa_model::{
    id::{JobId, SiteId},
    limits::{Bytes, Limits, MilliCpu},
    net::Subnet,
    stack::{Mount, ProjectName, Service, ServiceName, Stack, VolumeName},
};
use stoa_provider::engine::{Engine, Scope};
use uuid::Uuid;

pub const IMAGE: &str = "stoa/test-busybox:1";
const SOCKET: &str = "/var/run/docker.sock";

/// Held by one test process at a time, so that none cleans up what another is using.
pub struct Ground {
    pub docker: Arc<Docker>,
    _lock: File,
}

impl Ground {
    /// `None` when the tests are to be skipped.
    pub async fn take(installation: &str) -> Option<Self> {
        if std::env::var("STOA_SKIP_DOCKER").is_ok_and(|value| value == "1") {
            eprintln!("SKIPPED: STOA_SKIP_DOCKER=1");
            return None;
        }
        let lock = File::create(std::env::temp_dir().join("stoa-docker-tests.lock")).expect("a lock file");
        let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await.unwrap().expect("the lock");
        let docker = docker(installation);
        docker.describe().await.expect("a running Docker, or STOA_SKIP_DOCKER=1");
        if docker.image(&IMAGE.parse().unwrap()).await.unwrap().is_none() {
            import_image();
        }
        let ground = Self { docker, _lock: lock };
        ground.clean().await;
        Some(ground)
    }

    /// Removes all of this installation.
    pub async fn clean(&self) {
        for observed in self.docker.list().await.expect("a list") {
            self.docker.remove(&observed.project, Scope::Everything).await.expect("removal");
        }
    }
}

pub fn docker(installation: &str) -> Arc<Docker> {
    Arc::new(Docker::connect(DockerConfig {
        socket: PathBuf::from(SOCKET),
        installation: installation.into(),
        timeout: Duration::from_secs(30),
    }))
}

/// Debian's static busybox is a whole image.
fn import_image() {
    let busybox = Path::new("/usr/bin/busybox");
    assert!(busybox.exists(), "apt-get install busybox-static: the test image is made of it");
    let root = std::env::temp_dir().join(format!("stoa-test-image-{}", std::process::id()));
    std::fs::create_dir_all(root.join("bin")).unwrap();
    std::fs::create_dir_all(root.join("tmp")).unwrap();
    std::fs::copy(busybox, root.join("bin/busybox")).unwrap();
    for program in ["sh", "sleep", "cat", "nc", "wget", "httpd", "true"] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(program)).unwrap();
    }
    let mut tar = Command::new("tar").arg("-C").arg(&root).args(["-c", "."]).stdout(Stdio::piped()).spawn().unwrap();
    let import =
        Command::new("docker").args(["import", "-", IMAGE]).stdin(tar.stdout.take().unwrap()).output().unwrap();
    assert!(tar.wait().unwrap().success() && import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    std::fs::remove_dir_all(root).unwrap();
}

pub fn job(n: u128) -> JobId {
    JobId::from_uuid(Uuid::from_u128(n))
}

/// A stack of so many services that sleep, in its own block of 10.214.0.0/16.
pub fn stack(block: u32, services: &[&str]) -> Stack {
    let site = SiteId::from_uuid(Uuid::from_u128(0x7e57_0000 + u128::from(block)));
    let subnet = "10.214.0.0/16".parse::<Subnet>().unwrap().block(block).unwrap();
    let service = |(n, name): (usize, &&str)| Service {
        name: ServiceName((*name).into()),
        image: IMAGE.parse().unwrap(),
        entrypoint: None,
        command: Some(
            ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"].map(Into::into).into(),
        ),
        environment: BTreeMap::new(),
        address: subnet.service_address(n).unwrap(),
        mounts: vec![Mount { volume: VolumeName("data".into()), path: "/data".into(), read_only: false }],
        tmpfs: Vec::new(),
        limits: Limits { memory: Bytes::mib(64), cpu: MilliCpu(1000), pids: 50 },
        user: None,
        cap_add: Vec::new(),
        read_only: true,
        health: None,
        stop_grace: Duration::from_secs(2),
        depends_on: Vec::new(),
    };
    Stack {
        project: ProjectName::of(site, "it"),
        site,
        directory: std::env::temp_dir().join(format!("stoa-it-{block}")),
        subnet,
        volumes: vec![VolumeName("data".into())],
        services: services.iter().enumerate().map(service).collect(),
    }
}
