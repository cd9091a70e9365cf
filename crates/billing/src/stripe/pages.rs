//! Stripe's pages: where an order is paid, and where a customer changes cards and finds invoices.

use jiff::SignedDuration;
use stoa_core::{Error, RequestContext, Result};
use stoa_db::{
    accounts,
    billing::{
        checkouts::{Checkout, CheckoutState, checkout_get, checkout_session},
        stripe::{stripe_customer_of, stripe_customer_put},
    },
};
use stoa_integrations::stripe::{NewSession, SessionFor, StripeError};
use stoa_model::{
    id::{CheckoutId, CustomerId, SubscriptionId},
    member::Permission,
};

use super::unavailable;
use crate::{Billing, plans::Choice};

/// How long an order can be paid at Stripe, and its name is reserved. Stripe allows 30 minutes to 24 hours.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_hours(2);
/// Stripe refuses sessions that end in less than 30 minutes.
const MIN_SESSION_TIME: SignedDuration = SignedDuration::from_mins(31);

impl Billing {
    /// Where the customer pays an order. It is made if it wasn't yet; the same order has one page, in however many tabs.
    ///
    /// # Errors
    /// Not found; paid or given up already; Stripe can't be reached, then nothing is changed.
    pub async fn payment_page(&self, cx: &RequestContext, id: CheckoutId) -> Result<String> {
        self.checkout(cx, id).await?;
        if cx.actor.customer().is_some() {
            cx.require_permission(Permission::ManageMoney)?;
        }
        let checkout = checkout_get(&self.core.db, id).await?.ok_or(Error::NotFound("order"))?;
        match checkout.state {
            CheckoutState::Open => {}
            CheckoutState::Paid => return Err(Error::Conflict("This order is paid already.".into())),
            CheckoutState::Expired => {
                return Err(Error::Conflict("This order was given up. Order again; your address may be free.".into()));
            }
        }
        if let Some(url) = &checkout.url {
            return Ok(url.clone());
        }
        if checkout.session.is_some() {
            return Err(Error::Conflict("Your bank transfer is under way. There is nothing more to do.".into()));
        }
        self.make_session(&checkout).await
    }

    async fn make_session(&self, checkout: &Checkout) -> Result<String> {
        let stripe = self.stripe()?;
        let Choice { plan, price } = self.choice_of(checkout).await?;
        let customer = checkout.customer.ok_or(Error::NotFound("customer"))?;
        let id = checkout.id.to_string();
        let (mut payer, mut at_stripe) =
            (self.customer_at_stripe(customer).await?, self.price_at_stripe(&plan, &price).await?);
        let back = format!("{}/billing/orders/{id}", self.core.portal_url());
        let expires_at = checkout.expires_at.max(self.core.clock.now() + MIN_SESSION_TIME);
        let mut attempt = 0;
        let session = loop {
            let new = NewSession {
                checkout: id.clone(),
                payer: SessionFor::Customer(&payer),
                price: &at_stripe,
                // A trial is for trying; whoever has a site has done so.
                trial_days: if Self::existing_site(checkout).is_some() { 0 } else { plan.terms.trial_days },
                success_url: format!("{back}?paid=1"),
                cancel_url: back.clone(),
                expires_at,
            };
            match stripe.create_session(&new, &format!("checkout/{id}/{attempt}")).await {
                Ok(session) => break session,
                // What we know of is another account's, or was deleted there.
                Err(error) if attempt == 0 && is_missing(&error) => {
                    attempt = 1;
                    if !stripe.has_customer(&payer).await.map_err(unavailable)? {
                        payer = self.make_customer(customer, Some(&payer)).await?;
                    }
                    if stripe.price(&at_stripe).await.map_err(unavailable)?.is_none() {
                        at_stripe = self.make_price(&plan, &price).await?;
                    }
                }
                Err(error) => return Err(unavailable(error)),
            }
        };
        let url = session.url.ok_or_else(|| Error::internal("Stripe's session has no address"))?;
        let (order, session, page) = (checkout.id, session.id.as_str(), url.as_str());
        let write = self
            .core
            .db
            .write(|tx| Box::pin(async move { checkout_session(&tx, order, session, page, expires_at).await }));
        write.await?;
        Ok(url)
    }

    /// The customer's id at Stripe, who is made there if unknown.
    async fn customer_at_stripe(&self, customer: CustomerId) -> Result<String> {
        match stripe_customer_of(&self.core.db, customer).await? {
            Some(known) => Ok(known),
            None => self.make_customer(customer, None).await,
        }
    }

