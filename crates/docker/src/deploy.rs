//! Carrying out a deployment's plan.
//!
//! The order is what Docker needs and no more. A container can be created before its network exists
//! (Docker looks the network up at the start), and the network takes longest: so it is created beside
//! the volumes and containers. The starts follow in the order of the services' dependencies, and side by
//! side where there are none. Volumes come before containers,
//! because Docker would create a missing one itself, without labels. A replaced container is removed
//! before its successor is created: both have the same name and address.
//!
//! Volumes that hold data are looked at twice: before anything is created, and before anything starts. From its creation
//! on, a container keeps its volumes from being removed; one that vanished just before was made again by Docker, empty.
//!
//! After a failure the calls in progress are waited for, never dropped: Docker would finish them
//! after the undo has looked.

use std::{collections::BTreeSet, time::Duration};

use bollard::query_parameters::StartContainerOptions;
use futures_util::future::{join_all, try_join_all};
use stoa_model::stack::{ProjectName, Service, ServiceName};
use stoa_provider::engine::{Deployed, Deployment, EngineError, RunState};
use stoa_util::error_chain;
use tokio::time::sleep;

use crate::{
    client::Docker,
    containers::Target,
    error::{Act, is_stale_task},
    inventory::{Container, Inventory},
    labels::{self, Origin},
    names,
    placement::DockerPlacement,
    plan::{self, Old, Op, OpKind, Present},
    verdict::Inspected,
};

/// Between the attempts to start a container whose former run Docker holds on to.
const STALE_TASK_PAUSES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_millis(600), Duration::from_millis(1_200)];

impl Docker {
    pub(crate) async fn deploy_stack(&self, deployment: &Deployment) -> Result<Deployed, EngineError> {
        let placement = DockerPlacement::read(&deployment.placement)?;
        let target = Target { stack: &deployment.stack, placement: &placement };
        let there = self.inventory(Some(&deployment.stack.project), None).await?;
        check_claims(deployment, &there)?;
        let present = self.present(target, there).await?;
        let ops = plan::plan(target, deployment.revision, &present)?;
        self.check_images(target, &ops).await?;
        let origin = Origin {
            installation: self.installation(),
            operation: deployment.operation,
            revision: deployment.revision,
        };
        let (network, containers) =
            tokio::join!(self.create_networks(target, origin, &ops), self.create_all(target, origin, &ops));
        network.and(containers)?;
        self.check_claims_again(deployment, &ops).await?;
        self.start_all(target, &ops).await?;
        Ok(plan::changes(target, &ops))
    }

    /// The project as the plan needs it: only containers of the stack's services are inspected, so a
    /// first deployment needs no further call.
    pub(crate) async fn present(&self, target: Target<'_>, there: Inventory) -> Result<Present, EngineError> {
        let network = names::network(&target.stack.project);
        Ok(Present {
            has_network: there.networks.iter().any(|found| found.name == network),
            volumes: there.volumes.iter().filter_map(|volume| labels::volume(&volume.labels)).collect(),
            containers: self.inspect_all(target, there.containers).await?,
        })
    }

    /// Those of these containers that belong to a service of the stack, with what they were created from.
    pub(crate) async fn inspect_all(
        &self,
        target: Target<'_>,
        listed: Vec<Container>,
    ) -> Result<Vec<Inspected>, EngineError> {
        let own = listed.into_iter().filter(|c| target.stack.service(&c.service.0).is_some());
        let inspected = try_join_all(own.map(|container| self.inspected(target, container))).await?;
        Ok(inspected.into_iter().flatten().collect())
    }

    /// Checks once more, now that no volume can vanish any more. What was created over an empty one is removed.
    async fn check_claims_again(&self, deployment: &Deployment, ops: &[Op]) -> Result<(), EngineError> {
        let project = &deployment.stack.project;
        let created: Vec<_> = ops.iter().filter_map(|op| created(project, op)).collect();
        if deployment.claimed.is_empty() || created.is_empty() {
            return Ok(());
        }
        let missing = check_claims(deployment, &self.inventory(Some(project), None).await?);
        if missing.is_err() {
            all(created.iter().map(|(service, container)| self.remove_container(project, service, container))).await?;
        }
        missing
    }

    /// Nothing that runs may be stopped for an image that is not there.
    async fn check_images(&self, target: Target<'_>, ops: &[Op]) -> Result<(), EngineError> {
        if !ops.iter().any(|op| matches!(op.kind, OpKind::Replace { .. })) {
            return Ok(());
        }
        let created = ops.iter().filter_map(|op| match &op.kind {
            OpKind::Create { service, .. } | OpKind::Replace { service, .. } => target.stack.service(&service.0),
            _ => None,
        });
        let images: BTreeSet<_> = created.map(|service| (&service.image, service.image_id.as_ref())).collect();
        all(images.into_iter().map(|(image, id)| self.check_image(image, id))).await
    }

    async fn create_networks(&self, target: Target<'_>, origin: Origin<'_>, ops: &[Op]) -> Result<(), EngineError> {
        let needed = ops.iter().filter(|op| op.kind == OpKind::CreateNetwork);
        all(needed.map(|_| self.create_network(target, origin))).await
    }

