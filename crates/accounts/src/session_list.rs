//! A person's own sessions: which browsers are logged in, and ending them.

use serde_json::json;
use stoa_db::{Tx, accounts, history, sessions};
use stoa_model::{account::Actor, id::SessionId};

use crate::{
    Accounts, device,
    login_account::{login_actor, own_account},
    session_end::end_sessions,
    sessions::is_active,
    view::SessionLine,
};
use stoa_core::{Error, RequestContext, Result};

impl Accounts {
    /// The sessions of the account that is logged in, the last used first.
    ///
    /// # Errors
    /// If nobody is logged in.
    pub async fn list_sessions(&self, cx: &RequestContext) -> Result<Vec<SessionLine>> {
        let actor = own_account(cx)?;
        let epoch = accounts::auth_epoch(&self.core.db, actor).await?;
        let found = sessions::session_list(&self.core.db, actor).await?;
        let line = |session: sessions::Session| SessionLine {
            id: session.browser.as_ref().map(|browser| browser.id),
            device: device::describe(session.browser.as_ref().and_then(|browser| browser.agent.as_deref())),
            address: session.browser.as_ref().and_then(|browser| browser.address.clone()),
            since: session.created_at,
            seen_at: session.seen_at,
            is_current: session.browser.as_ref().map(|browser| browser.id) == cx.session_id(),
        };
        Ok(found.into_iter().filter(|session| is_active(session, epoch, cx.now)).map(line).collect())
    }

    /// Ends one of the account's sessions.
    ///
    /// # Errors
    /// If the account has no such session.
    pub async fn end_session(&self, cx: &RequestContext, id: SessionId) -> Result<()> {
        let actor = own_account(cx)?;
        let event = &cx.audit("session.end", id, json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    if !sessions::session_end(&tx, actor, id).await? {
                        return Err(Error::NotFound("session"));
                    }
                    Ok(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }

    /// Ends all of the account's sessions but this one. Returns how many.
    ///
    /// # Errors
    /// If nobody is logged in.
    pub async fn end_other_sessions(&self, cx: &RequestContext) -> Result<u64> {
        let actor = own_account(cx)?;
        let keep = cx.session_id();
        let ended = self
            .core
            .db
            .write(|tx| {
                Box::pin(
                    async move { Ok::<_, Error>(end_sessions(&tx, cx, actor, keep, "ended by the account").await?) },
                )
            })
            .await?;
        self.forget_recent();
        Ok(ended)
    }
}

/// Ends all sessions of an account whose epoch was raised, but the one of this command if it is the account's own.
pub(crate) async fn keep_only_this_session(tx: &Tx, cx: &RequestContext, actor: Actor, reason: &str) -> Result<()> {
    let own = cx.session_id().filter(|_| login_actor(cx) == actor);
    end_sessions(tx, cx, actor, own, reason).await?;
    if let Some(id) = own {
        let epoch = accounts::auth_epoch(tx, actor).await?;
        sessions::session_set_epoch(tx, id, epoch).await?;
    }
    Ok(())
}
