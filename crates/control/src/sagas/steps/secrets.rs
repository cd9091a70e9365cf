//! The site's secrets, sealed, where later jobs find them.

use async_trait::async_trait;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{db_failed, db_undo_failed};
use crate::{Control, sagas::SitePlan};

/// No generated secret may be shorter.
const LEAST: usize = 20;

pub struct KeepSecrets;

#[async_trait]
impl Step<SitePlan, Control> for KeepSecrets {
    fn name(&self) -> &'static str {
        "secrets"
    }

    fn title(&self) -> &'static str {
        "Keep the site's secrets, sealed"
    }

    async fn act(&self, cx: &Control, plan: &SitePlan, _: &StepRun) -> Result<Done, StepError> {
        let values = plan.values(&cx.key).or_fail("The site's secrets could not be opened.")?;
        let short = plan.secrets.keys().find(|name| values.get(*name).is_none_or(|value| value.len() < LEAST));
        if let Some(name) = short {
            return Err(StepError::fail(
                "The site's secrets could not be made.",
                format!("{name} is shorter than {LEAST}"),
            ));
        }
        let rows: Vec<_> = plan.secrets.iter().map(|(name, sealed)| (name.clone(), sealed.clone())).collect();
        cx.db
            .write(|tx| {
                let rows = rows.clone();
                Box::pin(async move { stoa_db::secrets::secrets_put(&tx, plan.site, plan.job, &rows).await })
            })
            .await
            .map_err(db_failed)?;
        Ok(Done::with_detail(format!("{} secrets", plan.secrets.len())))
    }

    async fn undo(&self, cx: &Control, plan: &SitePlan, _: &StepRun) -> Result<(), UndoError> {
        cx.db
            .write(|tx| Box::pin(async move { stoa_db::secrets::secrets_delete(&tx, plan.site, plan.job).await }))
            .await
            .map(drop)
            .map_err(|error| db_undo_failed("deleting the site's secrets", error))
    }
}
