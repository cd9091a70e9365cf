//! The logins that the customer may reveal, sealed.

use async_trait::async_trait;
use stoa_db::secrets::Credential;
use stoa_model::secret::SecretString;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{db_failed, db_undo_failed};
use crate::sagas::{
    OnSite, SitePlan, StepContext,
    plan::{BadPlan, credential_context},
};

pub struct StoreCredentials;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for StoreCredentials {
    fn name(&self) -> &'static str {
        "credentials"
    }

    fn title(&self) -> &'static str {
        "Encrypt logins"
    }

    async fn act(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        let rows = rows(cx, plan).or_fail("The store's logins could not be kept.")?;
        cx.core
            .db
            .write(|tx| {
                let rows = rows.clone();
                Box::pin(async move { stoa_db::secrets::credentials_put(&tx, plan.site, plan.job, &rows).await })
            })
            .await
            .map_err(db_failed)?;
        Ok(Done::plain())
    }

    async fn undo(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<(), UndoError> {
        let plan = plan.site();
        cx.core
            .db
            .write(|tx| Box::pin(async move { stoa_db::secrets::credentials_delete(&tx, plan.site, plan.job).await }))
            .await
            .map(drop)
            .map_err(|error| db_undo_failed("deleting the logins", error))
    }
}

/// One row per login of the blueprint, each password sealed for its row.
fn rows(cx: &StepContext, plan: &SitePlan) -> Result<Vec<Credential>, BadPlan> {
    let blueprint = plan.blueprint()?;
    let values = plan.values(&cx.core.key)?;
    let base = &plan.url;
    let rows = blueprint.credentials.iter().zip(0..).filter_map(|(login, ordinal)| {
        let password = SecretString::from(values.get(&login.password)?.clone());
        Some(Credential {
            ordinal,
            label: login.label.clone(),
            url: format!("{base}{}", login.url),
            username: values.get(&login.user)?.clone(),
            sealed: cx.core.key.seal(&credential_context(plan.site, ordinal), &password),
        })
    });
    Ok(rows.collect())
}
