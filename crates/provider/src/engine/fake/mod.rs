//! An engine in memory, deterministic, and as rude as a test wants it.
//!
//! It keeps the rules of [`Engine`](super::Engine) as real ones do: it passes the same conformance
//! suite. On top of that it can be told to be down, to stall, to fail the n-th call of a kind, to
//! stop half-way, to do its work and lose the answer, and to lie about health. It records the calls.

mod maker;
mod script;
mod world;

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use stoa_model::{
    id::JobId,
    image::ImageRef,
    stack::{ProjectName, Service, ServiceName},
};
use tokio::sync::watch;

use self::{script::Script, world::World};
use super::{EngineEvent, EngineEventKind, Exec, ExecOutput, ImageInfo, RunState};

pub use self::script::{Call, Fault, Verb};

type Run = dyn Fn(&ProjectName, &ServiceName, &Exec) -> Option<ExecOutput> + Send + Sync;
type Says = dyn Fn(&Service) -> Vec<String> + Send + Sync;

/// Something on the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// Kind and name: `network …`, `volume …`, `container …`.
    pub name: String,
    /// The operation whose label it carries.
    pub operation: JobId,
    /// Of containers.
    pub state: Option<RunState>,
}

/// The fake. Share it in an `Arc`; all its methods take `&self`.
pub struct FakeEngine {
    installation: String,
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

impl FakeEngine {
    /// An engine of its own with nothing on it. Every image is there, until [`Self::lose_image`].
    pub fn new(installation: &str) -> Self {
        Self::on(installation, Arc::default())
    }

    /// Another installation on the same engine: it has its own script and sees its own things only.
    pub fn neighbour(&self, installation: &str) -> Self {
        Self::on(installation, self.world.clone())
    }

    fn on(installation: &str, world: Arc<Mutex<World>>) -> Self {
        Self {
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

    /// Answers programs run in services; `None` hangs until the caller's deadline.
    pub fn on_exec(
        &self,
        run: impl Fn(&ProjectName, &ServiceName, &Exec) -> Option<ExecOutput> + Send + Sync + 'static,
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

    /// Lets calls go on that met [`Fault::Stall`].
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

    /// Begins a new record of calls.
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

    /// Says that its data is kept here; nothing is written there.
    pub fn set_data_directory(&self, folder: &str) {
        self.world().folder = Some(folder.to_owned());
    }

    /// Lets the health check of a service say this from now on, true or not.
    pub fn set_health(&self, project: &ProjectName, service: &ServiceName, healthy: bool) {
        let mut world = self.world();
        let Some(container) = world.container(&self.installation, project, service) else { return };
        container.healthy = Some(healthy);
        let kind = if healthy { EngineEventKind::Healthy } else { EngineEventKind::Unhealthy };
        world.tell(&self.installation, EngineEvent { project: project.clone(), service: service.clone(), kind });
    }

    /// Ends a service as if its program had ended with this code.
    pub fn crash(&self, project: &ProjectName, service: &ServiceName, code: i64) {
        self.world().end(&self.installation, project, service, code);
    }

    /// Removes one container behind Stoa's back, as a person at the machine may do.
    pub fn lose_container(&self, project: &ProjectName, service: &ServiceName) {
        self.world().lose(&self.installation, project, service);
    }

    /// Writes a line to a service's log.
    pub fn say(&self, project: &ProjectName, service: &ServiceName, line: &str) {
        self.world().say(&self.installation, project, service, line);
    }

    /// Everything of this installation.
    pub fn things(&self) -> Vec<Thing> {
        self.world().things(&self.installation)
    }

    /// Whether somebody would answer there: all containers of the network that has this address run.
    pub fn answers_at(&self, address: Ipv4Addr) -> bool {
        self.world().answers_at(address)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        held(&self.world)
    }
}

/// A panic of one test thread must not hide the state from the others.
fn held<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
