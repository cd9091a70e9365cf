//! Bearer tokens for the API: 256 random bits. Only their hash is stored, so that a copy of the database gives no
//! access.

use jiff::{SignedDuration, Timestamp};
use stoa_db::{accounts, history, tokens};
use stoa_model::{
    account::{Actor, Role},
    id::TokenId,
    secret::{ExposeSecret, SecretString},
};

use crate::{Accounts, command::LogIn, view::TokenView};
use stoa_core::{Error, RequestContext, Result, random};

/// Prefix of all tokens, which people and secret scanners recognize.
const TOKEN_PREFIX: &str = "stoa_";
/// Lifetime of a token that was created with a password.
const LOGIN_TOKEN_LIFETIME: SignedDuration = SignedDuration::from_hours(12);
/// Minimum time between updates of a token's last use.
const LAST_USED_UPDATE_INTERVAL: SignedDuration = SignedDuration::from_mins(10);

impl Accounts {
    /// Exchanges the credentials of a customer or a member of staff for a token that is valid for twelve hours.
    ///
    /// # Errors
    /// Wrong credentials, or too many attempts.
    pub async fn create_login_token(&self, cx: &RequestContext, command: LogIn) -> Result<(SecretString, Timestamp)> {
        let actor = self.authenticate(cx, command).await?;
        let expires = cx.now + LOGIN_TOKEN_LIFETIME;
        Ok((self.issue_token(cx, actor, "login", Some(expires)).await?, expires))
    }

    /// Creates a token for `actor` without a password. Only the platform itself may do this.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for all other actors.
    pub async fn create_token_for(&self, cx: &RequestContext, actor: Actor, name: &str) -> Result<SecretString> {
        if cx.actor != Actor::System {
            return Err(Error::Forbidden("system"));
        }
        self.issue_token(cx, actor, name, None).await
    }

    async fn issue_token(
        &self,
        cx: &RequestContext,
        actor: Actor,
        name: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<SecretString> {
        let secret = SecretString::from(format!("{TOKEN_PREFIX}{}", random::token().expose_secret()));
        let id = TokenId::from_uuid(random::uuid_at(cx.now));
        let token =
            &tokens::ApiToken { id, actor, name: name.to_owned(), created_at: cx.now, expires_at, last_used_at: None };
        let hash = &random::token_hash(secret.expose_secret());
        let event = &cx.audit("token.create", id, serde_json::json!({ "for": actor.to_string(), "name": name }));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    tokens::token_insert(&tx, token, hash).await?;
                    history::audit(&tx, event).await
                })
            })
            .await?;
        Ok(secret)
    }

    /// The tokens of a member of staff, newest first.
    ///
    /// # Errors
    /// Without the role super_admin; no such account.
    pub async fn list_staff_tokens(&self, cx: &RequestContext, email: &str) -> Result<Vec<TokenView>> {
        cx.require(Role::SuperAdmin)?;
        let staff = self.find_staff(cx, email).await?;
        let found = tokens::token_list(&self.core.db, Actor::Staff(staff.id, staff.role)).await?;
        Ok(found.into_iter().map(view).collect())
    }

    /// Revokes a token of a member of staff.
    ///
    /// # Errors
    /// Without the role super_admin; no staff token has this id.
    pub async fn revoke_staff_token(&self, cx: &RequestContext, id: TokenId) -> Result<()> {
        cx.require(Role::SuperAdmin)?;
        let revoked = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    for staff in accounts::staff_list(&*tx).await? {
                        if tokens::token_delete(&tx, Actor::Staff(staff.id, staff.role), id).await? {
                            let detail = serde_json::json!({ "of": staff.id });
                            return Ok(history::audit(&tx, &cx.audit("token.revoke", id, detail)).await?);
                        }
                    }
                    Err(Error::NotFound("token"))
                })
            })
            .await;
        self.forget_recent();
        revoked
    }

    /// The owner of a token; `None` if it is unknown or has expired. Updates the time of its last use.
    pub async fn token_owner(&self, bearer: &str) -> Result<Option<Actor>> {
        let (hash, now) = (random::token_hash(bearer), self.core.clock.now());
        if let Some(recent) = self.recent_tokens.get(&hash, now) {
            return Ok(Some(recent));
        }
        let Some(token) = tokens::token_by_hash(&self.core.db, &hash).await? else { return Ok(None) };
        if token.expires_at.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        if token.last_used_at.is_none_or(|used| now.duration_since(used) > LAST_USED_UPDATE_INTERVAL) {
            self.core.db.write(|tx| Box::pin(async move { tokens::token_used(&tx, token.id, now).await })).await?;
        }
        self.recent_tokens.put(hash, token.actor, now);
        Ok(Some(token.actor))
    }
}

fn view(token: tokens::ApiToken) -> TokenView {
    let tokens::ApiToken { id, actor: _, name, created_at, expires_at, last_used_at } = token;
    TokenView { id, name, created_at, expires_at, last_used_at }
}
