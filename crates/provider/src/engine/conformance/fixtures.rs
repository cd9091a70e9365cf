//! Small stacks for tests: each in a block of addresses of its own, doing next to nothing.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use stoa_model::{
    id::{JobId, SiteId},
    image::ImageRef,
    limits::{Bytes, Limits, MilliCpu},
    net::Subnet,
    stack::{Mount, ProjectName, Service, ServiceName, Stack, Tmpfs, VolumeName},
};

/// Says a word, then sleeps until it is told to stop, and stops at once.
const IDLE: &str = "echo hello; trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done";

/// Makes stacks, ids and operations, no two alike.
#[derive(Debug)]
pub struct Fixtures {
    pool: Subnet,
    image: ImageRef,
    next: Mutex<u32>,
    made: Mutex<Vec<ProjectName>>,
}

impl Fixtures {
    /// Stacks in blocks of this pool, running this image.
    pub fn new(pool: Subnet, image: ImageRef) -> Self {
        Self { pool, image, next: Mutex::new(0), made: Mutex::default() }
    }

    /// A new operation.
    pub fn job(&self) -> JobId {
        format!("{}_{:032x}", JobId::PREFIX, self.number()).parse().expect("an id")
    }

    /// A new stack of services with these names that share the volume `data` at `/data`.
    ///
    /// # Panics
    /// When the pool has no block left.
    pub fn stack(&self, services: &[&str]) -> Stack {
        let number = self.number();
        let site: SiteId = format!("{}_{number:032x}", SiteId::PREFIX).parse().expect("an id");
        let project = ProjectName::of(site, "test");
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(project.clone());
        let subnet = self.pool.block(number).expect("a block left in the pool");
        Stack {
            directory: PathBuf::from(format!("/tmp/stoa-test/{project}")),
            project,
            site,
            subnet,
            volumes: vec![VolumeName("data".into())],
            services: services.iter().enumerate().map(|(n, name)| self.service(name, subnet, n)).collect(),
        }
    }

    /// The projects of all stacks made so far, each told once.
    pub fn made(&self) -> Vec<ProjectName> {
        std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn service(&self, name: &str, subnet: Subnet, n: usize) -> Service {
        Service {
            name: ServiceName(name.to_owned()),
            image: self.image.clone(),
            entrypoint: None,
            command: Some(["/bin/sh", "-c", IDLE].map(Into::into).to_vec()),
            environment: BTreeMap::new(),
            address: subnet.service_address(n).expect("a small stack"),
            mounts: vec![Mount { volume: VolumeName("data".into()), path: "/data".into(), read_only: false }],
            tmpfs: vec![Tmpfs { path: "/tmp".into(), size: Bytes::mib(1), mode: 0o1777 }],
            limits: Limits { memory: Bytes::mib(32), cpu: MilliCpu(500), pids: 20 },
            user: None,
            cap_add: Vec::new(),
            read_only: true,
            health: None,
            stop_grace: Duration::from_secs(5),
            depends_on: Vec::new(),
        }
    }

    fn number(&self) -> u32 {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next += 1;
        *next
    }
}
