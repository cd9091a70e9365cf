//! Change of a person's address: confirmed by a link to the next one, announced to the former one with a link that
//! restores it.

use serde_json::json;
use stoa_db::{
    Constraint, DbError, Tx, accounts::passkeys::passkeys_delete_of, history, invitations::invitations_end_of,
    one_time, tokens, users,
};
use stoa_model::{account::Actor, field::Invalid, text::EmailAddress};

use crate::{
    Accounts,
    mail::{self, AccountMail, CHANGE_EMAIL, RESTORE_EMAIL},
    reauthenticate::require_recent,
    reset::customer_of,
    session_end::end_sessions,
    session_list::keep_only_this_session,
};
use stoa_core::{Error, RequestContext, Result, Wakeup, random};

const LINK_EXPIRED: &str = "This link has expired or was used before.";

impl Accounts {
    /// Sends a link to the next address of the person who is logged in. Nothing changes until it is opened.
    ///
    /// # Errors
    /// Text that is no address; the present address; too many requests; a password that was not asked for recently.
    pub async fn request_email_change(&self, cx: &RequestContext, email: &str) -> Result<()> {
        cx.refuse_impersonator()?;
        let member = cx.member.ok_or(Error::NotFound("address to change"))?;
        require_recent(cx)?;
        let email = &EmailAddress::parse(email)?;
        let user = users::user_get(&self.core.db, member.user).await?.ok_or(Error::NotFound("user"))?;
        if *user.shown_email() == *email {
            return Err(Invalid::new("email", "This is your address already.").into());
        }
        self.core.count_mail_request(CHANGE_EMAIL, cx.address).await?;
        self.core.ensure_may_mail(CHANGE_EMAIL, email).await?;
        let event = &cx.audit("email.change_request", user.id, json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let mail = AccountMail::ChangeEmail { user: member.user, email: email.clone() };
                    mail::queue(&tx, mail, cx.now).await?;
                    Ok::<_, Error>(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Tasks);
        Ok(())
    }

    /// The address that this link brings, if it works: `CHANGE_EMAIL` the next one, `RESTORE_EMAIL` the former one.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn find_email_change(
        &self,
        cx: &RequestContext,
        token: &str,
        restore: bool,
    ) -> Result<Option<EmailAddress>> {
        let found = one_time::one_time_get(&self.core.db, purpose(restore), &random::token_hash(token), cx.now).await?;
        Ok(found.map(|secret| secret.email))
    }

    /// Gives an account the address that a link was sent to. This ends its other sessions. If it restores an
    /// address, the change may have been somebody else's: that ends all sessions, API tokens, passkeys and open
    /// invitations.
    ///
    /// # Errors
    /// A link that has expired or was used; an address that got an account meanwhile.
    pub async fn change_email(&self, cx: &RequestContext, token: &str, restore: bool) -> Result<()> {
        let hash = &random::token_hash(token);
        let changed = self.core.db.write(|tx| Box::pin(async move { change(&tx, cx, hash, restore).await })).await;
        match changed {
            Err(Error::Invalid(_)) => Err(Error::Conflict(LINK_EXPIRED.into())),
            other => {
                self.forget_recent();
                self.core.bus.wake(Wakeup::Tasks);
                other
            }
        }
    }
}

async fn change(tx: &Tx, cx: &RequestContext, hash: &[u8; 32], restore: bool) -> Result<()> {
    let expired = || Error::Conflict(LINK_EXPIRED.into());
    let secret = one_time::one_time_get(tx, purpose(restore), hash, cx.now).await?.ok_or_else(expired)?;
    let customer = customer_of(&secret.subject).ok_or_else(expired)?;
    let user = users::user_get(tx, customer.founder()).await?.ok_or_else(expired)?;
    if !restore && binding(&user) != secret.binding {
        return Err(expired());
    }
    if stoa_db::accounts::staff_by_email(tx, &secret.email).await?.is_some() {
        return Err(DbError::Conflict(Constraint::StaffEmail).into());
    }
    if !one_time::one_time_use(tx, hash, cx.now).await? {
        return Err(expired());
    }
    users::user_set_email(tx, user.id, &secret.email, cx.now).await?;
    one_time::one_time_revoke(tx, &secret.subject, CHANGE_EMAIL, cx.now).await?;
    if restore {
        one_time::one_time_revoke(tx, &secret.subject, RESTORE_EMAIL, cx.now).await?;
    }
    let (account, action) = (Actor::Customer(customer), if restore { "email.restore" } else { "email.change" });
    if restore {
        // Whoever took the account over may have left other ways in.
        end_sessions(tx, cx, account, None, "restored e-mail address").await?;
        tokens::tokens_delete_of(tx, account).await?;
        passkeys_delete_of(tx, &secret.subject).await?;
        invitations_end_of(tx, customer, cx.now).await?;
    } else {
        keep_only_this_session(tx, cx, account, "new e-mail address").await?;
        if user.claimed_email.is_none() {
            mail::queue(tx, AccountMail::EmailChanged { user: user.id, former: user.email }, cx.now).await?;
        }
    }
    Ok(history::audit(tx, &cx.audit(action, user.id, json!({}))).await?)
}

const fn purpose(restore: bool) -> &'static str {
    if restore { RESTORE_EMAIL } else { CHANGE_EMAIL }
}

/// What a link to the next address is bound to: another change of the account, such as a new password, makes it useless.
/// A link that restores an address is bound to nothing, because whoever took the account over can change all of it.
pub(crate) fn binding(user: &users::User) -> String {
    random::short_hash(&format!("{} {}", user.email, user.auth_epoch))
}
