//! Looking at an object of Stripe's, and making ours agree with it. Each of these may run at any time, any number of times,
//! and two at once.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stoa_core::{
    Error, Result, random,
    tasks::{RetryPolicy, TaskError, TaskSpec},
};
use stoa_db::{
    billing::{
        checkouts::{Checkout, CheckoutState, checkout_get, checkout_of_session},
        payments::{Payment, payment_insert},
        plans,
        stripe::{fetch_begin, fetch_written, stripe_customer_put},
        subscriptions::{Held, subscription_by_stripe_id, subscription_lock, subscription_update},
    },
    history,
};
use stoa_integrations::stripe::{Invoice, Session, StripeError, StripeFailure, Subscription as AtStripe};
use stoa_model::{
    billing::{
        plan::Price,
        subscription::{Provider, SubscriptionStatus},
    },
    id::{CheckoutId, PaymentId, SubscriptionId},
};

use super::{found, mismatches::Mismatch, money, unavailable};
use crate::Billing;

/// What is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "object", content = "id", rename_all = "snake_case")]
pub enum SyncObject {
    /// A checkout session.
    Session(String),
    /// A subscription.
    Subscription(String),
    /// An invoice.
    Invoice(String),
    /// Money that was given back.
    Refund(String),
    /// A customer disputes a payment.
    Dispute(String),
}

impl SyncObject {
    /// What an event about this object leads to; `None` for what doesn't concern us.
    pub(super) fn of_event(object: &str, id: String) -> Option<Self> {
        match object {
            "checkout.session" => Some(Self::Session(id)),
            "subscription" => Some(Self::Subscription(id)),
            "invoice" => Some(Self::Invoice(id)),
            "refund" => Some(Self::Refund(id)),
            "dispute" => Some(Self::Dispute(id)),
            _ => None,
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Session(id) | Self::Subscription(id) | Self::Invoice(id) | Self::Refund(id) | Self::Dispute(id) => id,
        }
    }
}

/// Looks at an object of Stripe's.
pub struct SyncStripe(pub Billing);

#[async_trait]
impl TaskSpec for SyncStripe {
    const KIND: &'static str = "stripe";
    const RETRY: RetryPolicy = RetryPolicy {
        first: Duration::from_secs(5),
        longest: Duration::from_secs(3600),
        give_up_after: Duration::from_secs(3 * 24 * 3600),
    };
    type Payload = SyncObject;

    fn title(&self, of: &SyncObject) -> String {
        format!("Look at {} at Stripe", of.id())
    }

    async fn execute(&self, of: SyncObject) -> std::result::Result<(), TaskError> {
        // Also what is refused may have changed later, at Stripe or here; it is shown to staff when it is given up.
        self.0.sync_stripe(&of).await.map_err(|error| TaskError::Retry(error.for_operator()))
    }
}

impl Billing {
    /// Makes ours agree with an object of Stripe's. What isn't ours is left alone.
    ///
    /// # Errors
    /// If Stripe or the database doesn't answer, or a site can't be made that was paid.
    pub async fn sync_stripe(&self, of: &SyncObject) -> Result<()> {
        match of {
            SyncObject::Session(id) => Box::pin(self.sync_session(id)).await,
            SyncObject::Subscription(id) => Box::pin(self.sync_subscription(id)).await,
            SyncObject::Invoice(id) => Box::pin(self.sync_invoice(id)).await,
            SyncObject::Refund(id) => Box::pin(self.sync_refund(id)).await,
            SyncObject::Dispute(id) => {
                let text = format!("A customer disputes a payment ({id}). Answer it in Stripe's dashboard.");
                self.alarm(&Mismatch::dispute(id, text)).await
            }
        }
    }

    pub(super) async fn begin_fetch(&self, id: &str) -> Result<i64> {
        Ok(self.core.db.write(|tx| Box::pin(async move { fetch_begin(&tx, id).await })).await?)
    }

    /// An order that is paid becomes a site; one whose session is over is given up.
    pub(super) async fn sync_session(&self, id: &str) -> Result<()> {
        let Some(session) = found(self.stripe()?.session(id).await)? else { return Ok(()) };
        let Some(checkout) = self.checkout_of(&session).await? else { return Ok(()) };
        self.settle_session(&checkout, &session).await
    }

    async fn checkout_of(&self, session: &Session) -> Result<Option<Checkout>> {
        let named = session.client_reference_id.as_deref().and_then(|id| id.parse::<CheckoutId>().ok());
        let db = &self.core.db;
        match named {
            Some(id) => Ok(checkout_get(db, id).await?),
            None => Ok(checkout_of_session(db, &session.id).await?),
        }
    }

