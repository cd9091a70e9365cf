//! Making a stack: what is missing is made, what is down is started, what exists stays as it is.
//!
//! The order is what Docker needs and no more. A container can be made before its network exists
//! (Docker looks the network up at the start), and the network takes longest: so it is made beside
//! the volumes and containers, and all starts follow side by side. Volumes come before containers,
//! because Docker would make a missing one by itself, without labels.
//!
//! After a failure the calls under way are waited for, never dropped: Docker would finish them
//! after the undo has looked.

use std::time::Duration;

use bollard::query_parameters::{CreateContainerOptions, InspectContainerOptions, StartContainerOptions};
use futures_util::future::join_all;
use stoa_model::{
    id::JobId,
    net::Subnet,
    stack::{Service, Stack, VolumeName},
};
use stoa_provider::engine::{EngineError, RunState};
use tokio::time::sleep;

use crate::{
    client::Docker,
    error::{Act, answered_with},
    inventory::Inventory,
    labels::{self, Origin},
    render,
};

/// A process that was killed may have told Docker to make things that Docker does not show yet: their
/// names and addresses are in use, by nobody. So it is looked at again for some three seconds.
const TRIES: u32 = 7;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

impl Docker {
    pub(crate) async fn apply_stack(&self, stack: &Stack, operation: JobId) -> Result<(), EngineError> {
        let there = self.inventory(Some(&stack.project), None).await?;
        let origin = Origin { installation: self.installation(), operation };
        let (network, containers) =
            tokio::join!(self.make_network(stack, origin, &there), self.make_containers(stack, origin, &there));
        network.and(containers)?;
        self.start_services(stack, &there).await
    }

    async fn make_network(&self, stack: &Stack, origin: Origin<'_>, there: &Inventory) -> Result<(), EngineError> {
        let name = stack.engine_network();
        if there.networks.iter().any(|network| network.name == name) {
            return Ok(());
        }
        let act = Act::new("making", format!("the network {name} with {}", stack.subnet));
        let mut pause = FIRST_PAUSE;
        for tries_left in (0..TRIES).rev() {
            let body = render::network(stack, origin);
            let answer = self.raw(&act, self.timeout(), |api| api.create_network(body)).await?;
            let Err(error) = answer else { return Ok(()) };
            let taken = answered_with(&error, 409, "already exists");
            let error = act.network_failed(stack.subnet, error);
            if !taken && !matches!(error, EngineError::SubnetInUse { .. }) {
                return Err(error);
            }
            if self.inventory(Some(&stack.project), None).await?.networks.iter().any(|network| network.name == name) {
                return Ok(());
            }
            if tries_left == 0 || taken || self.subnet_is_held(stack.subnet, &name).await? {
                return Err(error);
            }
            sleep(pause).await;
            pause *= 2;
        }
        Ok(())
    }

    /// Whether another network that is there has these addresses.
    async fn subnet_is_held(&self, subnet: Subnet, but: &str) -> Result<bool, EngineError> {
        Ok(self.info().await?.subnets.iter().any(|(holder, held)| holder != but && held.overlaps(&subnet)))
    }

    async fn make_containers(&self, stack: &Stack, origin: Origin<'_>, there: &Inventory) -> Result<(), EngineError> {
        let volumes = render::volume_names(stack);
        let missing = volumes.into_iter().filter(|v| !there.volumes.iter().any(|t| t.name == stack.engine_volume(v)));
        all(missing.map(|volume| self.make_volume(stack, volume, origin))).await?;
        let missing = stack.services.iter().filter(|s| !there.containers.iter().any(|c| c.service == s.name));
        all(missing.map(|service| self.make_container(stack, service, origin))).await
    }

    async fn make_volume(&self, stack: &Stack, volume: &VolumeName, origin: Origin<'_>) -> Result<(), EngineError> {
        let act = Act::new("making", format!("the volume {}", stack.engine_volume(volume)));
        let body = render::volume(stack, volume, origin);
        let made = self.call(&act, |api| api.create_volume(body)).await?;
        // Docker answers with an existing volume of the same name as if it had just made it.
        if labels::is_of(&made.labels, self.installation(), &stack.project) {
            return Ok(());
        }
        Err(act.refused("a volume of this name exists that this installation did not make: rename or remove it"))
    }

    async fn make_container(&self, stack: &Stack, service: &Service, origin: Origin<'_>) -> Result<(), EngineError> {
        let name = stack.engine_container(service);
        let act = Act::new("making", format!("the container {name}"));
        let mut pause = FIRST_PAUSE;
        for _ in 0..TRIES {
            let options = CreateContainerOptions { name: Some(name.clone()), ..Default::default() };
            let body = render::container(stack, service, origin);
            match self.raw(&act, self.timeout(), |api| api.create_container(Some(options), body)).await? {
                Ok(_) => return Ok(()),
                Err(error) if answered_with(&error, 409, "is already in use") => {
                    match self.check_owner(stack, service, &name).await {
                        Err(EngineError::NotFound { .. }) => {}
                        checked => return checked,
                    }
                }
                Err(error) if answered_with(&error, 404, "No such image") => {
                    return Err(EngineError::ImageMissing { image: service.image.to_string() });
                }
                Err(error) => return Err(act.failed(error)),
            }
            sleep(pause).await;
            pause *= 2;
        }
        Err(act.unavailable("Docker says that the name is in use, but shows no container of this name"))
    }

    /// A container with our name: fine if it is this very service's, made a moment ago. `NotFound` if it
    /// is being made, or removed, at this moment.
    async fn check_owner(&self, stack: &Stack, service: &Service, name: &str) -> Result<(), EngineError> {
        let act = Act::new("making", format!("the container {name}"));
        let found = self.call(&act, |api| api.inspect_container(name, None::<InspectContainerOptions>)).await?;
        let found = found.config.and_then(|config| config.labels).unwrap_or_default();
        let ours = labels::is_of(&found, self.installation(), &stack.project);
        if ours && labels::service(&found).as_ref() == Some(&service.name) {
            return Ok(());
        }
        Err(act.refused("a container of this name exists that this installation did not make: rename or remove it"))
    }

    async fn start_services(&self, stack: &Stack, before: &Inventory) -> Result<(), EngineError> {
        let runs = |s: &Service| before.containers.iter().any(|c| c.service == s.name && c.state == RunState::Running);
        let down = stack.services.iter().filter(|service| !runs(service));
        all(down.map(|service| self.start_container(stack.engine_container(service)))).await
    }

    /// Starts a container, by id or name; one that runs already is fine.
    pub(crate) async fn start_container(&self, container: String) -> Result<(), EngineError> {
        let act = Act::new("starting", format!("the container {container}"));
        self.call(&act, |api| api.start_container(&container, None::<StartContainerOptions>)).await
    }
}

/// Waits for all of them, then tells the first failure.
pub(crate) async fn all<F>(calls: impl Iterator<Item = F>) -> Result<(), EngineError>
where
    F: Future<Output = Result<(), EngineError>>,
{
    join_all(calls).await.into_iter().collect()
}
