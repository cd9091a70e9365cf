//! Login and logout. An unknown address and a wrong password give the same response after the same time.

use stoa_db::{accounts, history, sessions};
use stoa_model::{account::Actor, text::EmailAddress};

use crate::{Accounts, command::LogIn, view::NewSession};
use stoa_core::{Error, RequestContext, Result, random, rate_limits::Attempt};

const INVALID_CREDENTIALS: Error = Error::Unauthenticated("Wrong email or password. Try again or reset your password.");

impl Accounts {
    /// Logs in a member of staff if the address belongs to one, otherwise a customer. One form serves both, so that
    /// users need not know which kind of account they have.
    ///
    /// # Errors
    /// Wrong credentials, or too many attempts.
    pub async fn log_in(&self, cx: &RequestContext, command: LogIn) -> Result<NewSession> {
        let actor = self.authenticate(cx, command).await?;
        self.log_in_as(cx, actor).await
    }

    /// Logs in a member of staff.
    ///
    /// # Errors
    /// Wrong credentials, or too many attempts.
    pub async fn log_in_staff(&self, cx: &RequestContext, command: LogIn) -> Result<NewSession> {
        self.core.count_attempt(Attempt::StaffLogin, cx.address).await?;
        let actor = self.authenticate_staff(cx, command, false).await?;
        self.log_in_as(cx, actor).await
    }

    /// Ends the session with this token.
    pub async fn log_out(&self, cx: &RequestContext, token: &str) -> Result<()> {
        let hash = &random::token_hash(token);
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    sessions::session_delete(&tx, hash).await?;
                    history::audit(&tx, &cx.audit("session.end", cx.actor, serde_json::json!({}))).await
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }

    /// Checks the credentials of a customer or a member of staff. Staff have fewer attempts than customers. Exceeding
    /// their limit is reported as wrong credentials here: a different limit would reveal which addresses are staff.
    pub(super) async fn authenticate(&self, cx: &RequestContext, command: LogIn) -> Result<Actor> {
        self.core.count_attempt(Attempt::Login, cx.address).await?;
        let email = EmailAddress::parse(&command.email).ok();
        let staff = match &email {
            Some(email) => accounts::staff_by_email(&self.core.db, email).await?,
            None => None,
        };
        if staff.is_none() {
            return self.authenticate_customer(cx, command).await;
        }
        let allowed = self.core.count_attempt(Attempt::StaffLogin, cx.address).await;
        let actor = self.authenticate_staff(cx, command, true).await?;
        match allowed {
            Err(Error::RateLimited(_)) => Err(INVALID_CREDENTIALS),
            other => other.map(|()| actor),
        }
    }

    async fn authenticate_customer(&self, cx: &RequestContext, command: LogIn) -> Result<Actor> {
        let email = EmailAddress::parse(&command.email).ok();
        let found = match &email {
            Some(email) => accounts::customer_by_email(&self.core.db, email).await?,
            None => None,
        };
        let (customer, hash) = found.unzip();
        if self.hasher.verify(command.password.clone(), hash).await? {
            return self.conclude_login(cx, true, customer.map(|c| Actor::Customer(c.id)), email).await;
        }
        self.authenticate_claimed(cx, command, email).await
    }

    /// Checks the credentials of a member of staff. `or_claimed`: or of a customer who signed up with their address.
    async fn authenticate_staff(&self, cx: &RequestContext, command: LogIn, or_claimed: bool) -> Result<Actor> {
        let email = EmailAddress::parse(&command.email).ok();
        let found = match &email {
            Some(email) => accounts::staff_by_email(&self.core.db, email).await?,
            None => None,
        };
        let (staff, hash) = found.unzip();
        let is_correct = self.hasher.verify(command.password.clone(), hash).await?;
        if is_correct || !or_claimed {
            return self.conclude_login(cx, is_correct, staff.map(|s| Actor::Staff(s.id, s.role)), email).await;
        }
        self.authenticate_claimed(cx, command, email).await
    }

    /// Checks the credentials of a customer who signed up with an address that is somebody else's. It always takes the
    /// time of a comparison, so that this tells nothing either.
    async fn authenticate_claimed(
        &self,
        cx: &RequestContext,
        command: LogIn,
        email: Option<EmailAddress>,
    ) -> Result<Actor> {
        let (customer, hash) = self.claimed_account(email.as_ref()).await?.unzip();
        let is_correct = self.hasher.verify(command.password, hash).await?;
        self.conclude_login(cx, is_correct, customer.map(Actor::Customer), email).await
    }

    /// Returns the actor if the password was correct; otherwise records the failed attempt in the audit trail.
    async fn conclude_login(
        &self,
        cx: &RequestContext,
        is_correct: bool,
        actor: Option<Actor>,
        email: Option<EmailAddress>,
    ) -> Result<Actor> {
        if let Some(actor) = actor.filter(|_| is_correct) {
            return Ok(actor);
        }
        let email = email.map(|email| email.to_string()).unwrap_or_default();
        let event = &cx.audit("session.refused", email, serde_json::json!({ "address": cx.address }));
        self.core.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?;
        Err(INVALID_CREDENTIALS)
    }

    async fn log_in_as(&self, cx: &RequestContext, actor: Actor) -> Result<NewSession> {
        let event = &cx.audit("session.begin", actor, serde_json::json!({ "address": cx.address }));
        self.core.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?;
        self.open_session(cx, actor).await
    }
}