    pub(super) async fn settle_session(&self, checkout: &Checkout, session: &Session) -> Result<()> {
        let cx = self.core.system_context("stripe");
        let is_current = checkout.session.as_deref() == Some(session.id.as_str());
        match (session.status.as_str(), &session.subscription) {
            ("complete", Some(subscription)) if session.is_paid() => {
                if let Some(customer) = &session.customer {
                    self.know_customer(customer, checkout).await?;
                }
                // Boxed, as it orders a site: each caller would be as large.
                Box::pin(self.complete_checkout(checkout.id, subscription)).await
            }
            // A bank transfer is under way; it can take two weeks.
            ("complete", _) => self.keep_reserved(checkout.id, &session.id).await,
            ("expired", _) if is_current && checkout.state == CheckoutState::Open => {
                self.expire(&cx, checkout.id, "its payment page was not used").await
            }
            ("open" | "expired", _) => Ok(()),
            (unknown, _) => {
                let text =
                    format!("The session {} has the status {unknown:?}, which this release doesn't know.", session.id);
                self.alarm(&Mismatch::unknown(&session.id, text)).await
            }
        }
    }

    pub(super) async fn know_customer(&self, stripe_id: &str, checkout: &Checkout) -> Result<()> {
        let (Some(customer), now) = (checkout.customer, self.core.clock.now()) else { return Ok(()) };
        let put =
            self.core.db.write(|tx| Box::pin(async move { stripe_customer_put(&tx, stripe_id, customer, now).await }));
        Ok(put.await?)
    }

    /// Copies how a subscription stands, and puts into effect what follows from it.
    pub(crate) async fn sync_subscription(&self, id: &str) -> Result<()> {
        let epoch = self.begin_fetch(id).await?;
        let at_stripe = match self.stripe()?.subscription(id).await {
            Ok(found) => found,
            Err(error) if error.failure == StripeFailure::NotFound => return self.gone(id, error).await,
            Err(error) => return Err(unavailable(error)),
        };
        let Some(held) = subscription_by_stripe_id(&self.core.db, id).await? else {
            return self.sync_unknown_subscription(&at_stripe).await;
        };
        self.copy_subscription(&at_stripe, held.subscription.id, epoch).await
    }

    /// A subscription that we don't know: of an order whose payment we haven't heard of yet, or not ours.
    async fn sync_unknown_subscription(&self, at_stripe: &AtStripe) -> Result<()> {
        let Some(id) = at_stripe.metadata.get("checkout").and_then(|id| id.parse::<CheckoutId>().ok()) else {
            return Ok(());
        };
        let Some(checkout) = checkout_get(&self.core.db, id).await? else { return Ok(()) };
        match &checkout.session {
            Some(session) => Box::pin(self.sync_session(session)).await,
            None => Ok(()),
        }
    }

    /// A subscription that Stripe doesn't have any more.
    async fn gone(&self, id: &str, error: StripeError) -> Result<()> {
        let Some(held) = subscription_by_stripe_id(&self.core.db, id).await? else { return Ok(()) };
        if held.subscription.status.has_ended() {
            return Ok(());
        }
        let text = format!(
            "Stripe doesn't know the subscription {id} any more ({error}). The site goes on. Cancel the subscription here, or \
             give the key of the account that has it."
        );
        self.alarm(&Mismatch::missing(id, text)).await
    }

    /// Writes down what was fetched, unless what was fetched later is written already.
    pub(super) async fn copy_subscription(&self, at_stripe: &AtStripe, id: SubscriptionId, epoch: i64) -> Result<()> {
        let cx = &self.core.system_context("stripe");
        let Ok(status) = at_stripe.status.parse::<SubscriptionStatus>() else {
            let text = format!(
                "The subscription {} has the status {:?}, which this release doesn't know. Nothing was changed.",
                at_stripe.id, at_stripe.status
            );
            return self.alarm(&Mismatch::unknown(&at_stripe.id, text)).await;
        };
        let Some(item) = at_stripe.item() else {
            let text = format!(
                "The subscription {} has more than one item at Stripe, or none. Nothing was changed. Remove the others there.",
                at_stripe.id
            );
            return self.alarm(&Mismatch::amount(&at_stripe.id, text)).await;
        };
        let owed_since = match status {
            SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid => self.owed_at_stripe(&at_stripe.id).await?,
            _ => None,
        };
        let price = self.known_price(item.price.id.as_str(), item.price.lookup_key.as_deref()).await?;
        let (item, at, price_now) = (&item, at_stripe, &price);
        let copied = self.core.db.write(|tx| {
            Box::pin(async move {
                if !fetch_written(&tx, &at.id, epoch).await? {
                    return Ok(false);
                }
                let former = subscription_lock(&tx, id).await?.ok_or(Error::NotFound("subscription"))?;
                let mut of = former.subscription.clone();
                (of.status, of.cancel_at, of.ended_at) = (status, at.ends_at(), at.ended_at);
                (of.period_start, of.period_end) = (item.current_period_start, Some(item.current_period_end));
                // The date on which a payment became due stays, also if a later invoice is open as well.
                of.past_due_since = owed_since;
                // Whoever buys another price buys its plan as it is sold now.
                if let Some(price) = price_now.as_ref().filter(|price| price.id != of.price) {
                    let plan = plans::plan_get(&*tx, price.plan).await?.ok_or(Error::NotFound("plan"))?;
                    (of.plan, of.plan_version, of.price) = (plan.id, plan.version, price.id);
                }
                if of == former.subscription {
                    return Ok(true);
                }
                let detail = json!({ "status": of.status, "period_end": of.period_end, "price": of.price,
                    "cancel_at": of.cancel_at });
                history::audit(&tx, &cx.audit("subscription.sync", id, detail)).await?;
                subscription_update(&tx, &Held { subscription: of, check_at: Some(cx.now), ..former }).await?;
                Ok::<_, Error>(true)
            })
        });
        if !copied.await? {
            return Ok(());
        }
        match price {
            None if !status.has_ended() => {
                let text = format!(
                    "The subscription {} has the price {} at Stripe, which is not one of ours. The site keeps its plan.",
                    at_stripe.id, item.price.id
                );
                self.alarm(&Mismatch::amount(&at_stripe.id, text)).await?;
            }
            _ => self.settle(&Mismatch::amount(&at_stripe.id, String::new())).await?,
        }
        self.put_into_effect(cx, id, "Stripe").await
    }

