//! A site moves to another plan: its limits are written down at once, and its containers follow by an update.

use stoa_core::{Error, RequestContext, Result, Wakeup};
use stoa_db::{
    history,
    route_changes::RouteChange,
    sites::{self, storage},
};
use stoa_model::{
    id::SiteId,
    limits::{Bytes, Limits},
    site::Lifecycle,
    storage::StorageLevel,
};

use crate::{Sites, terms::NewTerms};

impl Sites {
    /// What a site may use from now on. Its containers are replaced by the reconciler of environments, as soon as no job
    /// works on the site; storage and the limits at the edge are in force at once.
    ///
    /// # Errors
    /// Not found; if the database does not answer.
    pub async fn change_terms(&self, cx: &RequestContext, id: SiteId, terms: &NewTerms<'_>) -> Result<()> {
        let site = sites::site_get(&self.core.db, id).await?.ok_or(Error::NotFound("site"))?;
        if matches!(site.lifecycle, Lifecycle::Deleted | Lifecycle::Failed) {
            return Ok(());
        }
        let pinned = self.pinned(&site).await?;
        let limits = &Limits { memory: terms.memory, cpu: terms.cpu, ..site.limits };
        let known = pinned.blueprint.profiles();
        let profiles: Vec<_> =
            terms.profiles.iter().filter(|profile| known.contains(**profile)).map(|&name| name.to_owned()).collect();
        let profiles = &profiles;
        let detail = serde_json::json!({ "memory": terms.memory, "cpu": terms.cpu, "disk": terms.disk,
            "profiles": profiles });
        let event = &cx.audit("site.terms", id, detail);
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    sites::site_limits(&tx, id, limits, profiles).await?;
                    sites::site_edge(&tx, id, &terms.edge).await?;
                    let mut known = storage::storage_get(&*tx, id).await?;
                    known.disk = Some(terms.disk.0);
                    known.level = StorageLevel::of(known.bytes, terms.disk.0);
                    storage::storage_put(&tx, id, &known).await?;
                    history::site_event(&tx, id, cx.now, "limits", "It got the limits of another plan").await?;
                    history::audit(&tx, event).await?;
                    self.domains.route_changed(&tx, RouteChange::Site(id)).await
                })
            })
            .await?;
        self.domains.publish_routes(version, id).await;
        self.core.bus.wake(Wakeup::Environments);
        Ok(())
    }

    /// Whether the machine has room for a site that grows by this much memory.
    ///
    /// # Errors
    /// If there is none, or the engine does not answer.
    pub async fn ensure_room_to_grow(&self, id: SiteId, memory: Bytes) -> Result<()> {
        let site = sites::site_get(&self.core.db, id).await?.ok_or(Error::NotFound("site"))?;
        let more = memory.0.saturating_sub(site.limits.memory.0);
        if more == 0 { Ok(()) } else { self.ensure_memory_for(more).await }
    }
}
