//! An engine in memory: deterministic, and as faulty as a test wants it.
//!
//! It keeps the rules of [`Engine`](super::Engine) as real ones do and passes the same conformance
//! suite. On top of that a test can make it unreachable, stall it, fail the n-th call of a kind, stop
//! it half-way, lose an answer after the work is done, and fake health. It records calls and
//! deployments.

mod deploy;
mod placement;
mod provider;
mod script;
mod streams;
mod world;

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use stoa_model::{
    id::JobId,
    image::{ImageId, ImageRef},
    placement::LeasePool,
    stack::{ProjectName, Service, ServiceName, Stack, VolumeName},
};
use tokio::sync::watch;

use self::{script::Script, world::World};
use super::{
    Capabilities, Deployed, EngineEventKind, ExecOutput, ImageInfo, NetworkMtu, Program, Readiness, Revision, RunState,
};

pub use self::script::{Call, Fault, Verb};

type Run = dyn Fn(&ProjectName, &ServiceName, &Program) -> Option<ExecOutput> + Send + Sync;
type Says = dyn Fn(&Service) -> Vec<String> + Send + Sync;

/// Something on the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// Kind and name: `network …`, `volume …`, `container …`.
    pub name: String,
    /// The operation that created it.
    pub operation: JobId,
    /// Only containers have one.
    pub state: Option<RunState>,
    /// Only containers have one; another number is another container.
    pub number: Option<u64>,
}

/// A deployment that was carried out, at least in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRecord {
    /// Its revision.
    pub revision: Revision,
    /// The stack.
    pub stack: Stack,
    /// What it changed.
    pub deployed: Deployed,
}

/// The fake. Share it in an `Arc`; all its methods take `&self`.
pub struct FakeEngine {
    name: String,
    installation: String,
    capabilities: Mutex<Capabilities>,
    pool: Mutex<LeasePool>,
    mtu: Mutex<Option<NetworkMtu>>,
    deployments: Mutex<Vec<DeploymentRecord>>,
    world: Arc<Mutex<World>>,
    script: Mutex<Script>,
    stalled: watch::Sender<bool>,
    run: Mutex<Arc<Run>>,
    says: Mutex<Arc<Says>>,
}

impl Default for FakeEngine {
    fn default() -> Self {
        Self::new("fake")
    }
}

/// A volume that somebody removed.
#[derive(Debug)]
pub struct LostVolume((JobId, BTreeMap<String, Bytes>));

impl FakeEngine {
    /// An engine named `fake` with nothing on it. Every image is there, until [`Self::lose_image`].
    pub fn new(installation: &str) -> Self {
        Self::on("fake", installation, Arc::default())
    }

    /// Another engine with another name.
    pub fn named(name: &str) -> Self {
        Self::on(name, "fake", Arc::default())
    }

    /// Another installation on the same engine: it has its own script and sees its own things only.
    pub fn neighbour(&self, installation: &str) -> Self {
        Self::on(&self.name, installation, self.world.clone())
    }

    fn on(name: &str, installation: &str, world: Arc<Mutex<World>>) -> Self {
        Self {
            name: name.to_owned(),
            capabilities: Mutex::new(Capabilities { volumes: true, build: true, pause: true, live_limits: true }),
            pool: Mutex::new(placement::default_pool()),
            mtu: Mutex::default(),
            deployments: Mutex::default(),
            installation: installation.to_owned(),
            world,
            script: Mutex::default(),
            stalled: watch::channel(false).0,
            run: Mutex::new(Arc::new(|_, _, _| {
                Some(ExecOutput { code: 0, stdout: String::new(), stderr: String::new() })
            })),
            says: Mutex::new(Arc::new(|_| Vec::new())),
        }
    }

    /// Answers programs that run in services; `None` hangs. `/bin/cat` without arguments always copies
    /// its input.
    pub fn on_exec(
        &self,
        run: impl Fn(&ProjectName, &ServiceName, &Program) -> Option<ExecOutput> + Send + Sync + 'static,
    ) {
        *held(&self.run) = Arc::new(run);
    }

    /// What a service writes to its log when it starts.
    pub fn on_start(&self, says: impl Fn(&Service) -> Vec<String> + Send + Sync + 'static) {
        *held(&self.says) = Arc::new(says);
    }

    /// The n-th call of this kind from now on goes wrong in this way; 1 is the next one.
    pub fn fail(&self, verb: Verb, nth: u32, fault: Fault) {
        held(&self.script).plan(verb, nth, fault);
    }

    /// Nothing answers until [`Self::come_up`]; open streams of events end.
    pub fn go_down(&self) {
        held(&self.script).down = true;
        self.world().hang_up();
    }

    /// It answers again; what ran before runs still.
    pub fn come_up(&self) {
        held(&self.script).down = false;
    }

    /// Continues the calls that met [`Fault::Stall`].
    pub fn release(&self) {
        self.stalled.send_replace(false);
    }

    /// All calls since the beginning or the last [`Self::forget_calls`].
    pub fn calls(&self) -> Vec<Call> {
        held(&self.script).calls.clone()
    }

    /// How often a method was called.
    pub fn count(&self, verb: Verb) -> usize {
        held(&self.script).calls.iter().filter(|call| call.verb == verb).count()
    }

