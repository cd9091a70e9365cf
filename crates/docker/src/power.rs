//! Starting, stopping, pausing and limiting the containers of a project.

use std::time::Duration;

use bollard::{
    errors::Error,
    models::{ContainerInspectResponse, ContainerUpdateBody},
    query_parameters::{InspectContainerOptions, StopContainerOptions},
};
use stoa_model::{
    limits::Limits,
    stack::{ProjectName, ServiceName},
};
use stoa_provider::engine::{EngineError, RunState};

use crate::{
    client::Docker,
    containers::{DockerLimits, Target},
    deploy::all,
    error::{Act, answered_with},
    inventory::Container,
    labels,
    legacy::Legacy,
    names,
    verdict::Inspected,
};

impl Docker {
    pub(crate) async fn start_project(&self, project: &ProjectName) -> Result<(), EngineError> {
        let containers = self.containers_of(project, None).await?;
        if containers.is_empty() {
            return Err(EngineError::NotFound { what: format!("a container of project {project}") });
        }
        let down = containers.into_iter().filter(|container| container.state != RunState::Running);
        all(down.map(|container| self.start_container(container.id, container.state))).await
    }

    pub(crate) async fn stop_project(&self, project: &ProjectName) -> Result<(), EngineError> {
        let containers = self.containers_of(project, None).await?;
        // One that restarts again and again must be stopped too.
        let started = containers.iter().filter(|container| container.state != RunState::Created);
        all(started.map(|container| self.stop_container(project, &container.service, &container.id))).await
    }

    pub(crate) async fn pause_project(&self, project: &ProjectName) -> Result<(), EngineError> {
        let containers = self.containers_of(project, None).await?;
        let running = containers.iter().filter(|container| container.state == RunState::Running);
        all(running.map(|container| self.pause_container(&container.id))).await
    }

    pub(crate) async fn resume_project(&self, project: &ProjectName) -> Result<(), EngineError> {
        let containers = self.containers_of(project, None).await?;
        let paused = containers.iter().filter(|container| container.state == RunState::Paused);
        all(paused.map(|container| self.unpause_container(&container.id))).await
    }

    async fn pause_container(&self, container: &str) -> Result<(), EngineError> {
        let act = Act::new("pausing", format!("the container {container}"));
        let answer = self.raw(&act, self.timeout(), |api| api.pause_container(container)).await?;
        done_already(&act, answer, "is already paused")
    }

    pub(crate) async fn unpause_container(&self, container: &str) -> Result<(), EngineError> {
        let act = Act::new("resuming", format!("the container {container}"));
        let answer = self.raw(&act, self.timeout(), |api| api.unpause_container(container)).await?;
        done_already(&act, answer, "is not paused")
    }

    pub(crate) async fn stop_container(
        &self,
        project: &ProjectName,
        service: &ServiceName,
        container: &str,
    ) -> Result<(), EngineError> {
        let act = Act::new("stopping", format!("{service} of project {project}"));
        let inspected = self.inspect(&act, container).await?;
        let grace = inspected.config.and_then(|config| config.stop_timeout).unwrap_or(10);
        let deadline = self.timeout() + Duration::from_secs(grace.unsigned_abs());
        // Without a time of its own the call takes the container's.
        self.raw(&act, deadline, |api| api.stop_container(container, None::<StopContainerOptions>))
            .await?
            .map_err(|error| act.failed(error))
    }

    /// Removes a container after it had its time to end. One that is gone already is fine.
    pub(crate) async fn stop_and_remove(
        &self,
        project: &ProjectName,
        service: &ServiceName,
        container: &str,
    ) -> Result<(), EngineError> {
        match self.stop_container(project, service, container).await {
            Ok(()) => self.remove_container(project, service, container).await,
            Err(EngineError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn limit_service(
        &self,
        project: &ProjectName,
        service: &ServiceName,
        limits: Limits,
    ) -> Result<(), EngineError> {
        let containers = self.containers_of(project, Some(service)).await?;
        if containers.is_empty() {
            return Err(EngineError::NotFound { what: format!("the service {service} of project {project}") });
        }
        all(containers.iter().map(|container| self.update_limits(service, &container.id, limits))).await
    }

    pub(crate) async fn update_limits(
        &self,
        service: &ServiceName,
        container: &str,
        limits: Limits,
    ) -> Result<(), EngineError> {
        let act = Act::new("changing", format!("the limits of {service} ({container})"));
        let limits = DockerLimits::from(limits);
        let body = ContainerUpdateBody {
            memory: Some(limits.memory),
            memory_swap: Some(limits.memory),
            nano_cpus: Some(limits.nano_cpus),
            pids_limit: Some(limits.pids),
            ..Default::default()
        };
        self.call(&act, |api| api.update_container(container, body)).await
    }

    /// What only an inspection tells; `None` if the container is gone.
    pub(crate) async fn inspected(
        &self,
        target: Target<'_>,
        container: Container,
    ) -> Result<Option<Inspected>, EngineError> {
        let act = Act::new("inspecting", format!("{} of project {}", container.service, target.stack.project));
        let found = match self.inspect(&act, &container.id).await {
            Err(EngineError::NotFound { .. }) => return Ok(None),
            found => found?,
        };
        let legacy = self.legacy(&act, target, &container, &found).await?;
        let host = found.host_config.unwrap_or_default();
        let limits = DockerLimits {
            memory: host.memory.unwrap_or(0),
            nano_cpus: host.nano_cpus.unwrap_or(0),
            pids: host.pids_limit.unwrap_or(0),
        };
        let prefix = names::volume_prefix(&target.stack.project);
        let mounts = found.mounts.unwrap_or_default().into_iter();
        let unnamed = mounts.filter(|mount| {
            mount.typ.as_deref() == Some("volume") && !mount.name.as_ref().is_some_and(|name| name.starts_with(&prefix))
        });
        let unnamed_volumes = unnamed.filter_map(|mount| mount.destination).collect();
        Ok(Some(Inspected { container, limits, legacy, unnamed_volumes }))
    }

    async fn legacy(
        &self,
        act: &Act,
        target: Target<'_>,
        container: &Container,
        found: &ContainerInspectResponse,
    ) -> Result<Option<Box<Legacy>>, EngineError> {
        let (false, Some(image)) = (container.labels.contains_key(labels::SPEC_HASH), &container.image) else {
            return Ok(None);
        };
        match self.call(act, |api| api.inspect_image(image.as_str())).await {
            Ok(image) => Ok(Some(Box::new(Legacy::new(found, image.config.unwrap_or_default(), target.stack)))),
            Err(EngineError::ImageMissing { .. } | EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How often a container's program has ended since somebody started it; one that is gone never did.
    pub(crate) async fn exits(&self, container: &Container) -> Result<u32, EngineError> {
        let act = Act::new("inspecting", format!("the container {}", container.id));
        match self.inspect(&act, &container.id).await {
            Ok(found) => Ok(found.restart_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)),
            Err(EngineError::NotFound { .. }) => Ok(0),
            Err(error) => Err(error),
        }
    }

    async fn inspect(&self, act: &Act, container: &str) -> Result<ContainerInspectResponse, EngineError> {
        self.call(act, |api| api.inspect_container(container, None::<InspectContainerOptions>)).await
    }
}

fn done_already(act: &Act, answer: Result<(), Error>, words: &str) -> Result<(), EngineError> {
    match answer {
        Err(error) if [304, 409, 500].iter().any(|status| answered_with(&error, *status, words)) => Ok(()),
        answer => answer.map_err(|error| act.failed(error)),
    }
}
