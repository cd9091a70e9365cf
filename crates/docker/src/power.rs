//! Starting and stopping the containers of a project.

use std::time::Duration;

use bollard::query_parameters::{InspectContainerOptions, StopContainerOptions};
use stoa_model::stack::ProjectName;
use stoa_provider::engine::{EngineError, RunState};

use crate::{apply::all, client::Docker, error::Act, inventory::Container, labels};

impl Docker {
    pub(crate) async fn start_project(&self, project: &ProjectName) -> Result<(), EngineError> {
        let containers = self.containers_of(project).await?;
        if containers.is_empty() {
            return Err(EngineError::NotFound { what: format!("a container of project {project}") });
        }
        let down = containers.into_iter().filter(|container| container.state != RunState::Running);
        all(down.map(|container| self.start_container(container.id))).await
    }

    pub(crate) async fn stop_project(&self, project: &ProjectName) -> Result<(), EngineError> {
        let containers = self.containers_of(project).await?;
        // One that restarts again and again counts as down, and must be stopped all the same.
        let started = containers.iter().filter(|container| container.state != RunState::Created);
        all(started.map(|container| self.stop_container(project, container))).await
    }

    async fn containers_of(&self, project: &ProjectName) -> Result<Vec<Container>, EngineError> {
        let filter = labels::filter(self.installation(), Some(project), None, None);
        self.containers(filter, &format!("project {project}")).await
    }

    async fn stop_container(&self, project: &ProjectName, container: &Container) -> Result<(), EngineError> {
        let act = Act::new("stopping", format!("{} of project {project}", container.service));
        let inspected = self.call(&act, |api| api.inspect_container(&container.id, None::<InspectContainerOptions>));
        let grace = inspected.await?.config.and_then(|config| config.stop_timeout).unwrap_or(10);
        let deadline = self.timeout() + Duration::from_secs(grace.unsigned_abs());
        // Without a time of its own the call takes the container's.
        self.raw(&act, deadline, |api| api.stop_container(&container.id, None::<StopContainerOptions>))
            .await?
            .map_err(|error| act.failed(error))
    }
}
