//! The audit trail: who did what to what.

use stoa_db::{Page, history};
use stoa_model::account::Role;

use crate::{Core, RequestContext, Result, view::AuditView};

impl Core {
    /// The latest events of the audit trail, newest first; at most 1000.
    ///
    /// # Errors
    /// [`Error::Forbidden`](crate::Error::Forbidden) below the role admin.
    pub async fn list_audit_events(&self, cx: &RequestContext, limit: u32) -> Result<Vec<AuditView>> {
        cx.require(Role::Admin)?;
        let events = history::audit_list(&self.db, Page::first(u64::from(limit.clamp(1, 1000)))).await?;
        let view = |(seq, event): (i64, history::AuditEvent)| AuditView {
            seq,
            at: event.at,
            actor: event.actor.to_string(),
            action: event.action,
            target: event.target,
            outcome: event.outcome,
            request_id: event.request_id,
            detail: event.detail,
        };
        Ok(events.into_iter().map(view).collect())
    }
}
