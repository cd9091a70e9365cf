//! The last step of a job on a site that exists: the new state and the line in its history, in one
//! transaction.

use async_trait::async_trait;
use stoa_db::{DbError, Tx, history, jobs, sites};
use stoa_model::site::SiteState;
use stoa_saga::{Done, Step, StepError, StepRun, UndoError};

use super::db_failed;
use crate::{Control, sagas::SitePlan};

pub struct Settle {
    to: SiteState,
    kind: &'static str,
    text: &'static str,
}

impl Settle {
    pub const fn running() -> Self {
        Self { to: SiteState::Active, kind: "started", text: "The site was started" }
    }

    pub const fn stopped() -> Self {
        Self { to: SiteState::Stopped, kind: "stopped", text: "The site was stopped" }
    }

    pub const fn restarted() -> Self {
        Self { to: SiteState::Active, kind: "restarted", text: "The site was restarted" }
    }
}

impl Settle {
    /// Whether this job has done it before, and only did not hear of it: since it was asked for, no
    /// other job can have written to the site's history.
    async fn written(&self, tx: &Tx, plan: &SitePlan) -> Result<bool, DbError> {
        let Some(job) = jobs::job_get(tx, plan.job).await? else { return Ok(false) };
        let events = history::site_events(tx, plan.site, 20).await?;
        Ok(events.iter().any(|event| event.kind == self.kind && event.at >= job.queued_at))
    }
}

#[async_trait]
impl Step<SitePlan, Control> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    fn title(&self) -> &'static str {
        "Note the new state"
    }

    fn is_commit(&self) -> bool {
        true
    }

    async fn act(&self, cx: &Control, plan: &SitePlan, _: &StepRun) -> Result<Done, StepError> {
        let now = cx.clock.now();
        cx.db
            .write(|tx| {
                Box::pin(async move {
                    let state = sites::site_get(&*tx, plan.site).await?.map(|site| site.state);
                    if let Some(from) = state.filter(|from| *from != self.to) {
                        sites::site_move(&tx, plan.site, from, self.to, None, now).await?;
                    }
                    if self.written(&tx, plan).await? {
                        return Ok(());
                    }
                    history::site_event(&tx, plan.site, now, self.kind, self.text).await
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