    /// Since when a payment is due: the oldest invoice that is open.
    async fn owed_at_stripe(&self, id: &str) -> Result<Option<Timestamp>> {
        let open = self.stripe()?.open_invoices(id).await.map_err(unavailable)?;
        Ok(open.iter().filter(|invoice| invoice.amount_remaining > 0).map(Invoice::due_since).min())
    }

    /// Our price with this id at Stripe.
    pub(super) async fn known_price(&self, stripe_id: &str, lookup: Option<&str>) -> Result<Option<Price>> {
        let db = &self.core.db;
        if let Some(found) = plans::price_by_stripe_id(db, stripe_id).await? {
            return Ok(Some(found));
        }
        match lookup.and_then(|key| key.parse().ok()) {
            Some(id) => Ok(plans::price_get(db, id).await?),
            None => Ok(None),
        }
    }

    /// Writes a paid invoice down, once.
    pub(super) async fn sync_invoice(&self, id: &str) -> Result<()> {
        let Some(invoice) = found(self.stripe()?.invoice(id).await)? else { return Ok(()) };
        let Some(subscription) = invoice.subscription() else { return Ok(()) };
        // The first invoice may come before anything else of its order.
        self.sync_subscription(subscription).await?;
        if let Some(held) = subscription_by_stripe_id(&self.core.db, subscription).await? {
            self.note_invoice(&held, &invoice).await?;
        }
        Ok(())
    }

    pub(super) async fn note_invoice(&self, held: &Held, invoice: &Invoice) -> Result<()> {
        if !invoice.is_paid() || invoice.amount_paid == 0 {
            return Ok(());
        }
        let now = self.core.clock.now();
        let (period_start, period_end) = invoice.period();
        let payment = Payment {
            id: PaymentId::from_uuid(random::uuid_at(now)),
            subscription: held.subscription.id,
            customer: held.subscription.customer,
            money: money(invoice.amount_paid, &invoice.currency)?,
            provider: Provider::Stripe,
            reference: invoice.number.clone().unwrap_or_default(),
            stripe_id: Some(invoice.id.clone()),
            actor: self.core.system_context("stripe").actor.to_string(),
            period_start,
            period_end,
            paid_at: invoice.paid_at().unwrap_or(now),
        };
        self.write_payment(&payment).await
    }

    async fn write_payment(&self, payment: &Payment) -> Result<()> {
        let cx = &self.core.system_context("stripe");
        let write = self.core.db.write(|tx| {
            Box::pin(async move {
                if payment_insert(&tx, payment).await? {
                    let detail = json!({ "amount": payment.money.to_string(), "invoice": payment.stripe_id });
                    history::audit(&tx, &cx.audit("subscription.paid", payment.subscription, detail)).await?;
                }
                Ok::<_, Error>(())
            })
        });
        write.await
    }

    /// Writes a refund down as a negative payment, once.
    async fn sync_refund(&self, id: &str) -> Result<()> {
        let stripe = self.stripe()?;
        let Some(refund) = found(stripe.refund(id).await)? else { return Ok(()) };
        let (Some("succeeded"), Some(intent)) = (refund.status.as_deref(), &refund.payment_intent) else {
            return Ok(());
        };
        for paid in stripe.invoice_payments(intent).await.map_err(unavailable)? {
            let invoice = stripe.invoice(&paid.invoice).await.map_err(unavailable)?;
            let Some(subscription) = invoice.subscription() else { continue };
            self.sync_invoice(&invoice.id).await?;
            let Some(held) = subscription_by_stripe_id(&self.core.db, subscription).await? else { continue };
            let now = self.core.clock.now();
            let (period_start, period_end) = invoice.period();
            let payment = Payment {
                id: PaymentId::from_uuid(random::uuid_at(now)),
                subscription: held.subscription.id,
                customer: held.subscription.customer,
                money: money(-refund.amount, &refund.currency)?,
                provider: Provider::Stripe,
                reference: format!("Refund of {}", invoice.number.as_deref().unwrap_or(&invoice.id)),
                stripe_id: Some(refund.id.clone()),
                actor: self.core.system_context("stripe").actor.to_string(),
                period_start,
                period_end,
                paid_at: refund.created,
            };
            self.write_payment(&payment).await?;
        }
        Ok(())
    }
}
