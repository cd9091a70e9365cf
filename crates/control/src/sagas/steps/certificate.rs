//! The certificate of a new site. One that can't be had yet is no failure: the site is served over
//! plain HTTP, and the reconciler goes on trying.

use std::time::Duration;

use async_trait::async_trait;
use stoa_db::sites;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{
    db_failed,
    tell::{tell, untold},
};
use crate::{Control, certificates::First, sagas::SitePlan};

const PUBLIC: &str = "The store could not be switched to HTTPS.";

pub struct Certificate;

#[async_trait]
impl Step<SitePlan, Control> for Certificate {
    fn name(&self) -> &'static str {
        "certificate"
    }

    fn title(&self) -> &'static str {
        "Certificate"
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(5 * 60)
    }

    async fn act(&self, cx: &Control, plan: &SitePlan, run: &StepRun) -> Result<Done, StepError> {
        match run.unless_cancelled(cx.certificate_first(&plan.hostname)).await?.or_retry(PUBLIC)? {
            First::Covered => {}
            First::Not(why) => return Ok(Done::with_detail(format!("Served over plain HTTP for now: {why}"))),
        }
        let site = sites::site_get(&cx.db, plan.site).await.map_err(db_failed)?;
        let url = cx.settings.site_url(&plan.hostname, true);
        if site.is_some_and(|site| site.url.as_ref() != Some(&url)) {
            tell(cx, plan, &url).await.map_err(untold)?;
            let told = url.as_str();
            cx.db
                .write(|tx| Box::pin(async move { sites::site_told(&tx, plan.site, told).await }))
                .await
                .map_err(db_failed)?;
        }
        cx.routes_refresh(plan.site).await.or_retry(PUBLIC)?;
        Ok(Done::with_detail(format!("Served at {url}")))
    }

    /// A certificate is for a name, not for an attempt at a site: it stays for the next one.
    async fn undo(&self, _: &Control, _: &SitePlan, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}
