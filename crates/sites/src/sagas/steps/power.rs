//! Stopping and starting the containers of a site that exists; its data stays where it is.

use async_trait::async_trait;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{deploy_failed, engine_failed, start_again};
use crate::sagas::{OnSite, StepContext};

const STOP_FAILED: &str = "The store's containers could not be stopped.";

/// Stops the containers gracefully. Its undo starts them again.
pub struct StopContainers;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for StopContainers {
    fn name(&self) -> &'static str {
        "stop_containers"
    }

    fn title(&self) -> &'static str {
        "Stop the containers"
    }

    async fn act(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        let engine = cx.engine(plan).or_fail(STOP_FAILED)?;
        let stopped = engine.stop(&plan.project).await;
        stopped.map_err(|error| engine_failed(STOP_FAILED, error))?;
        Ok(Done::plain())
    }

    async fn undo(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<(), UndoError> {
        start_again(cx, plan.site(), "starting the containers again").await
    }
}

/// Starts the containers again. Its undo is [`StopContainers`]'s, which leaves them running.
pub struct StartContainersAgain;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for StartContainersAgain {
    fn name(&self) -> &'static str {
        "start_containers"
    }

    fn title(&self) -> &'static str {
        "Start the containers"
    }

    async fn act(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        cx.deploy(plan).await.map_err(deploy_failed)?;
        Ok(Done::plain())
    }

    async fn undo(&self, _: &StepContext, _: &P, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}
