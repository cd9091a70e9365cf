//! Sessions of browsers: kept by the server, so that logging out really ends them, and over after
//! 30 idle minutes. The cookie's token is stored as its hash only.

use jiff::{SignedDuration, Timestamp};
use stoa_db::{accounts, sessions};
use stoa_model::{account::Actor, secret::ExposeSecret};

use crate::Accounts;
use crate::view::{NewSession, SessionView};
use stoa_core::{Result, random};

/// A session without a request for so long is over (PRODUCT.md I1).
const IDLE: SignedDuration = SignedDuration::from_mins(30);
/// The time of the last request is written at most this often.
const TOUCH: SignedDuration = SignedDuration::from_mins(1);

impl Accounts {
    /// Begins a session.
    pub async fn open_session(&self, actor: Actor) -> Result<NewSession> {
        let token = random::token();
        let now = self.core.clock.now();
        let session = &sessions::Session {
            id_hash: random::token_hash(token.expose_secret()),
            actor,
            csrf: random::token().expose_secret().to_owned(),
            created_at: now,
            seen_at: now,
        };
        self.core.db.write(|tx| Box::pin(async move { sessions::session_insert(&tx, session).await })).await?;
        Ok(NewSession { actor, token })
    }

    /// The session of a cookie, if it still holds.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn session(&self, token: &str) -> Result<Option<SessionView>> {
        let hash = random::token_hash(token);
        let now = self.core.clock.now();
        let Some(session) = sessions::session_get(&self.core.db, &hash).await? else { return Ok(None) };
        if now.duration_since(session.seen_at) > IDLE {
            return Ok(None);
        }
        if now.duration_since(session.seen_at) > TOUCH {
            let hash = &hash;
            self.core.db.write(|tx| Box::pin(async move { sessions::session_touch(&tx, hash, now).await })).await?;
        }
        let view = |email: String, label: String| SessionView {
            actor: session.actor,
            email,
            label,
            csrf: session.csrf.clone(),
        };
        Ok(match session.actor {
            Actor::Customer(id) => accounts::customer_get(&self.core.db, id)
                .await?
                .map(|customer| view(customer.email.to_string(), customer.company.to_string())),
            Actor::Staff(id, role) => accounts::staff_get(&self.core.db, id)
                .await?
                .map(|staff| view(staff.email.to_string(), role.as_str().to_owned())),
            Actor::Nobody | Actor::System => None,
        })
    }

    /// Forgets sessions that are over.
    pub async fn prune_sessions(&self, now: Timestamp) -> Result<()> {
        self.core.db.write(|tx| Box::pin(async move { sessions::sessions_delete_idle(&tx, now - IDLE).await })).await?;
        Ok(())
    }
}
