//! The site's network, volumes and containers.

use async_trait::async_trait;
use stoa_provider::engine::{EngineError, Scope};
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{engine_failed, engine_undo_failed};
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
        deployed.map_err(|error| engine_failed(public_text(&error), error))?;
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

/// For the customer.
fn public_text(error: &EngineError) -> &'static str {
    match error {
        EngineError::Unavailable { .. } | EngineError::Timeout { .. } => {
            "The machine that runs the stores does not answer at this moment."
        }
        EngineError::ImageMissing { .. } => "The software of this store is not installed on the platform.",
        EngineError::DiskFull { .. } => "The platform has no room for another store.",
        EngineError::DataMissing { .. } => {
            "The store's data is not where it should be. Nothing was started, so that nothing is overwritten."
        }
        _ => "The store's containers could not be started.",
    }
}
