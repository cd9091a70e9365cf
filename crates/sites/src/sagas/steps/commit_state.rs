//! The last step of a job on a site that exists: the new state and the line in its history, in one
//! transaction.

use async_trait::async_trait;
use stoa_db::{history, sites};
use stoa_model::site::{Health, Power};
use stoa_saga::{Done, Step, StepError, StepRun, UndoError};

use super::{db_failed, is_recorded};
use crate::sagas::{OnSite, StepContext};

pub struct CommitState {
    power: Power,
    kind: &'static str,
    text: &'static str,
}

impl CommitState {
    pub const fn started() -> Self {
        Self { power: Power::On, kind: "started", text: "The site was started" }
    }

    pub const fn stopped() -> Self {
        Self { power: Power::Off, kind: "stopped", text: "The site was stopped" }
    }

    pub const fn restarted() -> Self {
        Self { power: Power::On, kind: "restarted", text: "The site was restarted" }
    }
}

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for CommitState {
    fn name(&self) -> &'static str {
        "settle"
    }

    fn title(&self) -> &'static str {
        "Save changes"
    }

    fn is_commit(&self) -> bool {
        true
    }

    async fn act(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        let now = cx.core.clock.now();
        cx.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    sites::power_set(&tx, plan.site, self.power).await?;
                    // A site was started once its check has passed.
                    let health = if self.power == Power::On { Health::Healthy } else { Health::Unknown };
                    sites::site_observe(&tx, plan.site, health, now).await?;
                    if is_recorded(&tx, plan, self.kind).await? {
                        return Ok(());
                    }
                    history::site_event(&tx, plan.site, now, self.kind, self.text).await
                })
            })
            .await
            .map_err(db_failed)?;
        cx.domains.refresh_routes_or_lag(plan.site).await;
        Ok(Done::plain())
    }

    /// Never called after success; before it nothing was committed.
    async fn undo(&self, _: &StepContext, _: &P, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}
