//! Deleting: no saga, because it can't be undone step by step. The site is marked, goes offline,
//! keeps its data through the grace period, and is then purged by a reconciler that only works
//! forward.

use stoa_core::{
    Error, RequestContext, Result, Wakeup,
    jobs::enqueue,
    permissions::{ensure_idle, managed_site, readable_site},
    random,
};
use stoa_db::{history, route_changes::RouteChange, sites};
use stoa_model::{
    id::{JobId, SiteId},
    job::JobKind,
    site::{Lifecycle, Power, Site},
};

use crate::{Sites, sagas::PowerPlan, view::SiteView};

impl Sites {
    /// Marks a site for deletion; one that was never created is purged at once. Its power and the
    /// reasons for its suspension stay as they are.
    ///
    /// # Errors
    /// Not found, or a job works on it.
    pub async fn delete(&self, cx: &RequestContext, id: SiteId) -> Result<SiteView> {
        let site = managed_site(&self.core.db, cx, id).await?;
        site.lifecycle.to(Lifecycle::Deleting)?;
        let was_created = site.lifecycle != Lifecycle::Failed;
        let grace = if was_created { self.core.settings.delete_grace } else { std::time::Duration::ZERO };
        let purge_at = cx.now + grace;
        let event = &cx.audit("site.delete", id, serde_json::json!({ "purge_at": purge_at }));
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    ensure_idle(&tx, id).await?;
                    sites::lifecycle_move(&tx, id, site.lifecycle, Lifecycle::Deleting, None, cx.now).await?;
                    sites::site_publish(&tx, id, None).await?;
                    sites::site_mark_deleted(&tx, id, cx.now, purge_at).await?;
                    history::site_event(&tx, id, cx.now, "deleted", "Scheduled for deletion").await?;
                    history::audit(&tx, event).await?;
                    Ok::<_, Error>(self.domains.route_changed(&tx, RouteChange::Site(id)).await?)
                })
            })
            .await?;
        // Read first: it may be purged at once.
        let view = self.get(cx, id).await;
        self.domains.publish_routes(version, id).await;
        self.core.bus.mark_dirty(id);
        self.core.bus.wake(Wakeup::Purge);
        view
    }

    /// Restores a site that is marked for deletion, with all its data: it runs again if it ran, and
    /// stays suspended if it was.
    ///
    /// # Errors
    /// Not found, not marked for deletion, or its purge has begun.
    pub async fn undelete(&self, cx: &RequestContext, id: SiteId) -> Result<SiteView> {
        let site = managed_site(&self.core.db, cx, id).await?;
        let late = || Error::Conflict("This deletion can't be undone any more.".into());
        if site.lifecycle != Lifecycle::Deleting {
            return Err(late());
        }
        let (start, event) =
            (&self.power_plan(cx, &site).await?, &cx.audit("site.undelete", id, serde_json::json!({})));
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    // Read here, because its purge may have begun meanwhile.
                    let marked = sites::site_lock(&tx, id).await?.ok_or_else(late)?;
                    if marked.purge_at.is_none_or(|at| at <= cx.now) {
                        return Err(late());
                    }
                    sites::lifecycle_move(&tx, id, Lifecycle::Deleting, Lifecycle::Active, None, cx.now).await?;
                    sites::site_unmark_deleted(&tx, id).await?;
                    history::site_event(&tx, id, cx.now, "undeleted", "Site restored").await?;
                    history::audit(&tx, event).await?;
                    if marked.suspensions.is_empty() && marked.power == Power::On {
                        self.enqueue_start(&tx, cx, start).await?;
                    }
                    Ok(self.domains.route_changed(&tx, RouteChange::Site(id)).await?)
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Jobs);
        self.domains.publish_routes(version, id).await;
        self.get(cx, id).await
    }

    /// The plan of a new job that starts, stops or restarts a site.
    pub(crate) async fn power_plan(&self, cx: &RequestContext, site: &Site) -> Result<PowerPlan> {
        let job = JobId::from_uuid(random::uuid_at(cx.now));
        Ok(PowerPlan(self.site_plan(site, job).await?))
    }

    /// Queues the job that brings a site back which should run. If it fails, the reconciler of what runs goes on trying, as
    /// for every site that should run.
    pub(crate) async fn enqueue_start(&self, tx: &stoa_db::Tx, cx: &RequestContext, plan: &PowerPlan) -> Result<()> {
        enqueue(tx, cx, JobKind::Start, plan.0.job, plan.0.site, plan).await
    }

    /// Ends the grace period of a site that is marked for deletion; for staff.
    ///
    /// # Errors
    /// Without the role admin; not marked for deletion.
    pub async fn purge_now(&self, cx: &RequestContext, id: SiteId) -> Result<()> {
        cx.require(stoa_model::account::Role::Admin)?;
        readable_site(&self.core.db, cx, id).await?;
        let event = &cx.audit("site.purge", id, serde_json::json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    // Looked at here, for the deletion may have been undone a moment ago.
                    let marked = sites::site_get(&*tx, id).await?.filter(|site| site.lifecycle == Lifecycle::Deleting);
                    let Some(site) = marked else {
                        let advice = "Only a site that is marked for deletion can be purged. Delete it first.";
                        return Err(Error::Conflict(advice.into()));
                    };
                    sites::site_mark_deleted(&tx, id, site.deleted_at.unwrap_or(cx.now), cx.now).await?;
                    history::audit(&tx, event).await?;
                    Ok(self.domains.route_changed(&tx, RouteChange::Site(id)).await?)
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Purge);
        Ok(())
    }
}
