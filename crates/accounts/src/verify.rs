//! Verified addresses. The link's page only shows a button: mail scanners follow links, and must not verify for somebody.

use serde_json::json;
use stoa_db::{history, one_time, users};
use stoa_model::{account::Role, text::EmailAddress};

use crate::{
    Accounts,
    mail::{self, AccountMail, VERIFY},
    reset::customer_of,
};
use stoa_core::{Error, RequestContext, Result, Wakeup, random};

const LINK_EXPIRED: &str =
    "This link has expired or was used before. Log in and request a new one on your account page.";

impl Accounts {
    /// Sends the link again to the person who is logged in.
    ///
    /// # Errors
    /// A person who is verified; too many requests.
    pub async fn resend_verification(&self, cx: &RequestContext) -> Result<()> {
        cx.refuse_impersonator()?;
        let member = cx.member.ok_or(Error::NotFound("address to verify"))?;
        let user = users::user_get(&self.core.db, member.user).await?.ok_or(Error::NotFound("user"))?;
        if user.verified_at.is_some() {
            return Err(Error::Conflict("Your e-mail address is verified already.".into()));
        }
        self.core.ensure_may_mail(VERIFY, user.shown_email()).await?;
        let event = &cx.audit("email.verify_request", user.id, json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    mail::queue(&tx, AccountMail::Verify { user: member.user }, cx.now).await?;
                    Ok::<_, Error>(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Tasks);
        Ok(())
    }

    /// The address that this link verifies, if it works.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn find_verification(&self, cx: &RequestContext, token: &str) -> Result<Option<EmailAddress>> {
        let found = one_time::one_time_get(&self.core.db, VERIFY, &random::token_hash(token), cx.now).await?;
        Ok(found.map(|secret| secret.email))
    }

    /// Verifies the address that a link was sent to.
    ///
    /// # Errors
    /// A link that has expired or was used, or an account that has another address by now.
    pub async fn verify_email(&self, cx: &RequestContext, token: &str) -> Result<()> {
        let (hash, expired) = (&random::token_hash(token), || Error::Conflict(LINK_EXPIRED.into()));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let secret = one_time::one_time_get(&*tx, VERIFY, hash, cx.now).await?.ok_or_else(expired)?;
                    let user = customer_of(&secret.subject).ok_or_else(expired)?.founder();
                    let found = users::user_get(&*tx, user).await?.ok_or_else(expired)?;
                    if found.email != secret.email || !one_time::one_time_use(&tx, hash, cx.now).await? {
                        return Err(expired());
                    }
                    users::user_verify(&tx, user, cx.now).await?;
                    Ok(history::audit(&tx, &cx.audit("email.verify", user, json!({}))).await?)
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }

    /// Marks a customer's address as verified, where no e-mail can do it.
    ///
    /// # Errors
    /// Without the role admin; no such customer.
    pub async fn mark_verified(&self, cx: &RequestContext, email: &str) -> Result<()> {
        cx.require(Role::Admin)?;
        let customer = self.find_customer(cx, email).await?;
        let user = users::user_get(&self.core.db, customer.id.founder()).await?;
        if user.is_some_and(|user| user.claimed_email.is_some()) {
            let why = "This is the placeholder of somebody who signed up with an address that belongs to another customer. \
                       They change it on their account page.";
            return Err(Error::Conflict(why.into()));
        }
        let (user, event) = (customer.id.founder(), &cx.audit("email.verify", customer.id, json!({})));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    crate::login_account::adopt(&tx, customer.id, cx.now).await?;
                    users::user_verify(&tx, user, cx.now).await?;
                    Ok::<_, Error>(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }
}
