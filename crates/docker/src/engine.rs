//! Docker as an [`Engine`]. Each method's work is in the module of its name.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use stoa_model::{
    id::JobId,
    image::ImageRef,
    stack::{ProjectName, ServiceName, Stack},
};
use stoa_provider::engine::{
    Engine, EngineError, EngineEvent, EngineInfo, Exec, ExecOutput, ImageInfo, LogLine, Observed, Scope, ServiceStats,
};

use crate::{client::Docker, error::Act, inventory};

#[async_trait]
impl Engine for Docker {
    async fn describe(&self) -> Result<EngineInfo, EngineError> {
        self.info().await
    }

    async fn image(&self, image: &ImageRef) -> Result<Option<ImageInfo>, EngineError> {
        self.image_info(image).await
    }

    async fn apply(&self, stack: &Stack, operation: JobId) -> Result<(), EngineError> {
        let act = Act::new("applying", format!("project {}", stack.project));
        let (docker, stack) = (self.clone(), stack.clone());
        let project = stack.project.clone();
        self.change(&project, &act, async move { docker.apply_stack(&stack, operation).await }).await
    }

    async fn observe(&self, project: &ProjectName) -> Result<Observed, EngineError> {
        let found = self.inventory(Some(project), None).await?.by_project();
        Ok(found.into_iter().next().unwrap_or_else(|| inventory::nothing(project.clone())))
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

    async fn exec(&self, project: &ProjectName, service: &ServiceName, exec: Exec) -> Result<ExecOutput, EngineError> {
        self.exec_in(project, service, exec).await
    }

    async fn logs(
        &self,
        project: &ProjectName,
        service: Option<&ServiceName>,
        tail: u32,
    ) -> Result<Vec<LogLine>, EngineError> {
        self.logs_of(project, service, tail).await
    }

    async fn stats(&self, project: &ProjectName) -> Result<Vec<ServiceStats>, EngineError> {
        self.stats_of(project).await
    }

    async fn events(&self) -> Result<BoxStream<'static, Result<EngineEvent, EngineError>>, EngineError> {
        self.event_stream().await
    }

    async fn settled(&self) {
        self.all_turns().await;
    }
}
