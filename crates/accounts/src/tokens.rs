//! Bearer tokens for the API. Only their hash is stored, so that a copy of the database gives no access. A token can do
//! what its owner may do now and its abilities include; routes check the abilities, services the owner's rights.

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    accounts::{self, staff_accounts::staff_account},
    history, tasks, tokens,
};
use stoa_model::{
    ability::Abilities,
    account::{Actor, Role},
    field::Invalid,
    id::TokenId,
    secret::{ExposeSecret, SecretString},
    text::check_line,
};

use crate::{
    Accounts,
    command::{CreateToken, LogIn},
    login_account::{login_actor, own_account},
    notices,
    reauthenticate::require_recent,
    token_secret,
    view::{NewToken, TokenOwner, TokenView},
};
use stoa_core::{Error, RequestContext, Result, random};

/// Lifetime of a token that was created with a password.
const LOGIN_TOKEN_LIFETIME: SignedDuration = SignedDuration::from_hours(12);
/// Maximum lifetime of a token, in days.
pub const MAX_TOKEN_DAYS: u32 = 366;
/// Maximum length of a token's name, in characters.
const MAX_NAME_CHARS: usize = 60;
/// Maximum number of valid tokens of an account.
const MAX_TOKENS: u64 = 100;
/// Minimum time between updates of a token's last use.
const LAST_USED_UPDATE_INTERVAL: SignedDuration = SignedDuration::from_mins(10);

impl Accounts {
    /// Exchanges the credentials of a customer or a member of staff for a token with all abilities that is valid for
    /// twelve hours.
    ///
    /// # Errors
    /// Wrong credentials, too many attempts, or an account with a second factor.
    pub async fn create_login_token(&self, cx: &RequestContext, command: LogIn) -> Result<(SecretString, Timestamp)> {
        let actor = self.authenticate_for_token(cx, command).await?;
        let expires_at = cx.now + LOGIN_TOKEN_LIFETIME;
        let issued = self.issue_token(cx, actor, "login", Abilities::all(), expires_at, None).await?;
        Ok((issued.secret, expires_at))
    }

    /// Creates a token with all abilities for `actor` without a password. Only the platform itself may do this.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for all other actors.
    pub async fn create_token_for(&self, cx: &RequestContext, actor: Actor, name: &str) -> Result<SecretString> {
        if cx.actor != Actor::System {
            return Err(Error::Forbidden("system"));
        }
        let expires_at = cx.now + SignedDuration::from_hours(24 * i64::from(MAX_TOKEN_DAYS));
        Ok(self.issue_token(cx, actor, name, Abilities::all(), expires_at, None).await?.secret)
    }

    /// Creates a token for the actor's own account, and notifies the account by e-mail.
    ///
    /// # Errors
    /// All invalid fields together; with a token; without a recent password; too many tokens.
    pub async fn create_token(&self, cx: &RequestContext, command: CreateToken) -> Result<NewToken> {
        cx.refuse_token()?;
        require_recent(cx)?;
        let email = self.own_login(cx).await?.email;
        let (name, abilities, lifetime) = parse(&command)?;
        if tokens::token_count(&self.core.db, login_actor(cx), cx.now).await? >= MAX_TOKENS {
            return Err(Error::Conflict(format!(
                "You have {MAX_TOKENS} API tokens, which is as many as an account can have. Revoke one that you no \
                 longer need."
            )));
        }
        let expires_at = cx.now + lifetime;
        self.issue_token(cx, login_actor(cx), &name, abilities, expires_at, Some(email)).await
    }

