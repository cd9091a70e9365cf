//! The site's route at the edge. The row is the truth; the edge follows it at once.

use std::net::SocketAddr;

use async_trait::async_trait;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use crate::{Control, Error, sagas::SitePlan};

const PUBLIC: &str = "The store's address could not be connected.";

/// Writes the route and waits until the edge has it.
async fn publish(cx: &Control, plan: &SitePlan, upstream: Option<SocketAddr>) -> Result<(), Error> {
    cx.db
        .write(|tx| Box::pin(async move { stoa_db::sites::site_publish(&tx, plan.site, upstream).await }))
        .await
        .map_err(Error::from)?;
    cx.routes_refresh(plan.site).await
}

async fn open(cx: &Control, plan: &SitePlan) -> Result<Done, StepError> {
    let upstream = plan.upstream().or_fail(PUBLIC)?;
    publish(cx, plan, Some(upstream)).await.or_retry(PUBLIC)?;
    Ok(Done::with_detail(plan.hostname.to_string()))
}

/// Makes the site's DNS record. A name server that is away must not keep a store from being made:
/// the reconciler goes on trying.
async fn announce(cx: &Control, plan: &SitePlan, run: &StepRun) {
    if let Err(error) = cx.name_publish(plan.site, &plan.hostname).await {
        run.note(&format!("The DNS record was not made yet: {}", error.for_operator())).await;
        cx.nudges.names.notify_one();
    }
}

/// Leads the site's name to its containers.
pub struct OpenRoute {
    /// Whether the site's DNS record is made with it, and goes with its undo.
    announces: bool,
}

impl OpenRoute {
    /// For a site that is being made.
    pub const fn new_site() -> Self {
        Self { announces: true }
    }

    /// For a site whose name the world knows.
    pub const fn again() -> Self {
        Self { announces: false }
    }
}

#[async_trait]
impl Step<SitePlan, Control> for OpenRoute {
    fn name(&self) -> &'static str {
        "route"
    }

    fn title(&self) -> &'static str {
        "Connect the address"
    }

    async fn act(&self, cx: &Control, plan: &SitePlan, run: &StepRun) -> Result<Done, StepError> {
        let done = open(cx, plan).await?;
        if self.announces {
            announce(cx, plan, run).await;
        }
        Ok(done)
    }

    async fn undo(&self, cx: &Control, plan: &SitePlan, run: &StepRun) -> Result<(), UndoError> {
        publish(cx, plan, None).await.or_undo_retry("closing the route")?;
        // A name server that is away must not keep the rest from being undone: its reconciler goes on.
        if self.announces
            && let Err(error) = cx.name_withdraw(plan.site).await
        {
            run.note(&format!("The DNS record was not removed yet: {}", error.for_operator())).await;
        }
        Ok(())
    }
}

/// Shows visitors a page instead of the site, before its containers stop.
pub struct CloseRoute;

#[async_trait]
impl Step<SitePlan, Control> for CloseRoute {
    fn name(&self) -> &'static str {
        "close_route"
    }

    fn title(&self) -> &'static str {
        "Take the address off the air"
    }

    async fn act(&self, cx: &Control, plan: &SitePlan, _: &StepRun) -> Result<Done, StepError> {
        publish(cx, plan, None).await.or_retry(PUBLIC)?;
        Ok(Done::plain())
    }

    async fn undo(&self, cx: &Control, plan: &SitePlan, _: &StepRun) -> Result<(), UndoError> {
        let upstream = plan.upstream().or_undo_fail("reopening the route")?;
        publish(cx, plan, Some(upstream)).await.or_undo_retry("reopening the route")
    }
}

/// Leads the name to the containers again. Its undo is [`CloseRoute`]'s, which runs after it.
pub struct ReopenRoute;

#[async_trait]
impl Step<SitePlan, Control> for ReopenRoute {
    fn name(&self) -> &'static str {
        "route"
    }

    fn title(&self) -> &'static str {
        "Connect the address again"
    }

    async fn act(&self, cx: &Control, plan: &SitePlan, _: &StepRun) -> Result<Done, StepError> {
        open(cx, plan).await
    }

    async fn undo(&self, _: &Control, _: &SitePlan, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}
