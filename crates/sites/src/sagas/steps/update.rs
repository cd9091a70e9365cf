//! Moving a site to another revision: the new one is deployed, verified and switched to; the old one is
//! deployed again if anything fails.

use std::time::Duration;

use async_trait::async_trait;
use stoa_db::{history, secrets, sites};
use stoa_model::{
    site::{Health, Lifecycle},
    stack::{ReplaceStrategy, Service},
};
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{
    db_failed, db_undo_failed, deploy_failed, engine_failed, engine_undo_failed, is_recorded, move_lifecycle_from,
    route::{open, publish, reopen},
    stack::write_manifests,
    start_again,
};
use crate::{
    blueprints::Loaded,
    sagas::{SitePlan, StepContext, UpdatePlan},
};

const PUBLIC: &str = "The site could not be updated.";

/// The site is being updated from here on.
pub struct BeginUpdate;

#[async_trait]
impl Step<UpdatePlan, StepContext> for BeginUpdate {
    fn name(&self) -> &'static str {
        "begin"
    }

    fn title(&self) -> &'static str {
        "Begin the update"
    }

    async fn act(&self, cx: &StepContext, plan: &UpdatePlan, _: &StepRun) -> Result<Done, StepError> {
        move_lifecycle(cx, &plan.to, Lifecycle::Active, Lifecycle::Updating).await.map_err(db_failed)?;
        cx.domains.refresh_routes_or_lag(plan.to.site).await;
        Ok(Done::plain())
    }

    async fn undo(&self, cx: &StepContext, plan: &UpdatePlan, _: &StepRun) -> Result<(), UndoError> {
        let moved = move_lifecycle(cx, &plan.to, Lifecycle::Updating, Lifecycle::Active).await;
        moved.map_err(|error| db_undo_failed("ending the update", error))?;
        cx.domains.refresh_routes_or_lag(plan.to.site).await;
        Ok(())
    }
}

async fn move_lifecycle(
    cx: &StepContext,
    plan: &SitePlan,
    from: Lifecycle,
    to: Lifecycle,
) -> Result<(), stoa_db::DbError> {
    let (site, now) = (plan.site, cx.core.clock.now());
    cx.core.db.write(|tx| Box::pin(async move { move_lifecycle_from(&tx, site, from, to, now).await })).await
}

/// Where the snapshot before an update belongs.
pub struct SnapshotBeforeUpdate;

#[async_trait]
impl Step<UpdatePlan, StepContext> for SnapshotBeforeUpdate {
    fn name(&self) -> &'static str {
        "snapshot"
    }

    fn title(&self) -> &'static str {
        "Back up"
    }

    async fn act(&self, _: &StepContext, _: &UpdatePlan, _: &StepRun) -> Result<Done, StepError> {
        Ok(Done::with_detail("Not backed up: this version of the platform takes no backups yet"))
    }

    async fn undo(&self, _: &StepContext, _: &UpdatePlan, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}

/// Stores the secrets that the new version of the blueprint has and the old one had not.
pub struct StoreNewSecrets;

#[async_trait]
impl Step<UpdatePlan, StepContext> for StoreNewSecrets {
    fn name(&self) -> &'static str {
        "secrets"
    }

    fn title(&self) -> &'static str {
        "Store new secrets"
    }

    async fn act(&self, cx: &StepContext, plan: &UpdatePlan, _: &StepRun) -> Result<Done, StepError> {
        if plan.new_secrets.is_empty() {
            return Ok(Done::with_detail("None are new"));
        }
        let rows: Vec<_> = plan.new_secrets.iter().map(|(name, sealed)| (name.clone(), sealed.clone())).collect();
        let (rows, site, job) = (&rows, plan.to.site, plan.to.job);
        cx.core
            .db
            .write(|tx| Box::pin(async move { secrets::secrets_put(&tx, site, job, rows).await }))
            .await
            .map_err(db_failed)?;
        Ok(Done::with_detail(format!("{} secrets", plan.new_secrets.len())))
    }

    async fn undo(&self, cx: &StepContext, plan: &UpdatePlan, _: &StepRun) -> Result<(), UndoError> {
        let (site, job) = (plan.to.site, plan.to.job);
        cx.core
            .db
            .write(|tx| Box::pin(async move { secrets::secrets_delete(&tx, site, job).await }))
            .await
            .map(drop)
            .map_err(|error| db_undo_failed("deleting the new secrets", error))
    }
}

