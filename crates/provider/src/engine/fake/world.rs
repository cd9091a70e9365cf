//! The fake engine's things: what a real one keeps on its disk and in its processes.

use std::{collections::BTreeMap, net::Ipv4Addr};

use stoa_model::{
    id::{JobId, SiteId},
    image::ImageRef,
    net::Subnet,
    stack::{ProjectName, Service, ServiceName, Stack},
};
use tokio::sync::broadcast;

use super::{Says, Thing, script::Extent};
use crate::engine::{
    EngineError, EngineEvent, EngineEventKind, ImageInfo, LogLine, Observed, ObservedService, RunState, Scope,
};

/// Sent to whoever watches: an event of an installation, or that the engine went away.
#[derive(Debug, Clone)]
pub(super) enum Signal {
    Event(String, EngineEvent),
    Gone,
}

pub(super) struct World {
    /// `None`: known to be absent. An image not named here is there.
    pub(super) images: BTreeMap<ImageRef, Option<ImageInfo>>,
    /// Where it says that it keeps its data.
    pub(super) folder: Option<String>,
    projects: BTreeMap<(String, ProjectName), Project>,
    signals: broadcast::Sender<Signal>,
    lines: u64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            images: BTreeMap::new(),
            folder: None,
            projects: BTreeMap::new(),
            signals: broadcast::channel(1024).0,
            lines: 0,
        }
    }
}

#[derive(Default)]
struct Project {
    site: Option<SiteId>,
    network: Option<Network>,
    volumes: BTreeMap<String, JobId>,
    containers: BTreeMap<ServiceName, Container>,
}

struct Network {
    name: String,
    subnet: Subnet,
    operation: JobId,
}

pub(super) struct Container {
    pub(super) service: Service,
    pub(super) state: RunState,
    pub(super) healthy: Option<bool>,
    operation: JobId,
    exit_code: Option<i64>,
    log: Vec<LogLine>,
}

impl World {
    pub(super) fn apply(
        &mut self,
        installation: &str,
        stack: &Stack,
        operation: JobId,
        extent: Extent,
        says: &Says,
    ) -> Result<(), EngineError> {
        let key = (installation.to_owned(), stack.project.clone());
        let taken = self
            .networks()
            .find(|(owner, n)| *owner != &key && n.subnet.overlaps(&stack.subnet))
            .map(|(_, n)| n.name.clone());
        let project = self.projects.entry(key).or_default();
        project.site = Some(stack.site);
        for volume in &stack.volumes {
            project.volumes.entry(stack.engine_volume(volume)).or_insert(operation);
        }
        if project.network.is_none() {
            if let Some(reason) = taken {
                return Err(EngineError::SubnetInUse { subnet: stack.subnet, reason });
            }
            project.network = Some(Network { name: stack.engine_network(), subnet: stack.subnet, operation });
        }
        let half = stack.services.len().div_ceil(2);
        let made = if extent == Extent::Half { &stack.services[..half] } else { &stack.services[..] };
        for service in made {
            if self.images.get(&service.image) == Some(&None) {
                return Err(EngineError::ImageMissing { image: service.image.to_string() });
            }
            project.containers.entry(service.name.clone()).or_insert_with(|| Container::new(service, operation));
        }
        if extent != Extent::Half {
            for service in &stack.services {
                self.start(installation, &stack.project, &service.name, says);
            }
        }
        Ok(())
    }

    fn networks(&self) -> impl Iterator<Item = (&(String, ProjectName), &Network)> {
        self.projects.iter().filter_map(|(key, project)| Some((key, project.network.as_ref()?)))
    }

    pub(super) fn subnets(&self) -> Vec<(String, Subnet)> {
        self.networks().map(|(_, network)| (network.name.clone(), network.subnet)).collect()
    }

    pub(super) fn start(&mut self, installation: &str, project: &ProjectName, service: &ServiceName, says: &Says) {
        let Some(container) = self.container(installation, project, service) else { return };
        if container.state == RunState::Running {
            return;
        }
        container.state = RunState::Running;
        container.exit_code = None;
        container.healthy = container.service.health.as_ref().map(|_| true);
        let lines = says(&container.service);
        self.tell_of(installation, project, service, EngineEventKind::Started);
        lines.iter().for_each(|line| self.say(installation, project, service, line));
    }

    pub(super) fn end(&mut self, installation: &str, project: &ProjectName, service: &ServiceName, code: i64) {
        let Some(container) = self.container(installation, project, service) else { return };
        if container.state == RunState::Running {
            container.state = RunState::Down;
            container.healthy = None;
            container.exit_code = Some(code);
            self.tell_of(installation, project, service, EngineEventKind::Died);
        }
    }

    pub(super) fn lose(&mut self, installation: &str, project: &ProjectName, service: &ServiceName) {
        self.end(installation, project, service, 137);
        let key = (installation.to_owned(), project.clone());
        if self.projects.get_mut(&key).is_some_and(|p| p.containers.remove(service).is_some()) {
            self.tell_of(installation, project, service, EngineEventKind::Removed);
        }
    }

