//! The point of no return: the site is the customer's, and the welcome mail is on its way, both in
//! one transaction.

use async_trait::async_trait;
use stoa_core::Wakeup;
use stoa_db::{history, sites, tasks};
use stoa_model::site::{Health, Lifecycle};
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::db_failed;
use crate::{
    mail,
    sagas::{OnSite, StepContext},
};

pub struct Activate;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for Activate {
    fn name(&self) -> &'static str {
        "welcome"
    }

    fn title(&self) -> &'static str {
        "Finish up and send the welcome email"
    }

    fn is_commit(&self) -> bool {
        true
    }

    async fn act(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        let now = cx.core.clock.now();
        let welcome = mail::welcome(&cx.core, plan, now).await.or_retry("The welcome mail could not be written.")?;
        let (task, key) = (&welcome.task, welcome.key.as_str());
        cx.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let site = sites::site_get(&*tx, plan.site).await?;
                    if site.is_some_and(|site| site.lifecycle == Lifecycle::Active) {
                        return Ok(());
                    }
                    sites::lifecycle_move(&tx, plan.site, Lifecycle::Provisioning, Lifecycle::Active, None, now)
                        .await?;
                    sites::site_observe(&tx, plan.site, Health::Healthy, now).await?;
                    history::site_event(&tx, plan.site, now, "created", "The site is ready").await?;
                    tasks::task_insert(&tx, task, Some(key)).await.map(drop)
                })
            })
            .await
            .map_err(db_failed)?;
        cx.core.bus.wake(Wakeup::Tasks);
        Ok(Done::plain())
    }

    /// Never called after success; before it nothing was committed.
    async fn undo(&self, _: &StepContext, _: &P, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}