    async fn make_customer(&self, customer: CustomerId, former: Option<&str>) -> Result<String> {
        let account = accounts::customer_get(&self.core.db, customer).await?.ok_or(Error::NotFound("customer"))?;
        let (ours, now) = (customer.to_string(), self.core.clock.now());
        // Two clicks at once make one customer; a new one after it was deleted there.
        let key = format!("customer/{ours}/{}", former.unwrap_or("first"));
        let made = self.stripe()?.create_customer(&ours, account.email.as_str(), account.company.as_str(), &key).await;
        let made = &made.map_err(unavailable)?;
        let put = self.core.db.write(|tx| Box::pin(async move { stripe_customer_put(&tx, made, customer, now).await }));
        put.await?;
        Ok(made.clone())
    }

    /// Stripe's page for the customer's cards and invoices.
    ///
    /// # Errors
    /// Without permission; before the customer has paid by Stripe; Stripe can't be reached.
    pub async fn customer_portal(&self, cx: &RequestContext) -> Result<String> {
        let customer = cx.customer()?;
        cx.require_permission(Permission::ManageMoney)?;
        let known = stripe_customer_of(&self.core.db, customer).await?;
        let known = known.ok_or_else(|| Error::Conflict("You have paid nothing by card here yet.".into()))?;
        let back = format!("{}/billing", self.core.portal_url());
        let key = format!("portal/{known}/{}", cx.now.as_millisecond());
        self.stripe()?.portal(&known, &back, &key).await.map_err(unavailable)
    }

    /// Whether the customer has such a page.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn has_customer_portal(&self, cx: &RequestContext) -> Result<bool> {
        let Some(customer) = cx.actor.customer().filter(|_| self.has_stripe()) else { return Ok(false) };
        Ok(stripe_customer_of(&self.core.db, customer).await?.is_some())
    }

    /// How an order stands, after a look at Stripe if it is not made yet: its customer has just returned from there, and
    /// the webhook may come later.
    ///
    /// # Errors
    /// Not found. If Stripe can't be reached, the webhook tells us.
    pub async fn returned_from_payment(&self, cx: &RequestContext, id: CheckoutId) -> Result<()> {
        let view = self.checkout(cx, id).await?;
        if view.site.is_some() || !self.has_stripe() {
            return Ok(());
        }
        let session = checkout_get(&self.core.db, id).await?.and_then(|checkout| checkout.session);
        if let Some(session) = session
            && let Err(error) = self.sync_session(&session).await
        {
            tracing::warn!(order = %id, error = error.for_operator(), "an order can't be looked up at Stripe; will retry");
        }
        Ok(())
    }

    /// Gives an order up whose session is open; one that was paid meanwhile is completed instead.
    pub(crate) async fn close_session(&self, checkout: &Checkout) -> Result<()> {
        let (Some(session), Some(stripe)) = (&checkout.session, &self.stripe) else { return Ok(()) };
        let now = stripe.session(session).await;
        let now = match now {
            Ok(now) => now,
            Err(error) if error.failure == stoa_integrations::stripe::StripeFailure::NotFound => return Ok(()),
            Err(error) => return Err(unavailable(error)),
        };
        if now.status == "open" {
            stripe.expire_session(session, &format!("expire/{session}")).await.map_err(unavailable)?;
            return Ok(());
        }
        self.settle_session(checkout, &now).await
    }

    /// Ends a subscription at Stripe with its period, or lets it go on.
    pub(crate) async fn cancel_at_stripe(&self, id: SubscriptionId, stripe_id: &str, ends: bool) -> Result<()> {
        let key = format!("cancel/{id}/{ends}/{}", self.core.clock.now().as_millisecond());
        self.stripe()?.set_cancelled(stripe_id, ends, &key).await.map_err(unavailable)?;
        self.sync_subscription(stripe_id).await
    }

    /// Ends a subscription at Stripe now, because its site is gone.
    pub(crate) async fn end_at_stripe(&self, stripe_id: &str) -> Result<()> {
        let ended = self.stripe()?.cancel_now(stripe_id, &format!("end/{stripe_id}")).await;
        match ended {
            Ok(_) => self.sync_subscription(stripe_id).await,
            // It is over there.
            Err(error) if error.failure == stoa_integrations::stripe::StripeFailure::NotFound => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }
}

fn is_missing(error: &StripeError) -> bool {
    error.code.as_deref() == Some("resource_missing")
}
