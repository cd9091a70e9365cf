//! Makes the generic, pre-installed application the customer's own: title, address, administrator.

use std::time::Duration;

use async_trait::async_trait;
use stoa_db::sites;
use stoa_model::{blueprint::HookName, secret::SecretString};
use stoa_provider::engine::EngineError;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{
    crash::{self, crash_report},
    db_failed, engine_failed,
};
use crate::sagas::{OnSite, SitePlan, StepContext};

/// A hook that fails so often in one run will not work later either.
const TRIES: u32 = 4;
/// Attempts on a service that does not run: enough for the engine to start it again three times.
const MAX_STARTS: u32 = 10;

pub struct ClaimApplication;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for ClaimApplication {
    fn name(&self) -> &'static str {
        "application"
    }

    fn title(&self) -> &'static str {
        "Install the application"
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(5 * 60)
    }

    async fn act(&self, cx: &StepContext, plan: &P, run: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        const PUBLIC: &str = "The store's software could not be set up.";
        let blueprint = plan.blueprint().or_fail(PUBLIC)?;
        let Some(hook) = blueprint.hook(HookName::Claim) else {
            told(cx, plan).await?;
            return Ok(Done::with_detail("The application sets itself up"));
        };
        if run.attempt() > 1 {
            // The engine may have been away, and its containers with it.
            cx.deploy(plan).await.map_err(|error| engine_failed(PUBLIC, error))?;
        }
        let values = plan.values(&cx.core.key).or_fail(PUBLIC)?;
        let stdin = hook.stdin_json(&values).or_fail(PUBLIC)?.map(SecretString::from);
        match run.unless_cancelled(cx.run_hook(plan, hook, stdin)).await? {
            Ok(output) if output.code == 0 => {
                told(cx, plan).await?;
                Ok(Done::plain())
            }
            Ok(output) => {
                Err(again(run, PUBLIC, format!("the claim hook ended with {}: {}", output.code, output.stderr.trim())))
            }
            Err(error @ (EngineError::Refused { .. } | EngineError::NotFound { .. })) => {
                match crash_report(cx, plan).await {
                    Some(report) => Err(StepError::fail(crash::PUBLIC, report)),
                    // Its service may not run at this moment.
                    None if run.attempt() < MAX_STARTS => Err(StepError::retry(PUBLIC, error)),
                    None => Err(StepError::fail(PUBLIC, error)),
                }
            }
            Err(error) => Err(engine_failed(PUBLIC, error)),
        }
    }

    /// Nothing to take back: what the hook changed lies in the containers that this job made, and
    /// goes with them.
    async fn undo(&self, _: &StepContext, _: &P, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}

/// Notes the address that the application has from now on.
async fn told(cx: &StepContext, plan: &SitePlan) -> Result<(), StepError> {
    let url = plan.url.as_str();
    let written = cx.core.db.write(|tx| Box::pin(async move { sites::site_told(&tx, plan.site, url).await })).await;
    written.map_err(db_failed)
}

/// The hook's program may have died with its container; a few more tries tell.
fn again(run: &StepRun, public: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StepError {
    if run.attempt() < TRIES { StepError::retry(public, source) } else { StepError::fail(public, source) }
}
