//! Telling the application its address: the blueprint's own hook changes it everywhere, also in
//! data that it keeps serialized.

use std::time::Duration;

use async_trait::async_trait;
use stoa_db::{domains, history, sites};
use stoa_model::{blueprint::HookName, secret::SecretString};
use stoa_provider::engine::EngineError;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{db_failed, is_recorded};
use crate::sagas::{ChangeDomainPlan, SitePlan, StepContext, plan::Address};
use stoa_core::Error;

const PUBLIC: &str = "The store's software did not take its new address.";

/// Gives the application its address: by the blueprint's hook, and by the environment of the services
/// that have it there, which are replaced if it differs.
///
/// # Errors
/// `Unavailable` if the engine is away; `Internal` if the hook failed.
pub(super) async fn update_url(cx: &StepContext, plan: &SitePlan, address: &Address) -> Result<(), Error> {
    let plan = &plan.at_address(address).map_err(Error::internal)?;
    let blueprint = plan.blueprint().map_err(Error::internal)?;
    if let Some(hook) = blueprint.hook(HookName::SetDomain) {
        let values = plan.values(&cx.core.key).map_err(Error::internal)?;
        let stdin = hook.stdin_json(&values).map_err(Error::internal)?.map(SecretString::from);
        let output = cx.run_hook(plan, hook, stdin).await.map_err(failed)?;
        if output.code != 0 {
            let stderr = output.stderr.trim();
            return Err(Error::internal(format!("the set-domain hook ended with {}: {stderr}", output.code)));
        }
    }
    cx.deploy(plan).await.map(drop).map_err(failed)
}

fn failed(error: EngineError) -> Error {
    let is_transient = error.is_transient();
    let source = error.into();
    if is_transient { Error::Unavailable { message: PUBLIC.into(), source } } else { Error::Internal(source) }
}

/// A failure to tell as a step's: an engine that is away is waited for.
pub(super) fn url_update_failed(error: Error) -> StepError {
    match error {
        Error::Unavailable { .. } => StepError::retry(PUBLIC, error.for_operator()),
        other => StepError::fail(PUBLIC, other.for_operator()),
    }
}

/// Makes a name the main one. Until its application was told, all names lead to the site itself.
async fn point(cx: &StepContext, plan: &SitePlan, address: &Address, told: &str) -> Result<(), Error> {
    cx.core
        .db
        .write(|tx| Box::pin(async move { sites::site_address(&tx, plan.site, &address.hostname, Some(told)).await }))
        .await
        .map_err(Error::from)?;
    cx.domains.refresh_routes(plan.site).await
}

/// Moves the site to another main address and tells its application.
pub struct UpdateApplicationUrl;

#[async_trait]
impl Step<ChangeDomainPlan, StepContext> for UpdateApplicationUrl {
    fn name(&self) -> &'static str {
        "application"
    }

    fn title(&self) -> &'static str {
        "Update the store's address"
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(10 * 60)
    }

    async fn act(&self, cx: &StepContext, plan: &ChangeDomainPlan, _: &StepRun) -> Result<Done, StepError> {
        let (change, plan) = (&plan.change, &plan.site);
        point(cx, plan, &change.to, &change.from.url).await.or_retry(PUBLIC)?;
        update_url(cx, plan, &change.to).await.map_err(url_update_failed)?;
        Ok(Done::with_detail(change.to.url.clone()))
    }

    async fn undo(&self, cx: &StepContext, plan: &ChangeDomainPlan, _: &StepRun) -> Result<(), UndoError> {
        let (change, plan) = (&plan.change, &plan.site);
        update_url(cx, plan, &change.from).await.or_undo_retry("telling the application its former address")?;
        point(cx, plan, &change.from, &change.from.url).await.or_undo_retry("leading visitors to the former address")
    }
}

/// From here on visitors of the other names are sent to the main one, and those of plain HTTP to
/// HTTPS.
pub struct CommitAddress;

#[async_trait]
impl Step<ChangeDomainPlan, StepContext> for CommitAddress {
    fn name(&self) -> &'static str {
        "settle"
    }

    fn title(&self) -> &'static str {
        "Redirect other addresses"
    }

    fn is_commit(&self) -> bool {
        true
    }

    async fn act(&self, cx: &StepContext, plan: &ChangeDomainPlan, _: &StepRun) -> Result<Done, StepError> {
        let (change, plan) = (&plan.change, &plan.site);
        let (to, now) = (&change.to, cx.core.clock.now());
        cx.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    sites::site_address(&tx, plan.site, &to.hostname, Some(&to.url)).await?;
                    domains::domain_main_reached(&tx, plan.site, &to.hostname).await?;
                    if is_recorded(&tx, plan, "address").await? {
                        return Ok(());
                    }
                    let words = format!("The main address is now {}", to.url);
                    history::site_event(&tx, plan.site, now, "address", &words).await
                })
            })
            .await
            .map_err(db_failed)?;
        cx.domains.refresh_routes_or_lag(plan.site).await;
        Ok(Done::plain())
    }

    /// Never called after success; before it nothing was committed.
    async fn undo(&self, _: &StepContext, _: &ChangeDomainPlan, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}
