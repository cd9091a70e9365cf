//! The site's secrets, sealed, where later jobs find them.

use async_trait::async_trait;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{db_failed, db_undo_failed};
use crate::sagas::{OnSite, StepContext};

/// No secret may be shorter: the administrator's password, which a customer may choose. Generated ones are as long as the
/// blueprint says.
const LEAST: usize = 8;

pub struct StoreSecrets;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for StoreSecrets {
    fn name(&self) -> &'static str {
        "secrets"
    }

    fn title(&self) -> &'static str {
        "Encrypt secrets"
    }

    async fn act(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        let values = plan.values(&cx.core.key).or_fail("The site's secrets could not be opened.")?;
        let short = plan.secrets.keys().find(|name| values.get(*name).is_none_or(|value| value.len() < LEAST));
        if let Some(name) = short {
            return Err(StepError::fail(
                "The site's passwords could not be created.",
                format!("{name} is shorter than {LEAST}"),
            ));
        }
        let rows: Vec<_> = plan.secrets.iter().map(|(name, sealed)| (name.clone(), sealed.clone())).collect();
        cx.core
            .db
            .write(|tx| {
                let rows = rows.clone();
                Box::pin(async move { stoa_db::secrets::secrets_put(&tx, plan.site, plan.job, &rows).await })
            })
            .await
            .map_err(db_failed)?;
        Ok(Done::with_detail(format!("{} secrets", plan.secrets.len())))
    }

    async fn undo(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<(), UndoError> {
        let plan = plan.site();
        cx.core
            .db
            .write(|tx| Box::pin(async move { stoa_db::secrets::secrets_delete(&tx, plan.site, plan.job).await }))
            .await
            .map(drop)
            .map_err(|error| db_undo_failed("deleting the site's secrets", error))
    }
}
