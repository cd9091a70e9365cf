//! Forgotten passwords, of customers and staff. The answer and its time are the same whether or not the address has an
//! account: the request only queues the e-mail. A link works once, for half an hour, and only while the password is the
//! one that was forgotten.

use serde_json::json;
use stoa_db::{
    Conn, DbError, Tx,
    accounts::{self, Subject, login_failures::login_failures_clear},
    history, one_time, tokens, users,
};
use stoa_model::{account::Actor, id::CustomerId, secret::SecretString, text::EmailAddress};

use crate::{
    Accounts,
    login_account::NO_PASSWORD,
    login_limits::AccountKey,
    mail::{self, AccountMail, RESET},
    password::{self, Priority},
    second_factor::delete_factors,
    session_end::end_sessions,
    view::{LoginOutcome, ResetLink},
};
use stoa_core::{Core, Error, RequestContext, Result, Wakeup, random};

const LINK_EXPIRED: &str = "This link has expired or was used before. Request a new one.";

impl Accounts {
    /// Sends a link that sets a new password, if the address has an account.
    ///
    /// # Errors
    /// Text that is no address; too many requests from this network.
    pub async fn request_reset(&self, cx: &RequestContext, email: &str) -> Result<()> {
        let email = &EmailAddress::parse(email)?;
        self.core.count_mail_request(RESET, cx.address).await?;
        let event = &cx.audit("password.reset_request", email, json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    mail::queue(&tx, AccountMail::Reset { email: email.clone() }, cx.now).await?;
                    Ok::<_, Error>(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Tasks);
        Ok(())
    }

    /// The address whose password this link sets, if it works.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn find_reset(&self, cx: &RequestContext, token: &str) -> Result<Option<ResetLink>> {
        let Some((actor, email)) = self.valid_reset(cx, token).await? else { return Ok(None) };
        let hash = accounts::password_hash(&self.core.db, actor).await?;
        Ok(Some(ResetLink { email, is_first: hash.is_none_or(|hash| hash == NO_PASSWORD) }))
    }

    /// Sets a new password and logs in with it, ends all sessions and revokes all API tokens of the account. A second
    /// factor stays, unless the address was never verified: the account then is whose the address is (decision 027).
    ///
    /// # Errors
    /// A weak password; a link that has expired or was used.
    pub async fn reset_password(
        &self,
        cx: &RequestContext,
        token: &str,
        password: SecretString,
    ) -> Result<(LoginOutcome, EmailAddress)> {
        cx.refuse_impersonator()?;
        let expired = || Error::Conflict(LINK_EXPIRED.into());
        let Some((actor, email)) = self.valid_reset(cx, token).await? else { return Err(expired()) };
        let is_verified = self.login_account(actor).await?.is_some_and(|account| account.is_verified);
        let subject = &Subject::of(actor).ok_or_else(expired)?;
        password::check(&password, &[email.as_str(), &self.core.settings.product_name])?;
        let (password_hash, token_hash) =
            (&self.hasher.hash(password, Priority::Known).await?, &random::token_hash(token));
        let (event, email) = (&cx.audit("password.reset", actor, json!({})), &email);
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    if !one_time::one_time_use(&tx, token_hash, cx.now).await? {
                        return Err(expired());
                    }
                    replace_password(&tx, cx, actor, email, password_hash).await?;
                    if !is_verified {
                        // Somebody who doesn't have the address may have opened the account and locked it.
                        delete_factors(&tx, subject).await?;
                    }
                    if let Actor::Customer(id) = actor {
                        // Who reads the e-mail has the address.
                        users::user_verify(&tx, id.founder(), cx.now).await?;
                    }
                    mail::queue(&tx, AccountMail::PasswordChanged { email: email.clone() }, cx.now).await?;
                    Ok(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.forget_recent();
        self.core.bus.wake(Wakeup::Tasks);
        Ok((self.log_in_after_reset(cx, actor, email).await?, email.clone()))
    }

    async fn valid_reset(&self, cx: &RequestContext, token: &str) -> Result<Option<(Actor, EmailAddress)>> {
        let hash = random::token_hash(token);
        let found = one_time::one_time_get(&self.core.db, RESET, &hash, cx.now).await?;
        let (secret, actor) = match found {
            Some(secret) => {
                let Some(actor) = account_of(&self.core, &secret.email).await? else { return Ok(None) };
                (secret, actor)
            }
            None => match self.valid_staff_link(&hash, cx.now).await? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let is_unchanged = binding(&self.core.db, actor).await? == secret.binding;
        Ok((Subject::of(actor) == Some(secret.subject) && is_unchanged).then_some((actor, secret.email)))
    }
}

/// Sets a password that was not changed by whoever is logged in: ends all sessions of the account, revokes its API tokens
/// and forgets its failed logins.
pub(crate) async fn replace_password(
    tx: &Tx,
    cx: &RequestContext,
    actor: Actor,
    email: &EmailAddress,
    password_hash: &str,
) -> std::result::Result<(), DbError> {
    accounts::password_set(tx, actor, password_hash).await?;
    login_failures_clear(tx, AccountKey::of(email.as_str()).as_str()).await?;
    end_sessions(tx, cx, actor, None, "new password").await?;
    tokens::tokens_delete_of(tx, actor).await?;
    Ok(())
}

/// The account that logs in with this address.
pub(crate) async fn account_of(core: &Core, email: &EmailAddress) -> Result<Option<Actor>> {
    if let Some((staff, _)) = accounts::staff_login(&core.db, email).await?.filter(|(_, hash)| hash != NO_PASSWORD) {
        return Ok(Some(Actor::Staff(staff.id, staff.role)));
    }
    let customer = accounts::customer_by_email(&core.db, email).await?;
    Ok(customer.filter(|(_, hash)| hash != NO_PASSWORD).map(|(customer, _)| Actor::Customer(customer.id)))
}

/// What a link is bound to: another password, or anything else that ends sessions, makes it useless.
pub(crate) async fn binding(c: &impl Conn, actor: Actor) -> Result<String> {
    let hash = accounts::password_hash(c, actor).await?.unwrap_or_default();
    Ok(random::short_hash(&format!("{hash} {}", accounts::auth_epoch(c, actor).await?)))
}

/// The customer whose account a secret is about, if it is no member of staff's.
pub(crate) fn customer_of(subject: &Subject) -> Option<CustomerId> {
    subject.as_str().parse().ok()
}
