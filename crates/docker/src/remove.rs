//! Removing a project's objects: containers, then its network and its volumes.
//!
//! The labels decide, listed again each time: this installation, this project, and for an undo this
//! operation. What is gone already is fine; after a failure the rest is still tried, so that one stuck
//! object leaves no others behind.

use std::time::Duration;

use bollard::{
    errors::Error,
    query_parameters::{RemoveContainerOptions, RemoveVolumeOptions},
};
use stoa_model::stack::{ProjectName, ServiceName};
use stoa_provider::engine::{EngineError, Scope};
use tokio::time;

use crate::{client::Docker, deploy::all, error::Act, inventory::Part};

/// Docker frees a network's endpoints and a volume's users a moment after the container is gone.
const MAX_ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(20);

impl Docker {
    pub(crate) async fn remove_project(&self, project: &ProjectName, scope: Scope) -> Result<(), EngineError> {
        let operation = match scope {
            Scope::CreatedBy(job) => Some(job),
            Scope::Everything => None,
        };
        let (there, helpers) = tokio::join!(self.inventory(Some(project), operation), self.remove_helpers(project));
        let there = there?;
        let removed = there.containers.iter().map(|found| self.remove_container(project, &found.service, &found.id));
        let containers = all(removed).await;
        let (networks, volumes) = tokio::join!(
            all(there.networks.iter().map(|network| self.remove_network(network))),
            all(there.volumes.iter().map(|volume| self.remove_volume(volume)))
        );
        helpers.and(containers).and(networks).and(volumes)
    }

    pub(crate) async fn remove_container(
        &self,
        project: &ProjectName,
        service: &ServiceName,
        container: &str,
    ) -> Result<(), EngineError> {
        self.force_remove(&Act::new("removing", format!("{service} of project {project}")), container).await
    }

    /// Removes a container, whatever it does.
    pub(crate) async fn force_remove(&self, act: &Act, container: &str) -> Result<(), EngineError> {
        // `v` removes anonymous volumes too: those that an image declares and no blueprint names.
        let options = || RemoveContainerOptions { force: true, v: true, link: false };
        self.gone(act, || self.api(act).map(|api| api.remove_container(container, Some(options())))).await
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

    /// Repeats a removal until the object is gone; gives up if it stays in use.
    pub(crate) async fn gone<F>(
        &self,
        act: &Act,
        attempt: impl Fn() -> Result<F, EngineError>,
    ) -> Result<(), EngineError>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let mut pause = FIRST_PAUSE;
        for attempts_left in (0..MAX_ATTEMPTS).rev() {
            let answer = time::timeout(self.timeout(), attempt()?).await.map_err(|_| act.timed_out(self.timeout()))?;
            match answer {
                Ok(()) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(()),
                Err(error) if attempts_left > 0 && in_use(&error) => time::sleep(pause).await,
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
