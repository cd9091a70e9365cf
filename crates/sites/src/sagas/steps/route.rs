//! The site's route at the edge. The row is the truth; the edge follows it at once. A route opens when the application
//! has passed its health check: until then visitors see the platform's page instead of its first errors.

use std::net::SocketAddr;

use async_trait::async_trait;
use stoa_provider::engine::EngineError;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use super::{engine_failed, engine_undo_failed, verify::until_ready};
use crate::sagas::{OnSite, SitePlan, StepContext};
use stoa_core::{Error, Wakeup};

const PUBLIC: &str = "The store's address could not be connected.";

/// Writes the route and waits until the edge has it.
pub(crate) async fn publish(cx: &StepContext, plan: &SitePlan, upstream: Option<SocketAddr>) -> Result<(), Error> {
    cx.core
        .db
        .write(|tx| Box::pin(async move { stoa_db::sites::site_publish(&tx, plan.site, upstream).await }))
        .await
        .map_err(Error::from)?;
    cx.domains.refresh_routes(plan.site).await
}

/// Opens the route once the application answers its health check.
pub(super) async fn open(cx: &StepContext, plan: &SitePlan, run: &StepRun) -> Result<Done, StepError> {
    until_ready(cx, plan, run).await?;
    let upstream = cx.upstream(plan).await.map_err(|error| engine_failed(PUBLIC, error))?;
    publish(cx, plan, Some(upstream)).await.or_retry(PUBLIC)?;
    Ok(Done::with_detail(plan.hostname.to_string()))
}

/// Opens the route again; for an undo. An application that does not come back is shown as it is, for it may have been so
/// before. Where nothing could answer, visitors keep the page that says so, and whoever starts the containers again
/// publishes it.
pub(super) async fn reopen(cx: &StepContext, plan: &SitePlan, run: &StepRun) -> Result<(), UndoError> {
    let doing = "publishing the route again";
    let upstream = match cx.upstream(plan).await {
        Ok(upstream) => upstream,
        Err(EngineError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(engine_undo_failed(doing, error)),
    };
    if until_ready(cx, plan, run).await.is_err() {
        run.note("The store runs again, but does not answer yet").await;
    }
    publish(cx, plan, Some(upstream)).await.or_undo_retry(doing)
}

/// Makes the site's DNS record. A name server that is away must not keep a store from being made:
/// the reconciler goes on trying.
async fn announce(cx: &StepContext, plan: &SitePlan, run: &StepRun) {
    if let Err(error) = cx.domains.publish_dns_records(plan.site, &plan.hostname).await {
        run.note(&format!("The DNS record was not made yet: {}", error.for_operator())).await;
        cx.core.bus.wake(Wakeup::DnsRecords);
    }
}

/// Leads the site's name to its containers.
pub struct PublishRoute {
    /// Whether the site's DNS record is made with it, and goes with its undo.
    announces: bool,
}

impl PublishRoute {
    /// For a site that is being made.
    pub const fn new_site() -> Self {
        Self { announces: true }
    }

    /// For a site whose name the world knows.
    pub const fn known_site() -> Self {
        Self { announces: false }
    }
}

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for PublishRoute {
    fn name(&self) -> &'static str {
        "route"
    }

    fn title(&self) -> &'static str {
        "Connect the address"
    }

    async fn act(&self, cx: &StepContext, plan: &P, run: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        let done = open(cx, plan, run).await?;
        if self.announces {
            announce(cx, plan, run).await;
        }
        Ok(done)
    }

    async fn undo(&self, cx: &StepContext, plan: &P, run: &StepRun) -> Result<(), UndoError> {
        let plan = plan.site();
        publish(cx, plan, None).await.or_undo_retry("closing the route")?;
        // A name server that is away must not keep the rest from being undone: its reconciler goes on.
        if self.announces
            && let Err(error) = cx.domains.withdraw_dns_records(plan.site).await
        {
            run.note(&format!("The DNS record was not removed yet: {}", error.for_operator())).await;
        }
        Ok(())
    }
}

/// Shows visitors a page instead of the site, before its containers stop.
pub struct WithdrawRoute;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for WithdrawRoute {
    fn name(&self) -> &'static str {
        "close_route"
    }

    fn title(&self) -> &'static str {
        "Take the store offline"
    }

    async fn act(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        publish(cx, plan, None).await.or_retry(PUBLIC)?;
        Ok(Done::plain())
    }

    async fn undo(&self, cx: &StepContext, plan: &P, run: &StepRun) -> Result<(), UndoError> {
        reopen(cx, plan.site(), run).await
    }
}

/// Leads the name to the containers again. Its undo is [`WithdrawRoute`]'s, which runs after it.
pub struct RepublishRoute;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for RepublishRoute {
    fn name(&self) -> &'static str {
        "route"
    }

    fn title(&self) -> &'static str {
        "Connect the address again"
    }

    async fn act(&self, cx: &StepContext, plan: &P, run: &StepRun) -> Result<Done, StepError> {
        open(cx, plan.site(), run).await
    }

    async fn undo(&self, _: &StepContext, _: &P, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}