/// Replaces the engine's manifests in the site's directory.
pub struct ReplaceManifests;

#[async_trait]
impl Step<UpdatePlan, StepContext> for ReplaceManifests {
    fn name(&self) -> &'static str {
        "stack"
    }

    fn title(&self) -> &'static str {
        "Prepare configuration"
    }

    async fn act(&self, cx: &StepContext, plan: &UpdatePlan, _: &StepRun) -> Result<Done, StepError> {
        write_manifests(cx, &plan.to).or_fail(PUBLIC)?;
        Ok(Done::plain())
    }

    async fn undo(&self, cx: &StepContext, plan: &UpdatePlan, _: &StepRun) -> Result<(), UndoError> {
        write_manifests(cx, &plan.from).map(drop).or_undo_retry("writing the former manifests")
    }
}

/// Shows visitors the maintenance page if the routed service is replaced in place; one that starts beside
/// the old one serves throughout.
pub struct EnterMaintenance;

#[async_trait]
impl Step<UpdatePlan, StepContext> for EnterMaintenance {
    fn name(&self) -> &'static str {
        "maintenance"
    }

    fn title(&self) -> &'static str {
        "Show the maintenance page"
    }

    async fn act(&self, cx: &StepContext, plan: &UpdatePlan, _: &StepRun) -> Result<Done, StepError> {
        if !interrupts(cx, plan).or_fail(PUBLIC)? {
            return Ok(Done::with_detail("Not needed: the site serves throughout"));
        }
        publish(cx, &plan.to, None).await.or_retry(PUBLIC)?;
        Ok(Done::plain())
    }

    async fn undo(&self, cx: &StepContext, plan: &UpdatePlan, run: &StepRun) -> Result<(), UndoError> {
        reopen(cx, &plan.from, run).await
    }
}

/// Whether any service that is replaced in place differs: the site may not answer meanwhile.
fn interrupts(cx: &StepContext, plan: &UpdatePlan) -> Result<bool, crate::sagas::plan::BadPlan> {
    let (to, from) = (plan.to.stack(&cx.core.key)?, plan.from.stack(&cx.core.key)?);
    let same = |new: &Service| from.service(&new.name.0).is_some_and(|old| old == new);
    Ok(to.services.iter().any(|new| new.replace == ReplaceStrategy::Recreate && !same(new)))
}

/// Deploys the new revision. Its undo deploys the old one again and removes what only the new one had.
pub struct DeployRevision;

#[async_trait]
impl Step<UpdatePlan, StepContext> for DeployRevision {
    fn name(&self) -> &'static str {
        "containers"
    }

    fn title(&self) -> &'static str {
        "Start the new version"
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(10 * 60)
    }

    async fn act(&self, cx: &StepContext, plan: &UpdatePlan, run: &StepRun) -> Result<Done, StepError> {
        let deployed = run.unless_cancelled(cx.deploy(&plan.to)).await?.map_err(deploy_failed)?;
        let changed =
            deployed.changes.iter().filter(|change| change.action != stoa_provider::engine::Action::Unchanged);
        let causes: Vec<_> = changed.map(|change| format!("{}: {}", change.service, change.cause)).collect();
        Ok(if causes.is_empty() { Done::with_detail("Nothing differs") } else { Done::with_detail(causes.join("; ")) })
    }

    async fn undo(&self, cx: &StepContext, plan: &UpdatePlan, _: &StepRun) -> Result<(), UndoError> {
        let doing = "starting the former version again";
        let failed = |error| engine_undo_failed(doing, error);
        start_again(cx, &plan.from, doing).await?;
        let deployment = cx.deployment(&plan.from).or_undo_fail(doing)?;
        cx.engine(&plan.from).or_undo_fail(doing)?.retire(&deployment).await.map_err(failed)
    }
}