    async fn issue_token(
        &self,
        cx: &RequestContext,
        actor: Actor,
        name: &str,
        abilities: Abilities,
        expires_at: Timestamp,
        notify: Option<stoa_model::text::EmailAddress>,
    ) -> Result<NewToken> {
        let secret = token_secret::generate();
        let token = &tokens::ApiToken {
            id: TokenId::from_uuid(random::uuid_at(cx.now)),
            actor,
            name: name.to_owned(),
            prefix: token_secret::shown_prefix(&secret),
            abilities,
            created_at: cx.now,
            expires_at: Some(expires_at),
            last_used_at: None,
        };
        let hash = &random::token_hash(secret.expose_secret());
        let detail = serde_json::json!({
            "for": actor.to_string(), "name": name, "abilities": abilities.to_string(), "expires_at": expires_at,
        });
        let event = &cx.audit("token.create", token.id, detail);
        let email = &notify.map(|to| notices::token_created(&self.core, to, token, cx.now));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    tokens::token_insert(&tx, token, hash).await?;
                    if let Some(email) = email {
                        tasks::task_insert(&tx, &email.task, Some(&email.key)).await?;
                    }
                    history::audit(&tx, event).await
                })
            })
            .await?;
        Ok(NewToken { secret, token: view(token.clone()) })
    }

    /// The tokens of the actor's own account, newest first.
    ///
    /// # Errors
    /// If nobody is logged in.
    pub async fn list_tokens(&self, cx: &RequestContext) -> Result<Vec<TokenView>> {
        Ok(tokens::token_list(&self.core.db, own_account(cx)?).await?.into_iter().map(view).collect())
    }

    /// Revokes a token of the actor's own account.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another account's token.
    pub async fn revoke_token(&self, cx: &RequestContext, id: TokenId) -> Result<()> {
        let actor = own_account(cx)?;
        let event = &cx.audit("token.revoke", id, serde_json::json!({}));
        let revoked = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    if !tokens::token_delete(&tx, actor, id).await? {
                        return Err(Error::NotFound("token"));
                    }
                    Ok(history::audit(&tx, event).await?)
                })
            })
            .await;
        self.forget_recent();
        revoked
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

    /// The owner of a token and what it may do; `None` if it is unknown or has expired. Updates the time of its last
    /// use.
    pub async fn token_owner(&self, bearer: &str) -> Result<Option<TokenOwner>> {
        if !token_secret::is_well_formed(bearer) {
            return Ok(None);
        }
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
        let member = match token.actor {
            Actor::Customer(customer) => self.founder_of(customer).await?,
            Actor::Nobody | Actor::Staff(..) | Actor::System => None,
        };
        let must_change_password = match token.actor {
            Actor::Staff(id, _) => {
                staff_account(&self.core.db, id).await?.is_some_and(|account| account.password_expires_at.is_some())
            }
            Actor::Nobody | Actor::Customer(_) | Actor::System => false,
        };
        let (actor, id, abilities) = (token.actor, token.id, token.abilities);
        let owner = TokenOwner { actor, member, id, abilities, must_change_password };
        self.recent_tokens.put(hash, owner, now);
        Ok(Some(owner))
    }
}

/// Name, abilities and lifetime of a new token.
fn parse(command: &CreateToken) -> Result<(String, Abilities, SignedDuration)> {
    let mut invalid = Vec::new();
    let name = command.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || check_line("name", name).is_err() {
        let message =
            format!("Enter a name of at most {MAX_NAME_CHARS} characters, such as the program that will use it.");
        invalid.push(Invalid::new("name", message));
    }
    let abilities: Abilities = command.abilities.iter().copied().collect();
    if abilities.is_empty() {
        invalid.push(Invalid::new("abilities", "Choose at least one ability."));
    }
    if !(1..=MAX_TOKEN_DAYS).contains(&command.days) {
        invalid.push(Invalid::new("days", format!("Choose an expiry of 1 to {MAX_TOKEN_DAYS} days.")));
    }
    if invalid.is_empty() {
        Ok((name.to_owned(), abilities, SignedDuration::from_hours(24 * i64::from(command.days))))
    } else {
        Err(Error::Invalid(invalid))
    }
}

fn view(token: tokens::ApiToken) -> TokenView {
    let tokens::ApiToken { id, actor: _, name, prefix, abilities, created_at, expires_at, last_used_at } = token;
    TokenView { id, name, prefix, abilities: abilities.iter().collect(), created_at, expires_at, last_used_at }
}
