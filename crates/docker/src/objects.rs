//! Creating networks, volumes and containers.
//!
//! A process that was killed may have asked Docker for objects that Docker does not list yet: their
//! names and addresses are in use, by nobody. So a conflict is looked at again for some three seconds.

use std::time::Duration;

use bollard::query_parameters::{CreateContainerOptions, InspectContainerOptions};
use stoa_model::{
    image::{ImageId, ImageRef},
    stack::{Service, Stack, VolumeName},
};
use stoa_provider::engine::EngineError;
use tokio::time::sleep;

use crate::{
    client::Docker,
    containers::{self, Target},
    error::{Act, answered_with},
    host_network,
    labels::{self, Labels, Origin},
    mtu, names,
    subnet::Subnet,
};

const MAX_ATTEMPTS: u32 = 7;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

impl Docker {
    pub(crate) async fn create_network(&self, target: Target<'_>, origin: Origin<'_>) -> Result<(), EngineError> {
        let (stack, subnet) = (target.stack, target.placement.subnet);
        let name = names::network(&stack.project);
        let act = Act::new("creating", format!("the network {name} with {subnet}"));
        let (mtu, _) =
            mtu::wanted(self.mtu_setting(), &self.networks_named(mtu::BRIDGE).await?, host_network::uplink());
        let mut pause = FIRST_PAUSE;
        for attempts_left in (0..MAX_ATTEMPTS).rev() {
            let body = containers::network(stack, subnet, mtu, origin);
            let answer = self.raw(&act, self.timeout(), |api| api.create_network(body)).await?;
            let Err(error) = answer else { return Ok(()) };
            let taken = answered_with(&error, 409, "already exists");
            let error = act.network_failed(subnet, error);
            if !taken && !matches!(error, EngineError::LeaseInUse { .. }) {
                return Err(error);
            }
            if self.inventory(Some(&stack.project), None).await?.networks.iter().any(|network| network.name == name) {
                return Ok(());
            }
            if attempts_left == 0 || taken || self.is_subnet_used(subnet, &name).await? {
                return Err(error);
            }
            sleep(pause).await;
            pause *= 2;
        }
        Ok(())
    }

    /// Whether a network of another name has these addresses.
    async fn is_subnet_used(&self, subnet: Subnet, except: &str) -> Result<bool, EngineError> {
        let used = self.subnets().await?;
        Ok(used.iter().any(|(name, other)| name != except && other.overlaps(&subnet)))
    }

    pub(crate) async fn create_volume(
        &self,
        stack: &Stack,
        volume: &VolumeName,
        origin: Origin<'_>,
    ) -> Result<(), EngineError> {
        let act = Act::new("creating", format!("the volume {}", names::volume(&stack.project, volume)));
        let body = containers::volume(stack, volume, origin);
        let made = self.call(&act, |api| api.create_volume(body)).await?;
        // Docker answers with an existing volume of the same name as if it had just created it.
        if labels::is_of(&made.labels, self.installation(), &stack.project) {
            return Ok(());
        }
        Err(act.refused("a volume of this name exists that this installation did not create: rename or remove it"))
    }

    pub(crate) async fn create_container(
        &self,
        target: Target<'_>,
        service: &Service,
        instance: u32,
        origin: Origin<'_>,
    ) -> Result<(), EngineError> {
        let name = names::container(&target.stack.project, &service.name, instance);
        let act = Act::new("creating", format!("the container {name}"));
        let address = target.placement.address(&service.name, instance);
        let address =
            address.ok_or_else(|| act.refused("its placement has no address for it: place the stack again"))?;
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_ATTEMPTS {
            let options = CreateContainerOptions { name: Some(name.clone()), ..Default::default() };
            let body = containers::container(target, service, instance, address, origin);
            let wanted = body.labels.clone().unwrap_or_default();
            match self.raw(&act, self.timeout(), |api| api.create_container(Some(options), body)).await? {
                Ok(_) => return Ok(()),
                Err(error) if answered_with(&error, 409, "is already in use") => {
                    match self.check_owner(target.stack, &act, &name, &wanted).await {
                        Err(EngineError::NotFound { .. }) => {}
                        checked => return checked,
                    }
                }
                Err(error) if answered_with(&error, 404, "No such image") => {
                    return Err(image_missing(&service.image, service.image_id.as_ref()));
                }
                Err(error) => return Err(act.failed(error)),
            }
            sleep(pause).await;
            pause *= 2;
        }
        Err(act.unavailable("Docker says that the name is in use, but shows no container of this name"))
    }

    /// A container with our name: fine if it is the very one that is wanted, created a moment ago.
    /// `NotFound` if it is being created or removed.
    async fn check_owner(&self, stack: &Stack, act: &Act, name: &str, wanted: &Labels) -> Result<(), EngineError> {
        let found = self.call(act, |api| api.inspect_container(name, None::<InspectContainerOptions>)).await?;
        let found = found.config.and_then(|config| config.labels).unwrap_or_default();
        if !labels::is_of(&found, self.installation(), &stack.project) {
            let reason = "a container of this name exists that this installation did not create: rename or remove it";
            return Err(act.refused(reason));
        }
        if found.get(labels::SPEC_HASH) == wanted.get(labels::SPEC_HASH) {
            return Ok(());
        }
        Err(act.unavailable("another process deploys the same site"))
    }

    pub(crate) async fn check_image(&self, image: &ImageRef, id: Option<&ImageId>) -> Result<(), EngineError> {
        let act = Act::new("looking up", format!("the image {image}"));
        let name = id.map_or(image.as_str(), ImageId::as_str);
        match self.call(&act, |api| api.inspect_image(name)).await {
            Ok(_) => Ok(()),
            Err(EngineError::ImageMissing { .. } | EngineError::NotFound { .. }) => Err(image_missing(image, id)),
            Err(error) => Err(error),
        }
    }
}

fn image_missing(image: &ImageRef, id: Option<&ImageId>) -> EngineError {
    let image = id.map_or_else(|| image.to_string(), |id| format!("{image} ({id})"));
    EngineError::ImageMissing { image }
}
