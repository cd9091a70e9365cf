//! How the fake converges: the rules of [`Engine::deploy`](crate::engine::Engine::deploy), on memory.

use stoa_model::{
    image::ImageId,
    stack::{ReplaceStrategy, Service, ServiceName},
};

use super::{
    Says, image_id, placement,
    script::Extent,
    world::{Instance, Key, World},
};
use crate::engine::{
    Action, Change, Deployed, Deployment, EngineError,
    spec::{VERSION, canonical_spec},
};

impl World {
    pub(super) fn deploy(
        &mut self,
        installation: &str,
        deployment: &Deployment,
        extent: Extent,
        live_limits: bool,
        says: &Says,
    ) -> Result<Deployed, EngineError> {
        let stack = &deployment.stack;
        let placed = placement::read(&deployment.placement)?;
        self.check_claims(installation, deployment)?;
        let key = (installation.to_owned(), stack.project.clone());
        let taken = self.holder(placed.lease).filter(|holder| *holder != key).map(|(_, project)| project.to_string());
        let project = self.projects.entry(key.clone()).or_default();
        project.site = Some(stack.site);
        for volume in stack.volume_names() {
            let files = || (deployment.operation, Default::default());
            project.volumes.entry(volume.clone()).or_insert_with(files);
        }
        if project.network.is_none() {
            if let Some(reason) = taken {
                return Err(EngineError::LeaseInUse { lease: format!("the lease {}", placed.lease), reason });
            }
            project.network = Some((placed.lease, deployment.operation));
        }
        project.placement = Some(placed);
        let half = stack.services.len().div_ceil(2);
        let services = if extent == Extent::Half { &stack.services[..half] } else { &stack.services[..] };
        let mut planned = Vec::new();
        for service in services {
            planned.push(self.converge(installation, deployment, service, live_limits)?);
        }
        if extent != Extent::Half {
            let order: Vec<_> = stack.start_order().into_iter().flatten().map(|service| &service.name).collect();
            planned.sort_by_key(|(_, key)| order.iter().position(|name| **name == key.0));
            for (change, key) in &mut planned {
                let down = !self.is_well(installation, &stack.project, key);
                if down {
                    self.start(installation, &stack.project, key, says);
                }
                if down && change.action == Action::Unchanged {
                    (change.action, change.cause) = (Action::Started, "it did not run".into());
                }
            }
        }
        let by_name = |name: &ServiceName| services.iter().position(|service| service.name == *name);
        planned.sort_by_key(|(change, _)| by_name(&change.service));
        Ok(Deployed { changes: planned.into_iter().map(|(change, _)| change).collect() })
    }

    fn check_claims(&self, installation: &str, deployment: &Deployment) -> Result<(), EngineError> {
        let project = self.projects.get(&(installation.to_owned(), deployment.stack.project.clone()));
        let there = |volume: &_| project.is_some_and(|project| project.volumes.contains_key(volume));
        match deployment.claimed.iter().find(|volume| !there(volume)) {
            Some(volume) => Err(EngineError::DataMissing { volume: volume.clone() }),
            None => Ok(()),
        }
    }

    /// Makes one service what it should be, not started yet; answers what changed, and which instance
    /// is the current one.
    fn converge(
        &mut self,
        installation: &str,
        deployment: &Deployment,
        service: &Service,
        live_limits: bool,
    ) -> Result<(Change, Key), EngineError> {
        let project = &deployment.stack.project;
        let change = |action, cause: &str| Change { service: service.name.clone(), action, cause: cause.to_owned() };
        let image = self.image_of(service);
        let all: Vec<_> = self.instances(installation, project, Some(&service.name)).collect();
        if let Some((key, instance)) =
            all.into_iter().rev().find(|(_, i)| i.equals(service, image.as_ref(), live_limits))
        {
            let key = key.clone();
            if instance.service.limits == service.limits {
                return Ok((change(Action::Unchanged, "up to date"), key));
            }
            instance.service.limits = service.limits;
            return Ok((change(Action::LimitsChanged, "the limits differ"), key));
        }
        let Some(image) = image else { return Err(EngineError::ImageMissing { image: reference(service) }) };
        let old: Vec<Key> = self.keys_of(installation, project, &service.name);
        let number = match (old.last(), service.replace) {
            (Some(_), ReplaceStrategy::StartFirst) => {
                let free = (1..=2).find(|n| !old.iter().any(|(_, used)| used == n));
                free.unwrap_or_else(|| {
                    let newest = old.iter().max_by_key(|key| self.revision(installation, project, key));
                    newest.map_or(1, |(_, number)| *number)
                })
            }
            (Some((_, number)), ReplaceStrategy::Recreate) => *number,
            (None, _) => 1,
        };
        for key in &old {
            if service.replace == ReplaceStrategy::Recreate || key.1 == number {
                self.lose(installation, project, key);
            }
        }
        let key = (service.name.clone(), number);
        self.count += 1;
        let instance = Instance::new(service, image, self.count, deployment);
        let owner = (installation.to_owned(), project.clone());
        self.projects.entry(owner).or_default().instances.insert(key.clone(), instance);
        let action = if old.is_empty() { Action::Created } else { Action::Replaced };
        let cause = if old.is_empty() { "no instance" } else { "the configuration or the image differs" };
        Ok((change(action, cause), key))
    }

    /// The content that a service runs: `None` if it is not on the engine.
    fn image_of(&self, service: &Service) -> Option<ImageId> {
        let known = self.images.get(&service.image);
        if known == Some(&None) {
            return None;
        }
        let current = || match known {
            Some(Some(info)) => info.id.clone(),
            _ => image_id(service.image.as_str().as_bytes()),
        };
        Some(service.image_id.clone().unwrap_or_else(current))
    }

    pub(super) fn retire(&mut self, installation: &str, deployment: &Deployment) {
        let project = &deployment.stack.project;
        for key in self.keys(installation, project) {
            if self.is_superseded(installation, deployment, &key) {
                self.lose(installation, project, &key);
            }
        }
    }

    fn is_superseded(&mut self, installation: &str, deployment: &Deployment, key: &Key) -> bool {
        let (name, number) = key;
        let Some(service) = deployment.stack.service(&name.0) else { return true };
        let image = self.image_of(service);
        let all = self.instances(installation, &deployment.stack.project, Some(name));
        let equal: Vec<u32> =
            all.filter(|(_, i)| i.equals(service, image.as_ref(), true)).map(|((_, n), _)| *n).collect();
        equal.last().is_some_and(|current| current != number)
    }

    fn keys_of(
        &mut self,
        installation: &str,
        project: &stoa_model::stack::ProjectName,
        name: &ServiceName,
    ) -> Vec<Key> {
        self.instances(installation, project, Some(name)).map(|(key, _)| key.clone()).collect()
    }
}

impl Instance {
    /// Whether it need not be replaced. An image that is not pinned is compared by its reference, and
    /// one that is gone from the engine changes nothing.
    fn equals(&self, service: &Service, image: Option<&ImageId>, live_limits: bool) -> bool {
        let same_image = match &service.image_id {
            Some(_) => image.is_none_or(|image| self.image == *image),
            None => self.service.image == service.image,
        };
        let same_limits = live_limits || self.service.limits == service.limits;
        same_image && same_limits && canonical_spec(&self.service) == canonical_spec(service)
    }

    pub(super) fn spec_hash(&self) -> String {
        format!("{VERSION}:{}", image_id(canonical_spec(&self.service).as_bytes()))
    }
}

fn reference(service: &Service) -> String {
    match &service.image_id {
        Some(id) => format!("{} ({id})", service.image),
        None => service.image.to_string(),
    }
}
