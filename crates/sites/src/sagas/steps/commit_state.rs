//! The last step of a job on a site that exists: the new state and the line in its history, in one
//! transaction.

use async_trait::async_trait;
use stoa_db::{history, sites};
use stoa_model::site::SiteState;
use stoa_saga::{Done, Step, StepError, StepRun, UndoError};

use super::{db_failed, is_recorded};
use crate::sagas::{OnSite, StepContext};

pub struct CommitState {
    to: SiteState,
    kind: &'static str,
    text: &'static str,
}

impl CommitState {
    pub const fn started() -> Self {
        Self { to: SiteState::Active, kind: "started", text: "The site was started" }
    }

    pub const fn stopped() -> Self {
        Self { to: SiteState::Stopped, kind: "stopped", text: "The site was stopped" }
    }

    pub const fn restarted() -> Self {
        Self { to: SiteState::Active, kind: "restarted", text: "The site was restarted" }
    }
}

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for CommitState {
    fn name(&self) -> &'static str {
        "settle"
    }

    fn title(&self) -> &'static str {
        "Note the new state"
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
                    let state = sites::site_get(&*tx, plan.site).await?.map(|site| site.state);
                    if let Some(from) = state.filter(|from| *from != self.to) {
                        sites::site_move(&tx, plan.site, from, self.to, None, now).await?;
                    }
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
