//! How sessions end other than by logging out, each with an entry in the audit trail.

use jiff::Timestamp;
use serde_json::json;
use stoa_core::{RequestContext, Result};
use stoa_db::{DbError, Tx, history, sessions};
use stoa_model::{account::Actor, id::SessionId};

use crate::{Accounts, sessions::IDLE_TIMEOUT};

/// Sessions that one entry names.
const MAX_NAMED: usize = 20;
/// Sessions that are deleted in one transaction.
const BATCH: u64 = 200;

/// Ends all sessions of an account but `keep`, because of `reason`.
pub(crate) async fn end_sessions(
    tx: &Tx,
    cx: &RequestContext,
    actor: Actor,
    keep: Option<SessionId>,
    reason: &str,
) -> std::result::Result<u64, DbError> {
    let mut ids = sessions::session_ids(tx, actor, keep).await?;
    ids.truncate(MAX_NAMED);
    let ended = sessions::sessions_delete_others(tx, actor, keep).await?;
    if ended > 0 {
        let detail = json!({ "reason": reason, "ended": ended, "sessions": ids });
        history::audit(tx, &cx.audit("session.end_all", account(actor), detail)).await?;
    }
    Ok(ended)
}

/// An account's id, without a role.
fn account(actor: Actor) -> String {
    match actor {
        Actor::Staff(id, _) => id.to_string(),
        other => other.to_string(),
    }
}

impl Accounts {
    /// Deletes the sessions that were not used for too long, or are too old.
    pub(crate) async fn expire_sessions(&self, now: Timestamp) -> Result<()> {
        let cx = &self.core.system_context("retention");
        loop {
            let expire = self.core.db.write(|tx| {
                Box::pin(async move {
                    let expired = sessions::sessions_expire(&tx, now - IDLE_TIMEOUT, now, BATCH).await?;
                    for session in &expired {
                        let target = session.id.map_or_else(|| session.account.clone(), |id| id.to_string());
                        let reason = if session.is_idle { "idle" } else { "lifetime" };
                        let detail = json!({ "account": session.account, "reason": reason });
                        history::audit(&tx, &cx.audit("session.expire", target, detail)).await?;
                    }
                    Ok::<_, DbError>(expired.len() as u64)
                })
            });
            if expire.await? < BATCH {
                return Ok(());
            }
        }
    }
}
