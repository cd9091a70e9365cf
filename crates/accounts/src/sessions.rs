//! Browser sessions. They are stored on the server, so that logging out ends them, and expire after 30 idle
//! minutes. Only a hash of the cookie's token is stored.

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    accounts::{self, login_failures, login_flows},
    sessions, tokens,
};
use stoa_model::{account::Actor, secret::ExposeSecret};

use crate::Accounts;
use crate::login::FAILURES_KEPT;
use crate::view::{NewSession, SessionView};
use stoa_core::{Result, random};

/// Sessions without a request expire after this time (PRODUCT.md I1).
const IDLE_TIMEOUT: SignedDuration = SignedDuration::from_mins(30);
/// Expired tokens are listed for this time.
const EXPIRED_TOKENS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Minimum time between updates of a session's last request.
const SEEN_UPDATE_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

impl Accounts {
    /// Starts a session.
    pub async fn open_session(&self, actor: Actor) -> Result<NewSession> {
        let (row, session) = &self.prepare_session(actor, self.core.clock.now(), None);
        self.core.db.write(|tx| Box::pin(async move { sessions::session_insert(&tx, row).await })).await?;
        Ok(session.clone())
    }

    /// A new session and its row, not stored yet.
    pub(crate) fn prepare_session(
        &self,
        actor: Actor,
        now: Timestamp,
        second_factor_at: Option<Timestamp>,
    ) -> (sessions::Session, NewSession) {
        let token = random::token();
        let row = sessions::Session {
            id_hash: random::token_hash(token.expose_secret()),
            actor,
            csrf: random::token().expose_secret().to_owned(),
            created_at: now,
            seen_at: now,
            second_factor_at,
        };
        (row, NewSession { actor, token })
    }

    /// The session of a cookie's token, unless it has expired. Updates the time of its last request.
    pub async fn session(&self, token: &str) -> Result<Option<SessionView>> {
        let hash = random::token_hash(token);
        let now = self.core.clock.now();
        if let Some(recent) = self.recent_sessions.get(&hash, now) {
            return Ok(Some(recent));
        }
        let Some(session) = sessions::session_get(&self.core.db, &hash).await? else { return Ok(None) };
        if now.duration_since(session.seen_at) > IDLE_TIMEOUT {
            return Ok(None);
        }
        if now.duration_since(session.seen_at) > SEEN_UPDATE_INTERVAL {
            let hash = &hash;
            self.core.db.write(|tx| Box::pin(async move { sessions::session_touch(&tx, hash, now).await })).await?;
        }
        let view = |email: String, label: String| SessionView {
            actor: session.actor,
            email,
            label,
            csrf: session.csrf.clone(),
            name: random::short_name(&hash),
            has_second_factor: session.second_factor_at.is_some(),
        };
        let found = match session.actor {
            Actor::Customer(id) => accounts::customer_get(&self.core.db, id)
                .await?
                .map(|customer| view(customer.email.to_string(), customer.company.to_string())),
            Actor::Staff(id, role) => accounts::staff_get(&self.core.db, id)
                .await?
                .map(|staff| view(staff.email.to_string(), role.as_str().to_owned())),
            Actor::Nobody | Actor::System => None,
        };
        if let Some(found) = &found {
            self.recent_sessions.put(hash, found.clone(), now);
        }
        Ok(found)
    }

    /// Deletes expired sessions, unfinished logins and tokens, and old counts of failed logins.
    pub async fn prune_sessions(&self, now: Timestamp) -> Result<()> {
        let prune = self.core.db.write(|tx| {
            Box::pin(async move {
                sessions::sessions_delete_idle(&tx, now - IDLE_TIMEOUT).await?;
                login_flows::flows_delete_expired(&tx, now).await?;
                login_failures::login_failures_prune(&tx, now - FAILURES_KEPT).await?;
                tokens::tokens_delete_expired(&tx, now - EXPIRED_TOKENS_KEPT).await
            })
        });
        prune.await?;
        Ok(())
    }
}
