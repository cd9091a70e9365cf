//! Opening an account together with its first site, both or neither.

use stoa_accounts::{
    Registration,
    command::Register,
    view::{LoginOutcome, NewSession},
};
use stoa_core::{Error, RequestContext, Result, Wakeup};

use stoa_db::{Constraint, DbError, sites};
use stoa_model::account::Actor;

use crate::{Sites, command::OrderSite, terms::OrderTerms, view::Ordered};

impl Sites {
    /// Opens an account and orders its first site. Whoever has an account with this address and password is logged in to
    /// it instead.
    ///
    /// # Errors
    /// All bad fields of both at once, and what [`Sites::order`] refuses.
    pub async fn register_and_order(
        &self,
        cx: &RequestContext,
        command: Register,
        order: OrderSite,
    ) -> Result<Registered> {
        self.register_and_order_on(cx, command, order, None).await
    }

    /// Like [`register_and_order`](Self::register_and_order), of a site that is bought with these terms.
    ///
    /// # Errors
    /// As [`Sites::order_on`].
    pub async fn register_and_order_on(
        &self,
        cx: &RequestContext,
        command: Register,
        order: OrderSite,
        terms: Option<&OrderTerms<'_>>,
    ) -> Result<Registered> {
        let registration = Registration::parse(cx, command, &self.core.settings.product_name);
        let email = registration.as_ref().map(|registration| registration.customer.email.clone()).ok();
        let parsed = self.parse_order(&order, email.as_ref());
        let (registration, parsed) = both(registration, parsed)?;
        self.accounts.count_registration(cx).await?;
        let (email, password) = (&registration.customer.email, registration.password());
        if let Some(outcome) = self.accounts.log_in_again(cx, email, password).await? {
            return Ok(Registered::Before(outcome));
        }
        self.domains.ensure_dns_name_free(&parsed.hostname).await?;
        let memory = terms.map_or(self.core.settings.main_limits.memory, |terms| terms.memory);
        let room = &self.ensure_order_possible(&parsed.blueprint, memory).await?;
        let registration = self.accounts.hash_password(cx, registration).await?;
        let cx = RequestContext { actor: registration.actor(), ..cx.clone() };
        let made = self.prepare_order(&cx, registration.customer.id, &parsed, terms);
        let (registration, cx, made) = (&registration, &cx, &made);
        let ordered = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    registration.insert(&tx, cx).await?;
                    self.insert_order(&tx, cx, made, room, terms).await
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Jobs);
        self.core.bus.wake(Wakeup::Tasks);
        Ok(Registered::Now(self.accounts.open_session(cx, registration.actor()).await?, ordered))
    }

    /// Opens an account for somebody who orders a site that must be paid first, once all fields of both are good. Returns
    /// the customer.
    ///
    /// # Errors
    /// As [`register_and_order`](Self::register_and_order).
    pub async fn register_for_order(
        &self,
        cx: &RequestContext,
        command: Register,
        order: &OrderSite,
    ) -> Result<Registered<Actor>> {
        let registration = Registration::parse(cx, command, &self.core.settings.product_name);
        let email = registration.as_ref().map(|registration| registration.customer.email.clone()).ok();
        let (registration, parsed) = both(registration, self.parse_order(order, email.as_ref()))?;
        self.accounts.count_registration(cx).await?;
        if let Some(outcome) =
            self.accounts.log_in_again(cx, &registration.customer.email, registration.password()).await?
        {
            return Ok(Registered::Before(outcome));
        }
        if sites::hostname_taken(&self.core.db, &parsed.hostname).await? {
            return Err(DbError::Conflict(Constraint::Hostname).into());
        }
        let registration = &self.accounts.hash_password(cx, registration).await?;
        let actor = registration.actor();
        let cx = &RequestContext { actor, ..cx.clone() };
        self.core.db.write(|tx| Box::pin(async move { registration.insert(&tx, cx).await })).await?;
        self.core.bus.wake(Wakeup::Tasks);
        Ok(Registered::Now(self.accounts.open_session(cx, actor).await?, actor))
    }
}

/// What comes of a sign-up with a first order.
#[derive(Debug)]
pub enum Registered<T = Ordered> {
    /// An account, its session and the order.
    Now(NewSession, T),
    /// The address and password are those of an account that exists. Nothing was ordered.
    Before(LoginOutcome),
}

/// Both results, or the bad fields of both.
fn both<A, B>(a: Result<A>, b: Result<B>) -> Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(Error::Invalid(mut a)), Err(Error::Invalid(b))) => {
            // Without a customer's address, the administrator's is only missing.
            a.extend(b.into_iter().filter(|bad| bad.field != "admin_email"));
            Err(Error::Invalid(a))
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}
