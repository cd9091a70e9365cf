//! The certificate of a new site. One that can't be had yet is no failure: the site is served over
//! plain HTTP, and the reconciler goes on trying.

use std::time::Duration;

use async_trait::async_trait;
use stoa_db::sites;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{
    application_url::{update_url, url_update_failed},
    db_failed,
};
use crate::sagas::plan::Address;
use crate::sagas::{OnSite, StepContext};
use stoa_domains::InitialIssuance;

const PUBLIC: &str = "The store could not be switched to HTTPS.";

pub struct IssueCertificate;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for IssueCertificate {
    fn name(&self) -> &'static str {
        "certificate"
    }

    fn title(&self) -> &'static str {
        "Request a certificate"
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(5 * 60)
    }

    async fn act(&self, cx: &StepContext, plan: &P, run: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        let issued = run.waiting(run.unless_cancelled(cx.domains.issue_initial(&plan.hostname))).await?;
        match issued.or_retry(PUBLIC)? {
            InitialIssuance::Covered => {}
            InitialIssuance::Not(why) => {
                return Ok(Done::with_detail(format!("Served over plain HTTP for now: {why}")));
            }
        }
        let site = sites::site_get(&cx.core.db, plan.site).await.map_err(db_failed)?;
        let url = cx.core.settings.site_url(&plan.hostname, true);
        if site.is_some_and(|site| site.url.as_ref() != Some(&url)) {
            update_url(cx, plan, &Address { hostname: plan.hostname.clone(), url: url.clone() })
                .await
                .map_err(url_update_failed)?;
            let told = url.as_str();
            cx.core
                .db
                .write(|tx| Box::pin(async move { sites::site_told(&tx, plan.site, told).await }))
                .await
                .map_err(db_failed)?;
        }
        cx.domains.refresh_routes(plan.site).await.or_retry(PUBLIC)?;
        Ok(Done::with_detail(format!("Served at {url}")))
    }

    /// A certificate is for a name, not for an attempt at a site: it stays for the next one.
    async fn undo(&self, _: &StepContext, _: &P, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}
