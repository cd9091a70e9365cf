//! Suspending a site and resuming it: for staff, and later for billing and quotas. A site may be
//! suspended for several reasons, and runs again when the last one has ended.

use stoa_core::{Error, RequestContext, Result, Wakeup, permissions::readable_site};
use stoa_db::{history, route_changes::RouteChange, sites};
use stoa_model::{
    account::Role,
    field::Invalid,
    id::SiteId,
    site::{Lifecycle, Power, Suspension, SuspensionReason},
};

use crate::{Sites, command::Suspend, view::SiteView};

/// The longest note about a suspension, in characters.
const MAX_NOTE_CHARS: usize = 500;

impl Sites {
    /// Suspends a site: visitors see a page that says so at once, and its containers are stopped. A
    /// reason that it is suspended for already gets the new note. A job that works on the site goes on;
    /// what it starts is stopped when it has ended.
    ///
    /// # Errors
    /// Without the role admin; not found; not created yet; a note that is too long.
    pub async fn suspend(&self, cx: &RequestContext, id: SiteId, command: Suspend) -> Result<SiteView> {
        cx.require(Role::Admin)?;
        readable_site(&self.core.db, cx, id).await?;
        let note = command.note.trim();
        if note.chars().count() > MAX_NOTE_CHARS {
            return Err(Invalid::new("note", format!("Use at most {MAX_NOTE_CHARS} characters.")).into());
        }
        let suspension = &Suspension {
            reason: command.reason,
            actor: cx.actor.to_string(),
            at: cx.now,
            note: (!note.is_empty()).then(|| note.to_owned()),
        };
        let event = &cx.audit("site.suspend", id, serde_json::json!({ "reason": command.reason, "note": note }));
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let site = sites::site_lock(&tx, id).await?.ok_or(Error::NotFound("site"))?;
                    if !matches!(site.lifecycle, Lifecycle::Active | Lifecycle::Updating | Lifecycle::Deleting) {
                        let text = format!("The site is {}; it can be suspended once it was created.", site.state());
                        return Err(Error::Conflict(text));
                    }
                    let others = site.suspensions.into_iter().filter(|known| known.reason != suspension.reason);
                    let all: Vec<_> = others.chain([suspension.clone()]).collect();
                    sites::suspensions_set(&tx, id, &all).await?;
                    sites::site_publish(&tx, id, None).await?;
                    let text = format!("The site was suspended: {}", suspension.reason.title());
                    history::site_event(&tx, id, cx.now, "suspended", &text).await?;
                    history::audit(&tx, event).await?;
                    Ok(self.domains.route_changed(&tx, RouteChange::Site(id)).await?)
                })
            })
            .await?;
        self.domains.publish_routes(version, id).await;
        self.core.bus.mark_dirty(id);
        self.get(cx, id).await
    }

    /// Ends one reason for suspension, or all. After the last one the site runs again if it ran.
    ///
    /// # Errors
    /// Without the role admin; not found; not suspended for that reason; a job works on it.
    pub async fn resume(&self, cx: &RequestContext, id: SiteId, reason: Option<SuspensionReason>) -> Result<SiteView> {
        cx.require(Role::Admin)?;
        let site = readable_site(&self.core.db, cx, id).await?;
        let (start, event) =
            (&self.power_plan(cx, &site).await?, &cx.audit("site.resume", id, serde_json::json!({ "reason": reason })));
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let site = sites::site_lock(&tx, id).await?.ok_or(Error::NotFound("site"))?;
                    let ends = |known: &Suspension| reason.is_none_or(|reason| known.reason == reason);
                    let left: Vec<_> = site.suspensions.iter().filter(|known| !ends(known)).cloned().collect();
                    if left.len() == site.suspensions.len() {
                        let why = reason.map_or_else(String::new, |reason| format!(" for {}", reason.title()));
                        return Err(Error::Conflict(format!("The site is not suspended{why}.")));
                    }
                    sites::suspensions_set(&tx, id, &left).await?;
                    // A job that ended after the suspension may have published a route to what is stopped now.
                    sites::site_publish(&tx, id, None).await?;
                    history::site_event(&tx, id, cx.now, "resumed", "A suspension of the site was ended").await?;
                    history::audit(&tx, event).await?;
                    if left.is_empty() && site.lifecycle == Lifecycle::Active && site.power == Power::On {
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
}
