//! Deleting: no saga, for it can't be undone step by step. The site is marked, goes off the air,
//! keeps its data through the grace period, and is then purged by a reconciler that only works
//! forward.

use crate::Sites;
use stoa_core::site_access::readable_site;
use stoa_core::site_access::writable_site;
use stoa_db::{history, meta, sites};
use stoa_model::{id::SiteId, site::SiteState};

use crate::view::SiteView;
use stoa_core::{Error, RequestContext, Result, site_access::ensure_idle};

impl Sites {
    /// Marks a site for deletion; a site that never came to be goes at once.
    ///
    /// # Errors
    /// Not found, or a job is at work on it.
    pub async fn delete(&self, cx: &RequestContext, id: SiteId) -> Result<SiteView> {
        let site = writable_site(&self.core.db, cx, id).await?;
        site.state.to(SiteState::Deleting)?;
        let grace =
            if site.state == SiteState::Failed { std::time::Duration::ZERO } else { self.core.settings.delete_grace };
        let purge_at = cx.now + grace;
        let event = &cx.audit("site.delete", id, serde_json::json!({ "purge_at": purge_at }));
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    ensure_idle(&tx, id).await?;
                    sites::site_move(&tx, id, site.state, SiteState::Deleting, None, cx.now).await?;
                    sites::site_publish(&tx, id, None).await?;
                    sites::site_mark_deleted(&tx, id, cx.now, purge_at).await?;
                    history::site_event(&tx, id, cx.now, "deleted", "The site was marked for deletion").await?;
                    history::audit(&tx, event).await?;
                    Ok::<_, Error>(meta::routes_version_bump(&tx).await?)
                })
            })
            .await?;
        self.domains.publish_routes(version, id).await;
        self.core.wakeups.mark_dirty(id);
        self.core.wakeups.purge.notify_one();
        self.get(cx, id).await
    }

    /// Takes a deletion back: the site is stopped then, with all its data.
    ///
    /// # Errors
    /// Not found, or not marked for deletion, or its purge has begun.
    pub async fn undelete(&self, cx: &RequestContext, id: SiteId) -> Result<SiteView> {
        let site = writable_site(&self.core.db, cx, id).await?;
        let late = || Error::Conflict("This deletion can't be taken back any more.".into());
        if site.state != SiteState::Deleting {
            return Err(late());
        }
        let event = &cx.audit("site.undelete", id, serde_json::json!({}));
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    // Looked at here, for its purge may have been ordered a moment ago.
                    let marked = sites::site_get(&*tx, id).await?;
                    if marked.is_none_or(|site| site.purge_at.is_none_or(|at| at <= cx.now)) {
                        return Err(late());
                    }
                    sites::site_move(&tx, id, SiteState::Deleting, SiteState::Stopped, None, cx.now).await?;
                    sites::site_unmark_deleted(&tx, id).await?;
                    history::site_event(&tx, id, cx.now, "undeleted", "The deletion was taken back").await?;
                    history::audit(&tx, event).await?;
                    Ok(meta::routes_version_bump(&tx).await?)
                })
            })
            .await?;
        self.domains.publish_routes(version, id).await;
        self.get(cx, id).await
    }

    /// Ends the grace period of a site that is marked for deletion; for staff.
    ///
    /// # Errors
    /// Without the role admin; not marked for deletion.
    pub async fn purge_now(&self, cx: &RequestContext, id: SiteId) -> Result<()> {
        cx.require(stoa_model::account::Role::Admin)?;
        readable_site(&self.core.db, cx, id).await?;
        let event = &cx.audit("site.purge", id, serde_json::json!({}));
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    // Looked at here, for the deletion may have been taken back a moment ago.
                    let marked = sites::site_get(&*tx, id).await?.filter(|site| site.state == SiteState::Deleting);
                    let Some(site) = marked else {
                        let advice = "Only a site that is marked for deletion can be purged. Delete it first.";
                        return Err(Error::Conflict(advice.into()));
                    };
                    sites::site_mark_deleted(&tx, id, site.deleted_at.unwrap_or(cx.now), cx.now).await?;
                    history::audit(&tx, event).await?;
                    Ok(meta::routes_version_bump(&tx).await?)
                })
            })
            .await?;
        // Its routes are gone already; the version is for the process that purges.
        self.domains.mark_own_version(version);
        self.core.wakeups.purge.notify_one();
        Ok(())
    }
}
