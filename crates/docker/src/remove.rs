//! Removing a project's things: containers, then its network, then its volumes.
//!
//! What is removed is what the labels say, asked for anew each time: this installation, this
//! project, and for an undo this operation. What is gone already is fine; after a failure the rest
//! is still tried, so that one stuck thing leaves no others behind.

use std::time::Duration;

use bollard::{
    errors::Error,
    query_parameters::{RemoveContainerOptions, RemoveVolumeOptions},
};
use stoa_model::stack::ProjectName;
use stoa_provider::engine::{EngineError, Scope};
use tokio::time;

use crate::{apply::all, client::Docker, error::Act, inventory::Container, inventory::Part};

/// Docker frees a network's endpoints and a volume's users a moment after the container is gone.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(20);

impl Docker {
    pub(crate) async fn remove_project(&self, project: &ProjectName, scope: Scope) -> Result<(), EngineError> {
        let operation = match scope {
            Scope::CreatedBy(job) => Some(job),
            Scope::Everything => None,
        };
        let there = self.inventory(Some(project), operation).await?;
        let containers = all(there.containers.iter().map(|container| self.remove_container(project, container))).await;
        let (networks, volumes) = tokio::join!(
            all(there.networks.iter().map(|network| self.remove_network(network))),
            all(there.volumes.iter().map(|volume| self.remove_volume(volume)))
        );
        containers.and(networks).and(volumes)
    }

    async fn remove_container(&self, project: &ProjectName, container: &Container) -> Result<(), EngineError> {
        let act = Act::new("removing", format!("{} of project {project}", container.service));
        // `v` takes the anonymous volumes with it, those that an image declares and no blueprint names.
        let options = || RemoveContainerOptions { force: true, v: true, link: false };
        self.gone(&act, || self.api(&act).map(|api| api.remove_container(&container.id, Some(options())))).await
    }

    async fn remove_network(&self, network: &Part) -> Result<(), EngineError> {
        let act = Act::new("removing", format!("the network {}", network.name));
        self.gone(&act, || self.api(&act).map(|api| api.remove_network(&network.id))).await
    }

    async fn remove_volume(&self, volume: &Part) -> Result<(), EngineError> {
        let act = Act::new("removing", format!("the volume {}", volume.name));
        let options = || RemoveVolumeOptions { force: false };
        self.gone(&act, || self.api(&act).map(|api| api.remove_volume(&volume.id, Some(options())))).await
    }

    /// Repeats a removal until the thing is gone; gives up if it stays in use.
    async fn gone<F>(&self, act: &Act, attempt: impl Fn() -> Result<F, EngineError>) -> Result<(), EngineError>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let mut pause = FIRST_PAUSE;
        for tries_left in (0..TRIES).rev() {
            let answer = time::timeout(self.timeout(), attempt()?).await.map_err(|_| act.timed_out(self.timeout()))?;
            match answer {
                Ok(()) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(()),
                Err(error) if tries_left > 0 && in_use(&error) => time::sleep(pause).await,
                Err(error) => return Err(act.failed(error)),
            }
            pause *= 2;
        }
        Ok(())
    }
}

fn in_use(error: &Error) -> bool {
    let Error::DockerResponseServerError { message, .. } = error else { return false };
    ["has active endpoints", "volume is in use", "is already in progress"].iter().any(|words| message.contains(words))
}