    /// Clears the record of calls.
    pub fn forget_calls(&self) {
        held(&self.script).calls.clear();
    }

    /// Takes an image away.
    pub fn lose_image(&self, image: &ImageRef) {
        self.world().images.insert(image.clone(), None);
    }

    /// Puts an image there, with these properties.
    pub fn set_image(&self, image: &ImageRef, info: ImageInfo) {
        self.world().images.insert(image.clone(), Some(info));
    }

    /// Reports this as its data directory; nothing is written there.
    pub fn set_data_directory(&self, folder: &str) {
        self.world().data_directory = Some(folder.to_owned());
    }

    /// Takes capabilities away, or gives them back.
    pub fn set_capabilities(&self, capabilities: Capabilities) {
        *held(&self.capabilities) = capabilities;
    }

    /// Replaces the pool that sites lease from.
    pub fn set_lease_pool(&self, pool: LeasePool) {
        *held(&self.pool) = pool;
    }

    /// Replaces what it reports of its networks' packets.
    pub fn set_mtu(&self, mtu: NetworkMtu) {
        *held(&self.mtu) = Some(mtu);
    }

    /// All deployments, oldest first.
    pub fn deployments(&self) -> Vec<DeploymentRecord> {
        held(&self.deployments).clone()
    }

    /// Sets the result of a service's health check.
    pub fn set_health(&self, project: &ProjectName, service: &ServiceName, readiness: Readiness) {
        let mut world = self.world();
        let mut found = false;
        for (_, instance) in world.instances(&self.installation, project, Some(service)) {
            instance.readiness = Some(readiness);
            found = true;
        }
        let kind = match readiness {
            Readiness::Passing => Some(EngineEventKind::Healthy),
            Readiness::Failing => Some(EngineEventKind::Unhealthy),
            Readiness::Starting => None,
        };
        if let Some(kind) = kind.filter(|_| found) {
            world.tell_of(&self.installation, project, service, kind);
        }
    }

    /// Ends a service as if its program had ended with this code.
    pub fn crash(&self, project: &ProjectName, service: &ServiceName, code: i64) {
        let mut world = self.world();
        for key in world.keys(&self.installation, project).iter().filter(|(name, _)| name == service) {
            world.end(&self.installation, project, key, code);
        }
    }

    /// Lets a service's program end with this code whenever it is started, on all sites; `None` ends that.
    pub fn crash_loop(&self, service: &ServiceName, code: Option<i64>) {
        let loops = &mut self.world().crash_loops;
        match code {
            Some(code) => loops.insert(service.clone(), code),
            None => loops.remove(service),
        };
    }

    /// Removes a service's containers behind Stoa's back, as a person at the machine may do.
    pub fn lose_container(&self, project: &ProjectName, service: &ServiceName) {
        let mut world = self.world();
        for key in world.keys(&self.installation, project).iter().filter(|(name, _)| name == service) {
            world.lose(&self.installation, project, key);
        }
    }

    /// Removes a volume behind Stoa's back, and returns it if it was there.
    pub fn lose_volume(&self, project: &ProjectName, volume: &VolumeName) -> Option<LostVolume> {
        let mut world = self.world();
        let found = world.projects.get_mut(&(self.installation.clone(), project.clone()))?;
        found.volumes.remove(volume).map(LostVolume)
    }

    /// Has a volume hold this many bytes.
    pub fn fill_volume(&self, project: &ProjectName, volume: &VolumeName, bytes: usize) {
        let mut world = self.world();
        let found = world.projects.get_mut(&(self.installation.clone(), project.clone()));
        if let Some((_, files)) = found.and_then(|project| project.volumes.get_mut(volume)) {
            files.insert("filler".into(), vec![0; bytes].into());
        }
    }

    /// Puts a lost volume back, as when its disk is mounted again.
    pub fn return_volume(&self, project: &ProjectName, volume: &VolumeName, lost: LostVolume) {
        let mut world = self.world();
        if let Some(found) = world.projects.get_mut(&(self.installation.clone(), project.clone())) {
            found.volumes.insert(volume.clone(), lost.0);
        }
    }

    /// Writes a line to a service's log.
    pub fn say(&self, project: &ProjectName, service: &ServiceName, line: &str) {
        self.world().say(&self.installation, project, service, line);
    }

    /// Everything of this installation.
    pub fn things(&self) -> Vec<Thing> {
        self.world().things(&self.installation)
    }

    /// Whether something answers at this address: an instance has it, and all of its project's run.
    pub fn answers_at(&self, address: Ipv4Addr) -> bool {
        self.world().answers_at(address)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        held(&self.world)
    }
}

/// A content id for these bytes: the same bytes, the same id.
fn image_id(bytes: &[u8]) -> ImageId {
    // FNV-1a, four times with different beginnings.
    let hash = |seed: u64| {
        let start = 0xcbf2_9ce4_8422_2325 ^ seed;
        bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
    };
    let hex: String = (0..4).map(|seed| format!("{:016x}", hash(seed))).collect();
    format!("sha256:{hex}").parse().expect("64 hexadecimal digits")
}

/// A panic of one test thread must not hide the state from the others.
fn held<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
