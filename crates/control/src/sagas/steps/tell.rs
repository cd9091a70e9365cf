//! Telling the application its address: the blueprint's own hook changes it everywhere, also in
//! data that it keeps serialized.

use std::time::Duration;

use async_trait::async_trait;
use stoa_db::{domains, history, sites};
use stoa_model::{blueprint::HookName, secret::SecretString};
use stoa_provider::engine::Exec;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{db_failed, noted};
use crate::{
    Control, Error,
    sagas::{
        SitePlan,
        plan::{Address, BadPlan},
    },
};

const PUBLIC: &str = "The store's software did not take its new address.";

/// Runs the hook; a blueprint without one makes sites that don't care.
///
/// # Errors
/// `Unavailable` if the engine is away; `Internal` if the hook failed.
pub(super) async fn tell(cx: &Control, plan: &SitePlan, url: &str) -> Result<(), Error> {
    let blueprint = plan.blueprint().map_err(Error::internal)?;
    let Some(hook) = blueprint.hook(HookName::SetDomain) else { return Ok(()) };
    let values = plan.values_at(&cx.key, url).map_err(Error::internal)?;
    let stdin = hook.stdin_json(&values).map_err(Error::internal)?.map(SecretString::from);
    let exec = Exec { argv: hook.command.clone(), stdin, user: hook.user.clone(), deadline: hook.timeout };
    let output = cx.engine.exec(&plan.project, &hook.service, exec).await.map_err(|error| {
        let away = error.is_transient();
        let source = error.into();
        if away { Error::Unavailable { message: PUBLIC.into(), source } } else { Error::Internal(source) }
    })?;
    if output.code != 0 {
        let stderr = output.stderr.trim();
        return Err(Error::internal(format!("the set-domain hook ended with {}: {stderr}", output.code)));
    }
    Ok(())
}

/// A failure to tell as a step's: an engine that is away is waited for.
pub(super) fn untold(error: Error) -> StepError {
    match error {
        Error::Unavailable { .. } => StepError::retry(PUBLIC, error.for_operator()),
        other => StepError::fail(PUBLIC, other.for_operator()),
    }
}

/// Makes a name the main one. Until its application was told, all names lead to the site itself.
async fn point(cx: &Control, plan: &SitePlan, address: &Address, told: &str) -> Result<(), Error> {
    cx.db
        .write(|tx| Box::pin(async move { sites::site_address(&tx, plan.site, &address.hostname, Some(told)).await }))
        .await
        .map_err(Error::from)?;
    cx.routes_refresh(plan.site).await
}

fn no_move(plan: &SitePlan) -> BadPlan {
    plan.bad("it moves nowhere")
}

/// Moves the site to another main address and tells its application.
pub struct TellApplication;

#[async_trait]
impl Step<SitePlan, Control> for TellApplication {
    fn name(&self) -> &'static str {
        "application"
    }

    fn title(&self) -> &'static str {
        "Tell the application its new address"
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(10 * 60)
    }

    async fn act(&self, cx: &Control, plan: &SitePlan, _: &StepRun) -> Result<Done, StepError> {
        let way = plan.move_.as_ref().ok_or_else(|| no_move(plan)).or_fail(PUBLIC)?;
        point(cx, plan, &way.to, &way.from.url).await.or_retry(PUBLIC)?;
        tell(cx, plan, &way.to.url).await.map_err(untold)?;
        Ok(Done::with_detail(way.to.url.clone()))
    }

    async fn undo(&self, cx: &Control, plan: &SitePlan, _: &StepRun) -> Result<(), UndoError> {
        let way = plan.move_.as_ref().ok_or_else(|| no_move(plan)).or_undo_fail("going back to the former address")?;
        tell(cx, plan, &way.from.url).await.or_undo_retry("telling the application its former address")?;
        point(cx, plan, &way.from, &way.from.url).await.or_undo_retry("leading visitors to the former address")
    }
}

/// From here on visitors of the other names are sent to the main one, and those of plain HTTP to
/// HTTPS.
pub struct SettleAddress;

#[async_trait]
impl Step<SitePlan, Control> for SettleAddress {
    fn name(&self) -> &'static str {
        "settle"
    }

    fn title(&self) -> &'static str {
        "Lead the other addresses there"
    }

    fn is_commit(&self) -> bool {
        true
    }

    async fn act(&self, cx: &Control, plan: &SitePlan, _: &StepRun) -> Result<Done, StepError> {
        let way = plan.move_.as_ref().ok_or_else(|| no_move(plan)).or_fail(PUBLIC)?;
        let (to, now) = (&way.to, cx.clock.now());
        cx.db
            .write(|tx| {
                Box::pin(async move {
                    sites::site_address(&tx, plan.site, &to.hostname, Some(&to.url)).await?;
                    domains::domain_main_reached(&tx, plan.site, &to.hostname).await?;
                    if noted(&tx, plan, "address").await? {
                        return Ok(());
                    }
                    let words = format!("The main address is now {}", to.url);
                    history::site_event(&tx, plan.site, now, "address", &words).await
                })
            })
            .await
            .map_err(db_failed)?;
        cx.routes_catch_up(plan.site).await;
        Ok(Done::plain())
    }

    /// Never called after success; before it nothing was committed.
    async fn undo(&self, _: &Control, _: &SitePlan, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}
