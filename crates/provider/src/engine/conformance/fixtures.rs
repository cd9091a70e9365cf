//! Small stacks for tests: each with a lease of its own, doing next to nothing.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use stoa_model::{
    id::{JobId, SiteId},
    image::ImageRef,
    limits::{Bytes, Limits, MilliCpu},
    placement::LeasePool,
    stack::{EnvValue, Mount, ProjectName, ReplaceStrategy, Service, ServiceName, Stack, Tmpfs, VolumeName},
};

use super::named;
use crate::engine::{Deployment, Engine, PlacementRequest, Revision};

/// Writes a line, then sleeps until it is asked to stop, and stops at once.
const IDLE: &str = "echo hello; trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done";

/// Makes stacks, ids and operations, no two alike.
#[derive(Debug)]
pub struct Fixtures {
    pool: Option<LeasePool>,
    image: ImageRef,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u32,
    made: Vec<ProjectName>,
    leases: BTreeMap<ProjectName, i64>,
}

impl Fixtures {
    /// Stacks that run this image, with leases from this pool.
    pub fn new(pool: Option<LeasePool>, image: ImageRef) -> Self {
        Self { pool, image, state: Mutex::default() }
    }

    /// The image of all stacks.
    pub fn image(&self) -> &ImageRef {
        &self.image
    }

    /// A new operation.
    pub fn job(&self) -> JobId {
        format!("{}_{:032x}", JobId::PREFIX, self.number()).parse().expect("an id")
    }

    /// A new stack of services with these names that share the volume `data` at `/data`.
    pub fn stack(&self, services: &[&str]) -> Stack {
        let number = self.number();
        let site: SiteId = format!("{}_{number:032x}", SiteId::PREFIX).parse().expect("an id");
        let project = ProjectName::of(site, "test");
        let mut state = self.state();
        state.made.push(project.clone());
        if let Some(pool) = &self.pool {
            state.leases.insert(project.clone(), pool.lease(number.into()).expect("a lease left in the pool"));
        }
        Stack {
            directory: PathBuf::from(format!("/tmp/stoa-test/{project}")),
            project,
            site,
            volumes: vec![VolumeName("data".into())],
            services: services.iter().map(|name| self.service(name)).collect(),
        }
    }

    /// A new stack with its place on an engine. Services named in `start_first` have no volume.
    pub fn deployment(&self, engine: &dyn Engine, services: &[&str], start_first: &[&str]) -> Deployment {
        let mut stack = self.stack(services);
        for service in stack.services.iter_mut().filter(|s| start_first.contains(&s.name.0.as_str())) {
            service.replace = ReplaceStrategy::StartFirst;
            service.mounts.clear();
        }
        let names = |list: &[&str]| -> Vec<ServiceName> { list.iter().map(|name| named(name)).collect() };
        let (services, start_first) = (names(services), names(start_first));
        let lease = self.lease_of(&stack.project);
        let request = PlacementRequest { lease, services: &services, start_first: &start_first, previous: None };
        let placement = engine.place(&request).expect("a place for a small stack");
        Deployment::first(stack, placement, Revision(1), self.job())
    }

    /// The lease of a stack made here.
    pub fn lease_of(&self, project: &ProjectName) -> Option<i64> {
        self.state().leases.get(project).copied()
    }

    /// The projects of all stacks made so far, each returned once.
    pub fn made(&self) -> Vec<ProjectName> {
        std::mem::take(&mut self.state().made)
    }

    /// A service that does next to nothing.
    pub fn service(&self, name: &str) -> Service {
        Service {
            name: named(name),
            image: self.image.clone(),
            image_id: None,
            entrypoint: None,
            command: Some(["/bin/sh", "-c", IDLE].map(Into::into).to_vec()),
            environment: BTreeMap::from([("COLOR".into(), EnvValue("red".into()))]),
            mounts: vec![Mount { volume: VolumeName("data".into()), path: "/data".into(), read_only: false }],
            tmpfs: vec![Tmpfs { path: "/tmp".into(), size: Bytes::mib(1), mode: 0o1777 }],
            limits: Limits { memory: Bytes::mib(32), cpu: MilliCpu(500), pids: 20 },
            user: None,
            cap_add: Vec::new(),
            read_only: true,
            health: None,
            stop_grace: Duration::from_secs(5),
            depends_on: Vec::new(),
            runs_once: false,
            replace: ReplaceStrategy::Recreate,
        }
    }

    fn number(&self) -> u32 {
        let mut state = self.state();
        state.next += 1;
        state.next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next revision of a deployment, by a new operation.
pub(super) fn next_revision(fixtures: &Fixtures, deployment: &Deployment) -> Deployment {
    let (revision, operation) = (Revision(deployment.revision.0 + 1), fixtures.job());
    Deployment { revision, operation, ..deployment.clone() }.with_all_claimed()
}

/// Changes one variable of a service's environment.
pub(super) fn paint(deployment: &mut Deployment, service: &str, color: &str) {
    let service = deployment.stack.services.iter_mut().find(|s| s.name.0 == service).expect("a service of the stack");
    service.environment.insert("COLOR".into(), EnvValue(color.into()));
}
