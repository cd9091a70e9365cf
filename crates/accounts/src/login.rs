//! Logging in and out. A wrong address and a wrong password look and last alike.

use stoa_db::{accounts, history, sessions};
use stoa_model::{account::Actor, text::EmailAddress};

use crate::{Accounts, command::LogIn, view::NewSession};
use stoa_core::{Error, RequestContext, Result, random, rate_limits::Attempt};

const WRONG: Error = Error::Unauthenticated(
    "This e-mail address and password don't match. If you are sure of them, wait a minute and try again.",
);

impl Accounts {
    /// Logs somebody in: a person of the operator if the address is one's, else a customer. One
    /// form serves both, so that nobody has to know which kind of account he has.
    ///
    /// # Errors
    /// Wrong credentials, or too many tries.
    pub async fn log_in(&self, cx: &RequestContext, command: LogIn) -> Result<NewSession> {
        let actor = self.authenticate(cx, command).await?;
        self.log_in_as(cx, actor).await
    }

    /// Logs a person of the operator in.
    ///
    /// # Errors
    /// Wrong credentials, or too many tries.
    pub async fn log_in_staff(&self, cx: &RequestContext, command: LogIn) -> Result<NewSession> {
        self.core.rate_limits.check(Attempt::StaffLogin, cx.address)?;
        let actor = self.authenticate_staff(cx, command).await?;
        self.log_in_as(cx, actor).await
    }

    /// Ends the session with this token.
    ///
    /// # Errors
    /// If the database does not answer.
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
        Ok(())
    }

    /// Whose address and password these are. Staff have fewer attempts than customers; here that
    /// shows as wrong credentials, for a limit that differs would tell which addresses are staff's.
    pub(super) async fn authenticate(&self, cx: &RequestContext, command: LogIn) -> Result<Actor> {
        self.core.rate_limits.check(Attempt::Login, cx.address)?;
        let email = EmailAddress::parse(&command.email).ok();
        let staff = match &email {
            Some(email) => accounts::staff_by_email(&self.core.db, email).await?,
            None => None,
        };
        if staff.is_none() {
            return self.authenticate_customer(cx, command).await;
        }
        let allowed = self.core.rate_limits.check(Attempt::StaffLogin, cx.address);
        let actor = self.authenticate_staff(cx, command).await?;
        allowed.map(|()| actor).map_err(|_| WRONG)
    }

    async fn authenticate_customer(&self, cx: &RequestContext, command: LogIn) -> Result<Actor> {
        let email = EmailAddress::parse(&command.email).ok();
        let found = match &email {
            Some(email) => accounts::customer_by_email(&self.core.db, email).await?,
            None => None,
        };
        let (customer, hash) = found.unzip();
        let right = self.hasher.verify(command.password, hash).await?;
        self.conclude_login(cx, right, customer.map(|c| Actor::Customer(c.id)), email).await
    }

    async fn authenticate_staff(&self, cx: &RequestContext, command: LogIn) -> Result<Actor> {
        let email = EmailAddress::parse(&command.email).ok();
        let found = match &email {
            Some(email) => accounts::staff_by_email(&self.core.db, email).await?,
            None => None,
        };
        let (staff, hash) = found.unzip();
        let right = self.hasher.verify(command.password, hash).await?;
        self.conclude_login(cx, right, staff.map(|s| Actor::Staff(s.id, s.role)), email).await
    }

    /// Notes a failed try in the audit trail.
    async fn conclude_login(
        &self,
        cx: &RequestContext,
        right: bool,
        actor: Option<Actor>,
        email: Option<EmailAddress>,
    ) -> Result<Actor> {
        if let Some(actor) = actor.filter(|_| right) {
            return Ok(actor);
        }
        let email = email.map(|email| email.to_string()).unwrap_or_default();
        let event = &cx.audit("session.refused", email, serde_json::json!({ "address": cx.address }));
        self.core.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?;
        Err(WRONG)
    }

    async fn log_in_as(&self, cx: &RequestContext, actor: Actor) -> Result<NewSession> {
        let event = &cx.audit("session.begin", actor, serde_json::json!({ "address": cx.address }));
        self.core.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?;
        self.open_session(actor).await
    }
}
