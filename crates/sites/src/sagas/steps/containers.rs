//! The site's network, volumes and containers.

use async_trait::async_trait;
use stoa_provider::engine::Scope;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{deploy_failed, engine_undo_failed};
use crate::sagas::{OnSite, StepContext};

pub struct StartContainers;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for StartContainers {
    fn name(&self) -> &'static str {
        "containers"
    }

    fn title(&self) -> &'static str {
        "Start the containers"
    }

    async fn act(&self, cx: &StepContext, plan: &P, run: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        let deployed = run.unless_cancelled(cx.deploy(plan)).await?;
        deployed.map_err(deploy_failed)?;
        Ok(Done::plain())
    }

    /// Removes what this job made; what an earlier job made is stopped again and stays.
    async fn undo(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<(), UndoError> {
        let plan = plan.site();
        let failed = |error| engine_undo_failed("removing the stack", error);
        let engine = cx.engine(plan).or_undo_fail("removing the stack")?;
        engine.remove(&plan.project, Scope::CreatedBy(plan.job)).await.map_err(failed)?;
        engine.stop(&plan.project).await.map_err(failed)
    }
}
