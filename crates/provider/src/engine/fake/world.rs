//! The fake engine's objects: what a real one keeps on its disk and in its processes.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use bytes::Bytes;
use stoa_model::{
    id::{JobId, SiteId},
    image::{ImageId, ImageRef},
    stack::{ProjectName, Service, ServiceName, VolumeName},
};
use tokio::sync::broadcast;

use super::{Says, Thing, placement::FakePlacement, script::Extent};
use crate::engine::{
    Deployment, EngineError, EngineEvent, EngineEventKind, ImageInfo, LogLine, Observed, ObservedService, Readiness,
    Revision, RunState, Scope,
};

/// Sent to everyone who watches.
#[derive(Debug, Clone)]
pub(super) enum Signal {
    /// An installation's event.
    Event(String, EngineEvent),
    /// A line of an installation's project.
    Line(String, ProjectName, LogLine),
    /// The engine went away.
    Gone,
}

/// A service and the number of its instance.
pub(super) type Key = (ServiceName, u32);
/// An installation and its project.
pub(super) type Owner = (String, ProjectName);

pub(super) struct World {
    /// `None`: known to be absent. An image not named here is there.
    pub(super) images: BTreeMap<ImageRef, Option<ImageInfo>>,
    pub(super) data_directory: Option<String>,
    pub(super) projects: BTreeMap<Owner, Project>,
    /// Instances created so far.
    pub(super) count: u64,
    /// Services whose program ends with this code whenever it is started.
    pub(super) crash_loops: BTreeMap<ServiceName, i64>,
    signals: broadcast::Sender<Signal>,
    lines: u64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            images: BTreeMap::new(),
            data_directory: None,
            projects: BTreeMap::new(),
            count: 0,
            crash_loops: BTreeMap::new(),
            signals: broadcast::channel(1024).0,
            lines: 0,
        }
    }
}

#[derive(Default)]
pub(super) struct Project {
    pub(super) site: Option<SiteId>,
    pub(super) network: Option<(i64, JobId)>,
    pub(super) placement: Option<FakePlacement>,
    /// Files by name, and the operation that created the volume.
    pub(super) volumes: BTreeMap<VolumeName, (JobId, BTreeMap<String, Bytes>)>,
    pub(super) instances: BTreeMap<Key, Instance>,
}

pub(super) struct Instance {
    pub(super) service: Service,
    pub(super) image: ImageId,
    pub(super) state: RunState,
    pub(super) readiness: Option<Readiness>,
    pub(super) revision: Revision,
    /// Shared with those who read it, as a real engine's log is not in our memory.
    pub(super) log: Vec<Arc<LogLine>>,
    number: u64,
    operation: JobId,
    exit_code: Option<i64>,
    exits: u32,
}

impl World {
    /// Who holds a lease.
    pub(super) fn holder(&self, lease: i64) -> Option<Owner> {
        let holds = |project: &Project| project.network.as_ref().is_some_and(|(held, _)| *held == lease);
        self.projects.iter().find(|(_, project)| holds(project)).map(|(owner, _)| owner.clone())
    }

    pub(super) fn leases(&self) -> Vec<(String, (i64, i64))> {
        let lease = |((_, name), project): (&Owner, &Project)| {
            project.network.as_ref().map(|(lease, _)| (name.to_string(), (*lease, *lease + 16)))
        };
        self.projects.iter().filter_map(lease).collect()
    }

    pub(super) fn instances(
        &mut self,
        installation: &str,
        project: &ProjectName,
        service: Option<&ServiceName>,
    ) -> impl DoubleEndedIterator<Item = (&Key, &mut Instance)> {
        let found = self.projects.get_mut(&(installation.to_owned(), project.clone()));
        let all = found.into_iter().flat_map(|project| project.instances.iter_mut());
        all.filter(move |((name, _), _)| service.is_none_or(|service| service == name))
    }

    pub(super) fn keys(&mut self, installation: &str, project: &ProjectName) -> Vec<Key> {
        self.instances(installation, project, None).map(|(key, _)| key.clone()).collect()
    }

    fn instance(&mut self, installation: &str, project: &ProjectName, key: &Key) -> Option<&mut Instance> {
        self.projects.get_mut(&(installation.to_owned(), project.clone()))?.instances.get_mut(key)
    }

    pub(super) fn is_well(&mut self, installation: &str, project: &ProjectName, key: &Key) -> bool {
        self.instance(installation, project, key).is_some_and(|instance| instance.is_well())
    }

