//! Sensitive changes require that the password was asked for within the last minutes: a browser that somebody left
//! unlocked must not be enough to take an account over.

use jiff::SignedDuration;
use serde_json::json;
use stoa_db::{accounts, history, sessions};
use stoa_model::{account::Actor, field::Invalid, id::SessionId, secret::SecretString};

use crate::{Accounts, login_account::login_actor, password::Priority};
use stoa_core::{Credential, Error, RequestContext, Result, SessionCredential, rate_limits::Attempt};

/// How long after the password was asked for a sensitive change needs no other.
const RECENT: SignedDuration = SignedDuration::from_mins(15);

/// Requires a recent password.
///
/// # Errors
/// [`Error::Unauthenticated`] without one.
pub(crate) fn require_recent(cx: &RequestContext) -> Result<()> {
    cx.refuse_impersonator()?;
    if Accounts::is_recently_authenticated(cx) {
        Ok(())
    } else {
        Err(Error::Unauthenticated("Enter your password to continue."))
    }
}

/// The session that the command came with, and its id. The password of one without an id can't be asked for again.
fn session(cx: &RequestContext) -> Option<(SessionCredential, SessionId)> {
    let Credential::Session(session) = cx.credential else { return None };
    Some((session, session.id?))
}

impl Accounts {
    /// Whether the password was asked for recently enough for a sensitive change.
    pub fn is_recently_authenticated(cx: &RequestContext) -> bool {
        let is_recent =
            |(session, _): (SessionCredential, SessionId)| cx.now.duration_since(session.authenticated_at) <= RECENT;
        cx.actor == Actor::System || session(cx).is_some_and(is_recent)
    }

    /// Checks the password of whoever is logged in. The context that is returned permits sensitive changes.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the password is wrong; too many attempts.
    pub async fn confirm_password(&self, cx: &RequestContext, password: SecretString) -> Result<RequestContext> {
        let Some((session, id)) = session(cx) else {
            return Err(Error::Unauthenticated("Log out and log in again to make this change."));
        };
        self.verify_own_password(cx, password, "confirm_password").await?;
        let event = &cx.audit("session.confirm", id, json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    sessions::session_authenticated(&tx, id, cx.now).await?;
                    history::audit(&tx, event).await
                })
            })
            .await?;
        self.forget_recent();
        let credential = Credential::Session(SessionCredential { authenticated_at: cx.now, ..session });
        Ok(RequestContext { credential, ..cx.clone() })
    }

    /// Checks the password of whoever is logged in; `field` is where a form shows that it is wrong.
    pub(crate) async fn verify_own_password(
        &self,
        cx: &RequestContext,
        password: SecretString,
        field: &'static str,
    ) -> Result<()> {
        cx.refuse_impersonator()?;
        let limits = self.core.count_attempt(Attempt::Login, cx.address).await?;
        let actor = login_actor(cx);
        let hash = accounts::password_hash(&self.core.db, actor).await?;
        if self.hasher.verify(password, hash, Priority::Known).await? {
            return self.core.return_attempt(&limits).await;
        }
        let event = &cx.audit_outcome("session.confirm", actor, "refused", json!({}));
        self.core.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?;
        Err(Invalid::new(field, "That is not your password. Try again, or reset it.").into())
    }
}
