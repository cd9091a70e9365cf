//! When the site is to be backed up: the row that the backup worker goes by.

use async_trait::async_trait;
use jiff::SignedDuration;
use stoa_saga::{Done, Step, StepError, StepRun, UndoError};

use super::{db_failed, db_undo_failed};
use crate::sagas::{OnSite, StepContext};

/// Seconds between two backups of a site (PRODUCT.md H2).
const EVERY_S: u64 = 6 * 3600;
/// Days that a snapshot is kept (PRODUCT.md H2).
const KEEP_DAYS: u32 = 14;

pub struct ScheduleBackups;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for ScheduleBackups {
    fn name(&self) -> &'static str {
        "backups"
    }

    fn title(&self) -> &'static str {
        "Prepare for backups"
    }

    async fn act(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        let next = cx.core.clock.now() + SignedDuration::from_secs(EVERY_S as i64);
        cx.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    stoa_db::backups::backup_schedule_put(&tx, plan.site, plan.job, EVERY_S, KEEP_DAYS, next).await
                })
            })
            .await
            .map_err(db_failed)?;
        Ok(Done::with_detail("Backups aren't available yet"))
    }

    async fn undo(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<(), UndoError> {
        let plan = plan.site();
        cx.core
            .db
            .write(|tx| {
                Box::pin(async move { stoa_db::backups::backup_schedule_delete(&tx, plan.site, plan.job).await })
            })
            .await
            .map(drop)
            .map_err(|error| db_undo_failed("deleting the backup schedule", error))
    }
}