    pub(super) fn revision(&self, installation: &str, project: &ProjectName, key: &Key) -> Option<Revision> {
        let project = self.projects.get(&(installation.to_owned(), project.clone()))?;
        project.instances.get(key).map(|instance| instance.revision)
    }

    pub(super) fn volume(
        &mut self,
        installation: &str,
        project: &ProjectName,
        volume: &VolumeName,
    ) -> Result<&mut BTreeMap<String, Bytes>, EngineError> {
        let found = self.projects.get_mut(&(installation.to_owned(), project.clone()));
        let found = found.and_then(|project| project.volumes.get_mut(volume)).map(|(_, files)| files);
        found.ok_or_else(|| EngineError::NotFound { what: format!("the volume {volume} of project {project}") })
    }

    pub(super) fn start(&mut self, installation: &str, project: &ProjectName, key: &Key, says: &Says) {
        let Some(instance) = self.instance(installation, project, key) else { return };
        match instance.state {
            RunState::Running => return,
            RunState::Paused => {
                instance.state = RunState::Running;
                return;
            }
            _ => {}
        }
        instance.state = RunState::Running;
        (instance.exit_code, instance.exits) = (None, 0);
        instance.readiness = instance.service.health.as_ref().map(|_| Readiness::Passing);
        let (lines, ends_with) = (says(&instance.service), ends_with(&instance.service));
        self.tell_of(installation, project, &key.0, EngineEventKind::Started);
        lines.iter().for_each(|line| self.say(installation, project, &key.0, line));
        if let Some(code) = self.crash_loops.get(&key.0).copied().or(ends_with) {
            self.end(installation, project, key, code);
            self.start_again(installation, project, key);
        }
    }

    /// What the engine makes of a program that ends whenever it starts it.
    fn start_again(&mut self, installation: &str, project: &ProjectName, key: &Key) {
        let Some(instance) = self.instance(installation, project, key) else { return };
        if !instance.service.runs_once {
            (instance.state, instance.exits) = (RunState::Restarting, 3);
        }
    }

    pub(super) fn end(&mut self, installation: &str, project: &ProjectName, key: &Key, code: i64) {
        let Some(instance) = self.instance(installation, project, key) else { return };
        if matches!(instance.state, RunState::Running | RunState::Paused | RunState::Restarting) {
            instance.state = RunState::Exited;
            instance.readiness = None;
            instance.exit_code = Some(code);
            self.tell_of(installation, project, &key.0, EngineEventKind::Died);
        }
    }

    pub(super) fn lose(&mut self, installation: &str, project: &ProjectName, key: &Key) {
        self.end(installation, project, key, 137);
        let owner = (installation.to_owned(), project.clone());
        if self.projects.get_mut(&owner).is_some_and(|p| p.instances.remove(key).is_some()) {
            self.tell_of(installation, project, &key.0, EngineEventKind::Removed);
        }
    }

    pub(super) fn switch(&mut self, installation: &str, project: &ProjectName, from: RunState, to: RunState) {
        let all = self.instances(installation, project, None).filter(|(_, instance)| instance.state == from);
        all.for_each(|(_, instance)| instance.state = to);
    }

    pub(super) fn remove(&mut self, installation: &str, project: &ProjectName, scope: Scope, extent: Extent) {
        let within = |operation: JobId| match scope {
            Scope::Everything => true,
            Scope::CreatedBy(job) => operation == job,
        };
        for key in self.keys(installation, project) {
            if self.instance(installation, project, &key).is_some_and(|instance| within(instance.operation)) {
                self.lose(installation, project, &key);
            }
        }
        let owner = (installation.to_owned(), project.clone());
        let Some(found) = self.projects.get_mut(&owner).filter(|_| extent != Extent::Half) else { return };
        found.network.take_if(|(_, operation)| within(*operation));
        found.volumes.retain(|_, (operation, _)| !within(*operation));
        if found.network.is_none() && found.volumes.is_empty() && found.instances.is_empty() {
            self.projects.remove(&owner);
        }
    }

    pub(super) fn things(&self, installation: &str) -> Vec<Thing> {
        let own = self.projects.iter().filter(|((owner, _), _)| owner == installation);
        own.flat_map(|((_, name), project)| project.things(name)).collect()
    }

