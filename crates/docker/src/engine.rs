//! Docker as an [`Engine`]. Each method's work is in the module of its noun.

use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use stoa_model::{
    image::ImageRef,
    limits::Limits,
    placement::{LeasePool, Placement},
    stack::{ProjectName, ServiceName, Stack, VolumeName},
};
use stoa_provider::engine::{
    Build, BuildEvent, Capabilities, Deployed, Deployment, Endpoint, Engine, EngineError, EngineEvent, EngineInfo,
    EngineStream, Exec, ExecSession, ImageInfo, InputStream, LogLine, LogQuery, Manifest, Observed, PlacementRequest,
    Revision, Scope, ServiceStats, Stored,
};

use crate::{
    NAME,
    client::Docker,
    describe,
    error::Act,
    placement::{self, DockerPlacement},
};

#[async_trait]
impl Engine for Docker {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { volumes: true, build: true, pause: true, live_limits: true }
    }

    async fn describe(&self) -> Result<EngineInfo, EngineError> {
        self.info().await
    }

    fn lease_pool(&self, info: &EngineInfo) -> Option<LeasePool> {
        Some(self.pool(info))
    }

    fn place(&self, request: &PlacementRequest<'_>) -> Result<Placement, EngineError> {
        placement::place(request)
    }

    fn host_address(&self, placement: &Placement) -> Option<IpAddr> {
        Some(DockerPlacement::read(placement).ok()?.subnet.gateway().into())
    }

    async fn image(&self, image: &ImageRef) -> Result<Option<ImageInfo>, EngineError> {
        self.image_info(image).await
    }

    async fn deploy(&self, deployment: &Deployment) -> Result<Deployed, EngineError> {
        let project = deployment.stack.project.clone();
        let act = Act::new("deploying", format!("project {project}"));
        let (docker, deployment) = (self.clone(), deployment.clone());
        self.change(&project, &act, async move { docker.deploy_stack(&deployment).await }).await
    }

    async fn retire(&self, deployment: &Deployment) -> Result<(), EngineError> {
        let project = deployment.stack.project.clone();
        let act = Act::new("retiring", format!("old revisions of project {project}"));
        let (docker, deployment) = (self.clone(), deployment.clone());
        self.change(&project, &act, async move { docker.retire_superseded(&deployment).await }).await
    }

    async fn endpoint(
        &self,
        project: &ProjectName,
        placement: &Placement,
        service: &ServiceName,
        port: u16,
        revision: Revision,
    ) -> Result<Endpoint, EngineError> {
        self.endpoint_of(project, placement, service, port, revision).await
    }

    async fn observe(&self, project: &ProjectName) -> Result<Observed, EngineError> {
        let mut inventory = self.inventory(Some(project), None).await?;
        self.count_exits(&mut inventory.containers).await?;
        let found = inventory.by_project();
        Ok(found.into_iter().next().unwrap_or_else(|| Observed::nothing(project.clone())))
    }

    async fn list(&self) -> Result<Vec<Observed>, EngineError> {
        Ok(self.inventory(None, None).await?.by_project())
    }

    async fn start(&self, project: &ProjectName) -> Result<(), EngineError> {
        let act = Act::new("starting", format!("project {project}"));
        let (docker, name) = (self.clone(), project.clone());
        self.change(project, &act, async move { docker.start_project(&name).await }).await
    }

    async fn stop(&self, project: &ProjectName) -> Result<(), EngineError> {
        let act = Act::new("stopping", format!("project {project}"));
        let (docker, name) = (self.clone(), project.clone());
        self.change(project, &act, async move { docker.stop_project(&name).await }).await
    }

    async fn remove(&self, project: &ProjectName, scope: Scope) -> Result<(), EngineError> {
        let act = Act::new("removing", format!("project {project}"));
        let (docker, name) = (self.clone(), project.clone());
        self.change(project, &act, async move { docker.remove_project(&name, scope).await }).await
    }

    async fn pause(&self, project: &ProjectName) -> Result<(), EngineError> {
        let act = Act::new("pausing", format!("project {project}"));
        let (docker, name) = (self.clone(), project.clone());
        self.change(project, &act, async move { docker.pause_project(&name).await }).await
    }

    async fn resume(&self, project: &ProjectName) -> Result<(), EngineError> {
        let act = Act::new("resuming", format!("project {project}"));
        let (docker, name) = (self.clone(), project.clone());
        self.change(project, &act, async move { docker.resume_project(&name).await }).await
    }

    async fn set_limits(
        &self,
        project: &ProjectName,
        service: &ServiceName,
        limits: Limits,
    ) -> Result<(), EngineError> {
        let act = Act::new("changing", format!("the limits of {service} of project {project}"));
        let (docker, name, service) = (self.clone(), project.clone(), service.clone());
        self.change(project, &act, async move { docker.limit_service(&name, &service, limits).await }).await
    }

    async fn exec(&self, project: &ProjectName, service: &ServiceName, exec: Exec) -> Result<ExecSession, EngineError> {
        self.exec_in(project, service, exec).await
    }

    async fn export_volume(
        &self,
        project: &ProjectName,
        volume: &VolumeName,
    ) -> Result<EngineStream<Bytes>, EngineError> {
        self.export(project, volume).await
    }

    async fn import_volume(
        &self,
        project: &ProjectName,
        volume: &VolumeName,
        archive: InputStream,
    ) -> Result<(), EngineError> {
        self.import(project, volume, archive).await
    }

    async fn logs(
        &self,
        project: &ProjectName,
        service: Option<&ServiceName>,
        query: LogQuery,
    ) -> Result<EngineStream<LogLine>, EngineError> {
        self.logs_of(project, service, query).await
    }

    async fn build(&self, build: Build) -> Result<EngineStream<BuildEvent>, EngineError> {
        self.build_image(build).await
    }

    async fn stats(&self, project: &ProjectName) -> Result<Vec<ServiceStats>, EngineError> {
        self.stats_of(project).await
    }

    async fn stored(&self) -> Result<Vec<Stored>, EngineError> {
        self.stored_by_all().await
    }

    async fn events(&self) -> Result<EngineStream<EngineEvent>, EngineError> {
        self.event_stream().await
    }

    async fn settled(&self) {
        self.all_turns().await;
    }

    fn manifests(&self, stack: &Stack, placement: &Placement) -> Result<Vec<Manifest>, EngineError> {
        Ok(describe::manifests(stack, &DockerPlacement::read(placement)?))
    }
}