    pub(super) fn remove(&mut self, installation: &str, project: &ProjectName, scope: Scope, extent: Extent) {
        let within = |operation: JobId| match scope {
            Scope::Everything => true,
            Scope::CreatedBy(job) => operation == job,
        };
        for service in self.services(installation, project) {
            if self.container(installation, project, &service).is_some_and(|c| within(c.operation)) {
                self.lose(installation, project, &service);
            }
        }
        let key = (installation.to_owned(), project.clone());
        let Some(found) = self.projects.get_mut(&key).filter(|_| extent != Extent::Half) else { return };
        found.network.take_if(|network| within(network.operation));
        found.volumes.retain(|_, operation| !within(*operation));
        if found.network.is_none() && found.volumes.is_empty() && found.containers.is_empty() {
            self.projects.remove(&key);
        }
    }

    pub(super) fn things(&self, installation: &str) -> Vec<Thing> {
        let own = self.projects.iter().filter(|((owner, _), _)| owner == installation);
        own.flat_map(|((_, name), project)| project.things(name)).collect()
    }

    pub(super) fn answers_at(&self, address: Ipv4Addr) -> bool {
        let within = |net: &Subnet| (0..).map_while(|n| net.service_address(n)).any(|own| own == address);
        let project = self.projects.values().find(|p| p.network.as_ref().is_some_and(|n| within(&n.subnet)));
        project.is_some_and(|p| !p.containers.is_empty() && p.containers.values().all(|c| c.state == RunState::Running))
    }

    /// The services that have a container, in order.
    pub(super) fn services(&self, installation: &str, project: &ProjectName) -> Vec<ServiceName> {
        let found = self.projects.get(&(installation.to_owned(), project.clone()));
        found.into_iter().flat_map(|project| project.containers.keys().cloned()).collect()
    }

    pub(super) fn container(
        &mut self,
        installation: &str,
        project: &ProjectName,
        service: &ServiceName,
    ) -> Option<&mut Container> {
        self.projects.get_mut(&(installation.to_owned(), project.clone()))?.containers.get_mut(service)
    }

    pub(super) fn list(&self, installation: &str) -> Vec<Observed> {
        let own = self.projects.iter().filter(|((owner, _), _)| owner == installation);
        own.map(|((_, name), project)| project.observed(name)).collect()
    }

    pub(super) fn logs(&mut self, installation: &str, project: &ProjectName, service: &ServiceName) -> Vec<LogLine> {
        self.container(installation, project, service).map(|c| c.log.clone()).unwrap_or_default()
    }

    /// Lines have times of their own that only count, so that every run is the same.
    pub(super) fn say(&mut self, installation: &str, project: &ProjectName, service: &ServiceName, line: &str) {
        self.lines += 1;
        let at = format!("2000-01-01T00:00:00.{:09}Z", self.lines);
        let Some(container) = self.container(installation, project, service) else { return };
        container.log.push(LogLine { service: service.to_string(), at, line: line.to_owned() });
    }

    pub(super) fn watch(&self) -> broadcast::Receiver<Signal> {
        self.signals.subscribe()
    }

    pub(super) fn hang_up(&self) {
        let _ = self.signals.send(Signal::Gone);
    }

    pub(super) fn tell(&self, installation: &str, event: EngineEvent) {
        let _ = self.signals.send(Signal::Event(installation.to_owned(), event));
    }

    fn tell_of(&self, installation: &str, project: &ProjectName, service: &ServiceName, kind: EngineEventKind) {
        self.tell(installation, EngineEvent { project: project.clone(), service: service.clone(), kind });
    }
}

impl Project {
    fn things(&self, project: &ProjectName) -> Vec<Thing> {
        let thing = |name, operation, state| Thing { name, operation, state };
        let networks = self.network.iter().map(|n| thing(format!("network {}", n.name), n.operation, None));
        let volumes = self.volumes.iter().map(|(volume, by)| thing(format!("volume {volume}"), *by, None));
        let containers = self.containers.iter();
        let containers = containers.map(|(s, c)| thing(format!("container {project}/{s}"), c.operation, Some(c.state)));
        networks.chain(volumes).chain(containers).collect()
    }

    fn observed(&self, name: &ProjectName) -> Observed {
        Observed {
            project: name.clone(),
            site: self.site,
            services: self.containers.values().map(Container::observed).collect(),
            networks: self.network.iter().map(|network| network.name.clone()).collect(),
            volumes: self.volumes.keys().cloned().collect(),
        }
    }
}

impl Container {
    fn new(service: &Service, operation: JobId) -> Self {
        Self {
            service: service.clone(),
            state: RunState::Created,
            healthy: None,
            operation,
            exit_code: None,
            log: Vec::new(),
        }
    }

    fn observed(&self) -> ObservedService {
        ObservedService {
            service: self.service.name.clone(),
            operation: Some(self.operation),
            state: self.state,
            healthy: self.healthy,
            exit_code: self.exit_code,
        }
    }
}