    async fn create_all(&self, target: Target<'_>, origin: Origin<'_>, ops: &[Op]) -> Result<(), EngineError> {
        let volumes = ops.iter().filter_map(|op| match &op.kind {
            OpKind::CreateVolume(volume) => Some(volume),
            _ => None,
        });
        all(volumes.map(|volume| self.create_volume(target.stack, volume, origin))).await?;
        all(ops.iter().map(|op| self.change_container(target, origin, op))).await
    }

    /// What an operation does to a container before the starts.
    async fn change_container(&self, target: Target<'_>, origin: Origin<'_>, op: &Op) -> Result<(), EngineError> {
        match &op.kind {
            OpKind::Create { service, instance, .. } => {
                self.create_container(target, wanted(target, &service.0)?, *instance, origin).await
            }
            OpKind::Replace { service, instance, old } => {
                let project = &target.stack.project;
                all(old.iter().map(|Old { container, .. }| self.stop_and_remove(project, service, container))).await?;
                self.create_container(target, wanted(target, &service.0)?, *instance, origin).await
            }
            OpKind::Limit { service, container } => {
                self.update_limits(service, container, wanted(target, &service.0)?.limits).await
            }
            OpKind::CreateNetwork | OpKind::CreateVolume(_) | OpKind::Start { .. } => Ok(()),
        }
    }

    /// Starts what has to be started, each service after those that it depends on.
    async fn start_all(&self, target: Target<'_>, ops: &[Op]) -> Result<(), EngineError> {
        for group in target.stack.start_order() {
            all(group.into_iter().map(|service| self.start_service(target, service, ops))).await?;
        }
        Ok(())
    }

    async fn start_service(&self, target: Target<'_>, service: &Service, ops: &[Op]) -> Result<(), EngineError> {
        let project = &target.stack.project;
        let starts: Vec<_> = ops.iter().filter_map(|op| to_start(project, service, op)).collect();
        if starts.is_empty() {
            return Ok(());
        }
        self.await_dependencies(target, service).await?;
        all(starts.into_iter().map(|(container, state)| self.start_container(container, state))).await
    }

    /// Starts a container, by id or name; one that runs already is fine.
    ///
    /// A Docker that was restarted can take a container that is gone for one that is there. That passes in a
    /// moment, or else only with the container: one that has never run is removed, and made again by the next attempt.
    pub(crate) async fn start_container(&self, container: String, state: RunState) -> Result<(), EngineError> {
        if state == RunState::Paused {
            return self.unpause_container(&container).await;
        }
        let act = Act::new("starting", format!("the container {container}"));
        let start =
            || self.raw(&act, self.timeout(), |api| api.start_container(&container, None::<StartContainerOptions>));
        let mut answer = start().await?;
        for pause in STALE_TASK_PAUSES {
            if !answer.as_ref().is_err_and(is_stale_task) {
                break;
            }
            sleep(pause).await;
            answer = start().await?;
        }
        match answer {
            Err(error) if is_stale_task(&error) => {
                if state == RunState::Created {
                    let act = Act::new("removing", format!("the container {container}, which can't be started"));
                    self.force_remove(&act, &container).await?;
                }
                Err(act.unavailable(error_chain(&error)))
            }
            answer => answer.map_err(|error| act.failed(error)),
        }
    }
}

/// The service and name of the container that an operation creates.
fn created<'op>(project: &ProjectName, op: &'op Op) -> Option<(&'op ServiceName, String)> {
    match &op.kind {
        OpKind::Create { service, instance, .. } | OpKind::Replace { service, instance, .. } => {
            Some((service, names::container(project, service, *instance)))
        }
        OpKind::CreateNetwork | OpKind::CreateVolume(_) | OpKind::Limit { .. } | OpKind::Start { .. } => None,
    }
}

/// The container of this service that an operation starts, and its state before.
fn to_start(project: &ProjectName, service: &Service, op: &Op) -> Option<(String, RunState)> {
    match &op.kind {
        OpKind::Create { .. } | OpKind::Replace { .. } => {
            let (name, container) = created(project, op)?;
            (*name == service.name).then_some((container, RunState::Created))
        }
        OpKind::Start { service: name, container, paused, .. } => {
            let state = if *paused { RunState::Paused } else { RunState::Exited };
            (*name == service.name).then(|| (container.clone(), state))
        }
        OpKind::CreateNetwork | OpKind::CreateVolume(_) | OpKind::Limit { .. } => None,
    }
}

/// An empty volume must never take the place of one that held data.
fn check_claims(deployment: &Deployment, there: &Inventory) -> Result<(), EngineError> {
    let present: BTreeSet<_> = there.volumes.iter().filter_map(|volume| labels::volume(&volume.labels)).collect();
    match deployment.claimed.iter().find(|volume| !present.contains(volume)) {
        Some(volume) => Err(EngineError::DataMissing { volume: volume.clone() }),
        None => Ok(()),
    }
}

fn wanted<'a>(target: Target<'a>, service: &str) -> Result<&'a Service, EngineError> {
    target
        .stack
        .service(service)
        .ok_or_else(|| EngineError::NotFound { what: format!("the service {service} of the stack") })
}

/// Waits for all of them, then returns the first failure.
pub(crate) async fn all<F>(calls: impl Iterator<Item = F>) -> Result<(), EngineError>
where
    F: Future<Output = Result<(), EngineError>>,
{
    join_all(calls).await.into_iter().collect()
}