/// Waits until the new revision answers, then sends visitors there.
pub struct SwitchRoute;

#[async_trait]
impl Step<UpdatePlan, StepContext> for SwitchRoute {
    fn name(&self) -> &'static str {
        "route"
    }

    fn title(&self) -> &'static str {
        "Switch to the new version"
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(10 * 60)
    }

    async fn act(&self, cx: &StepContext, plan: &UpdatePlan, run: &StepRun) -> Result<Done, StepError> {
        open(cx, &plan.to, run).await?;
        Ok(Done::plain())
    }

    /// What was replaced in place does not run yet: visitors see the maintenance page again, until [`EnterMaintenance`]'s
    /// undo.
    async fn undo(&self, cx: &StepContext, plan: &UpdatePlan, run: &StepRun) -> Result<(), UndoError> {
        let doing = "leaving the new version";
        if interrupts(cx, plan).or_undo_fail(doing)? {
            return publish(cx, &plan.from, None).await.or_undo_retry(doing);
        }
        reopen(cx, &plan.from, run).await
    }
}

/// Removes what only the old revision had.
pub struct RetireOldRevision;

#[async_trait]
impl Step<UpdatePlan, StepContext> for RetireOldRevision {
    fn name(&self) -> &'static str {
        "retire"
    }

    fn title(&self) -> &'static str {
        "Remove the old version"
    }

    async fn act(&self, cx: &StepContext, plan: &UpdatePlan, _: &StepRun) -> Result<Done, StepError> {
        let deployment = cx.deployment(&plan.to).or_fail(PUBLIC)?;
        let engine = cx.engine(&plan.to).or_fail(PUBLIC)?;
        engine.retire(&deployment).await.map_err(|error| engine_failed(PUBLIC, error))?;
        Ok(Done::plain())
    }

    /// [`DeployRevision`]'s undo makes the old revision again.
    async fn undo(&self, _: &StepContext, _: &UpdatePlan, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}

/// The site is the new revision from here on.
pub struct CommitUpdate;

#[async_trait]
impl Step<UpdatePlan, StepContext> for CommitUpdate {
    fn name(&self) -> &'static str {
        "settle"
    }

    fn title(&self) -> &'static str {
        "Record the new version"
    }

    fn is_commit(&self) -> bool {
        true
    }

    async fn act(&self, cx: &StepContext, plan: &UpdatePlan, _: &StepRun) -> Result<Done, StepError> {
        let loaded = &Loaded::parse(plan.to.blueprint.clone()).or_fail(PUBLIC)?;
        let (plan, now) = (&plan.to, cx.core.clock.now());
        cx.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    crate::order::record_revision(&tx, plan, loaded, now).await?;
                    move_lifecycle_from(&tx, plan.site, Lifecycle::Updating, Lifecycle::Active, now).await?;
                    sites::site_observe(&tx, plan.site, Health::Healthy, now).await?;
                    if is_recorded(&tx, plan, "updated").await? {
                        return Ok(());
                    }
                    let text = format!("The site was updated to version {:.12}", plan.blueprint_version);
                    history::site_event(&tx, plan.site, now, "updated", &text).await
                })
            })
            .await
            .map_err(db_failed)?;
        cx.domains.refresh_routes_or_lag(plan.site).await;
        Ok(Done::plain())
    }

    /// Never called after success; before it nothing was committed.
    async fn undo(&self, _: &StepContext, _: &UpdatePlan, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}
