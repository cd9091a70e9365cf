//! Bearer tokens of the API: 256 random bits, stored as a hash, so that a copy of the database
//! opens nothing.

use jiff::{SignedDuration, Timestamp};
use stoa_db::{accounts, history, tokens};
use stoa_model::{
    account::{Actor, Role},
    id::TokenId,
    secret::{ExposeSecret, SecretString},
};

use crate::{Accounts, command::LogIn, view::TokenView};
use stoa_core::{Error, RequestContext, Result, random};

/// What a token begins with, so that people and secret scanners know it.
const PREFIX: &str = "stoa_";
/// How long a token holds that was got with a password.
const SHORT: SignedDuration = SignedDuration::from_hours(12);
/// The time of the last use is written at most this often.
const TOUCH: SignedDuration = SignedDuration::from_mins(10);

impl Accounts {
    /// Exchanges a customer's or staff's password for a token that holds for twelve hours.
    ///
    /// # Errors
    /// Wrong credentials, or too many tries.
    pub async fn create_login_token(&self, cx: &RequestContext, command: LogIn) -> Result<(SecretString, Timestamp)> {
        let actor = self.authenticate(cx, command).await?;
        let expires = cx.now + SHORT;
        Ok((self.issue_token(cx, actor, "login", Some(expires)).await?, expires))
    }

    /// Makes a token for `actor` without asking for a password: only for the platform itself.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for everybody else.
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
        let secret = SecretString::from(format!("{PREFIX}{}", random::token().expose_secret()));
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

    /// The tokens of somebody of the staff, newest first.
    ///
    /// # Errors
    /// Without the role super_admin; no such account.
    pub async fn list_staff_tokens(&self, cx: &RequestContext, email: &str) -> Result<Vec<TokenView>> {
        cx.require(Role::SuperAdmin)?;
        let staff = self.find_staff(cx, email).await?;
        let found = tokens::token_list(&self.core.db, Actor::Staff(staff.id, staff.role)).await?;
        Ok(found.into_iter().map(view).collect())
    }

    /// Ends a token of somebody of the staff.
    ///
    /// # Errors
    /// Without the role super_admin; no token of the staff has this id.
    pub async fn revoke_staff_token(&self, cx: &RequestContext, id: TokenId) -> Result<()> {
        cx.require(Role::SuperAdmin)?;
        self.core
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
            .await
    }

    /// Whose token it is; `None` when nobody's, or when it has expired.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn token_owner(&self, bearer: &str) -> Result<Option<Actor>> {
        let Some(token) = tokens::token_by_hash(&self.core.db, &random::token_hash(bearer)).await? else {
            return Ok(None);
        };
        let now = self.core.clock.now();
        if token.expires_at.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        if token.last_used_at.is_none_or(|used| now.duration_since(used) > TOUCH) {
            self.core.db.write(|tx| Box::pin(async move { tokens::token_used(&tx, token.id, now).await })).await?;
        }
        Ok(Some(token.actor))
    }
}

fn view(token: tokens::ApiToken) -> TokenView {
    let tokens::ApiToken { id, actor: _, name, created_at, expires_at, last_used_at } = token;
    TokenView { id, name, created_at, expires_at, last_used_at }
}
