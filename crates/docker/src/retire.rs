//! After a revision has taken over: removing what it superseded, and where it is reached.

use std::net::SocketAddr;

use stoa_model::{
    placement::Placement,
    stack::{ProjectName, ServiceName},
};
use stoa_provider::engine::{Deployment, Endpoint, EngineError, Revision, newest_at};

use crate::{
    client::Docker, containers::Target, deploy::all, inventory::Container, placement::DockerPlacement, plan::current,
    verdict::Inspected,
};

impl Docker {
    pub(crate) async fn retire_superseded(&self, deployment: &Deployment) -> Result<(), EngineError> {
        let placement = DockerPlacement::read(&deployment.placement)?;
        let target = Target { stack: &deployment.stack, placement: &placement };
        let project = &deployment.stack.project;
        let listed = self.containers_of(project, None).await?;
        let inspected = self.inspect_all(target, listed.clone()).await?;
        let superseded = listed.iter().filter(|c| is_superseded(target, deployment.revision, &inspected, c));
        all(superseded.map(|container| self.stop_and_remove(project, &container.service, &container.id))).await
    }

    pub(crate) async fn endpoint_of(
        &self,
        project: &ProjectName,
        placement: &Placement,
        service: &ServiceName,
        port: u16,
        revision: Revision,
    ) -> Result<Endpoint, EngineError> {
        let placement = DockerPlacement::read(placement)?;
        let containers = self.containers_of(project, Some(service)).await?;
        let serving = newest_at(containers, revision, |container| container.revision);
        let address = serving.and_then(|container| placement.address(service, container.instance));
        let missing = || EngineError::NotFound { what: format!("the service {service} of project {project}") };
        Ok(Endpoint::Address(SocketAddr::from((address.ok_or_else(missing)?, port))))
    }
}

/// A service without an instance that fits keeps all it has: the deployment has not come that far.
fn is_superseded(target: Target<'_>, revision: Revision, containers: &[Inspected], container: &Container) -> bool {
    let Some(service) = target.stack.service(&container.service.0) else { return true };
    current(target, revision, service, containers).is_some_and(|(kept, _)| kept.container.id != container.id)
}