    pub(super) fn answers_at(&self, address: Ipv4Addr) -> bool {
        let at = |project: &&Project| {
            let placement = project.placement.as_ref();
            project.instances.keys().any(|(s, n)| placement.and_then(|p| p.address(s, *n)) == Some(address))
        };
        let project = self.projects.values().find(at);
        project.is_some_and(|project| project.instances.values().all(Instance::is_well))
    }

    pub(super) fn list(&self, installation: &str) -> Vec<Observed> {
        let own = self.projects.iter().filter(|((owner, _), _)| owner == installation);
        own.map(|((_, name), project)| project.observed(name)).collect()
    }

    /// Lines have times that only count, so that every run is the same.
    pub(super) fn say(&mut self, installation: &str, project: &ProjectName, service: &ServiceName, line: &str) {
        self.lines += 1;
        let at = format!("2000-01-01T00:00:00.{:09}Z", self.lines);
        let line = LogLine { service: service.to_string(), at, line: line.to_owned() };
        let Some((_, instance)) = self.instances(installation, project, Some(service)).next_back() else { return };
        instance.log.push(Arc::new(line.clone()));
        let _ = self.signals.send(Signal::Line(installation.to_owned(), project.clone(), line));
    }

    pub(super) fn watch(&self) -> broadcast::Receiver<Signal> {
        self.signals.subscribe()
    }

    pub(super) fn hang_up(&self) {
        let _ = self.signals.send(Signal::Gone);
    }

    pub(super) fn tell_of(
        &self,
        installation: &str,
        project: &ProjectName,
        service: &ServiceName,
        kind: EngineEventKind,
    ) {
        let event = EngineEvent { project: project.clone(), service: service.clone(), kind };
        let _ = self.signals.send(Signal::Event(installation.to_owned(), event));
    }
}

impl Project {
    fn things(&self, project: &ProjectName) -> Vec<Thing> {
        let thing = |name, operation| Thing { name, operation, state: None, number: None };
        let network = self.network.iter().map(|(_, operation)| thing(format!("network {project}"), *operation));
        let volumes = self.volumes.iter().map(|(v, (operation, _))| thing(format!("volume {project}_{v}"), *operation));
        let containers = self.instances.iter().map(|((service, instance), found)| {
            let suffix = if *instance == 1 { String::new() } else { format!("/{instance}") };
            Thing {
                name: format!("container {project}/{service}{suffix}"),
                operation: found.operation,
                state: Some(found.state),
                number: Some(found.number),
            }
        });
        network.chain(volumes).chain(containers).collect()
    }

    fn observed(&self, name: &ProjectName) -> Observed {
        Observed {
            project: name.clone(),
            site: self.site,
            services: self.instances.iter().map(|((_, n), instance)| instance.observed(*n)).collect(),
            volumes: self.volumes.keys().cloned().collect(),
            has_network: self.network.is_some(),
        }
    }
}

/// The code that a service's program ends with at once, if it is one of those that only do that.
fn ends_with(service: &Service) -> Option<i64> {
    match service.command.as_deref()?.last()?.as_str() {
        "true" => Some(0),
        "false" => Some(1),
        _ => None,
    }
}

impl Instance {
    /// Whether it runs, or has ended as it should.
    pub(super) fn is_well(&self) -> bool {
        let is_done = self.service.runs_once && self.exit_code == Some(0);
        self.state == RunState::Running || is_done
    }

    pub(super) fn new(service: &Service, image: ImageId, number: u64, deployment: &Deployment) -> Self {
        Self {
            service: service.clone(),
            image,
            state: RunState::Created,
            readiness: None,
            revision: deployment.revision,
            log: Vec::new(),
            number,
            operation: deployment.operation,
            exit_code: None,
            exits: 0,
        }
    }

    fn observed(&self, instance: u32) -> ObservedService {
        let reason = match (self.state, self.exit_code, self.readiness) {
            (RunState::Exited, Some(code), _) if code != 0 => Some(format!("exited with code {code}")),
            (_, _, Some(Readiness::Failing)) => Some("its health check fails".to_owned()),
            _ => None,
        };
        ObservedService {
            service: self.service.name.clone(),
            instance,
            revision: self.revision,
            operation: Some(self.operation),
            image: Some(self.image.clone()),
            spec_hash: Some(self.spec_hash()),
            state: self.state,
            readiness: self.readiness,
            exit_code: self.exit_code,
            exits: self.exits,
            reason,
        }
    }
}
