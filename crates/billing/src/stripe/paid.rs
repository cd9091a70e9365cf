//! From a paid order to its site: first the payment is a fact here, then the site is made, for as long as that takes.

use jiff::SignedDuration;
use serde_json::json;
use stoa_core::{Error, Result, random};
use stoa_db::{
    billing::{
        checkouts::{
            Checkout, CheckoutState, checkout_get, checkout_lock, checkout_update, checkouts_paid_without_site,
        },
        subscriptions::{
            Held, subscription_by_stripe_id, subscription_insert, subscription_lock, subscription_of_site,
            subscription_update,
        },
    },
    history,
};
use stoa_model::{
    billing::{
        access::Access,
        subscription::{Provider, Subscription, SubscriptionStatus},
    },
    id::{CheckoutId, SiteId, SubscriptionId},
};

use super::{mismatches::Mismatch, unavailable};
use crate::{Billing, order::Purchase};

/// How long a name stays reserved while a bank transfer is under way.
const TRANSFER_TIME: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Orders that one run looks at.
const BATCH: u64 = 50;

impl Billing {
    /// Reserves the name until a transfer has arrived.
    pub(super) async fn keep_reserved(&self, id: CheckoutId, session: &str) -> Result<()> {
        let now = self.core.clock.now();
        let keep = self.core.db.write(|tx| {
            Box::pin(async move {
                let Some(mut checkout) = checkout_lock(&tx, id).await? else { return Ok(()) };
                let is_current = checkout.session.as_deref() == Some(session);
                if is_current && checkout.state == CheckoutState::Open && checkout.url.is_some() {
                    (checkout.expires_at, checkout.url) = (now + TRANSFER_TIME, None);
                    checkout_update(&tx, &checkout).await?;
                }
                Ok::<_, Error>(())
            })
        });
        keep.await
    }

    /// Makes the site of an order that is paid by this subscription, or goes on where a dead process left it.
    pub(super) async fn complete_checkout(&self, id: CheckoutId, stripe_id: &str) -> Result<()> {
        let epoch = self.begin_fetch(stripe_id).await?;
        let at_stripe = self.stripe()?.subscription(stripe_id).await.map_err(unavailable)?;
        let subscription = match subscription_by_stripe_id(&self.core.db, stripe_id).await? {
            Some(held) => held.subscription.id,
            None => self.note_paid(id, &at_stripe).await?,
        };
        self.make_site(id, subscription).await?;
        self.copy_subscription(&at_stripe, subscription, epoch).await?;
        let Some(held) = subscription_by_stripe_id(&self.core.db, stripe_id).await? else { return Ok(()) };
        for invoice in self.stripe()?.paid_invoices(stripe_id).await.map_err(unavailable)? {
            self.note_invoice(&held, &invoice).await?;
        }
        Ok(())
    }

    /// Writes down that an order is paid, with its subscription: from here on, its site is owed to the customer.
    async fn note_paid(&self, id: CheckoutId, at: &stoa_integrations::stripe::Subscription) -> Result<SubscriptionId> {
        let cx = &self.core.system_context("stripe");
        let status = at.status.parse().unwrap_or(SubscriptionStatus::Incomplete);
        let new = SubscriptionId::from_uuid(random::uuid_at(cx.now));
        let noted = self.core.db.write(|tx| {
            Box::pin(async move {
                let mut checkout = checkout_lock(&tx, id).await?.ok_or(Error::NotFound("order"))?;
                // Somebody else was a moment faster.
                if let Some(held) = subscription_by_stripe_id(&*tx, &at.id).await? {
                    return Ok(Some(held.subscription.id));
                }
                if checkout.site.is_some() || checkout.state == CheckoutState::Paid {
                    return Ok(None);
                }
                let customer = checkout.customer.ok_or(Error::NotFound("customer"))?;
                checkout.state = CheckoutState::Paid;
                checkout_update(&tx, &checkout).await?;
                let subscription = Subscription {
                    id: new,
                    customer,
                    site: None,
                    plan: checkout.plan,
                    plan_version: checkout.plan_version,
                    price: checkout.price,
                    provider: Provider::Stripe,
                    stripe_id: Some(at.id.clone()),
                    status,
                    period_start: at.item().map_or(cx.now, |item| item.current_period_start),
                    period_end: at.item().map(|item| item.current_period_end),
                    past_due_since: None,
                    cancel_at: at.ends_at(),
                    ended_at: at.ended_at,
                    created_at: at.created,
                };
                let held = Held { subscription, access: Access::None, letter: None, check_at: Some(cx.now) };
                subscription_insert(&tx, &held).await?;
                let detail = json!({ "subscription": new, "stripe": at.id });
                history::audit(&tx, &cx.audit("checkout.paid", id, detail)).await?;
                Ok::<_, Error>(Some(new))
            })
        });
        let noted = match noted.await {
            Ok(noted) => noted,
            Err(error) => {
                let text = format!(
                    "The order {id} was paid after it was given up, and can't be taken up again: {error} Cancel the \
                     subscription {} in Stripe's dashboard and give its payment back.",
                    at.id
                );
                self.alarm(&Mismatch::no_site(id, text)).await?;
                return Err(error);
            }
        };
        match noted {
            Some(subscription) => Ok(subscription),
            None => {
                let text = format!(
                    "The order {id} was paid twice: the subscription {} has no site of its own. Cancel it in Stripe's \
                     dashboard and give its payment back.",
                    at.id
                );
                self.alarm(&Mismatch::double(&at.id, text.clone())).await?;
                Err(Error::Conflict(text))
            }
        }
    }

    /// Makes the site, if there is none yet.
    async fn make_site(&self, id: CheckoutId, subscription: SubscriptionId) -> Result<()> {
        let checkout = checkout_get(&self.core.db, id).await?.ok_or(Error::NotFound("order"))?;
        if checkout.site.is_some() {
            return Ok(());
        }
        if let Some(site) = Self::existing_site(&checkout) {
            return self.attach(id, subscription, site).await;
        }
        let cx = self.core.system_context("stripe");
        let customer = checkout.customer.ok_or(Error::NotFound("customer"))?;
        let purchase = Purchase {
            choice: self.choice_of(&checkout).await?,
            provider: Provider::Stripe,
            status: SubscriptionStatus::Active,
            period_end: None,
            subscription: Some(subscription),
            checkout: Some(id),
            payment: None,
            cause: "paid",
            periods: self.core.settings.billing.dunning,
        };
        let command = self.kept_order(&checkout, customer)?;
        match self.order_purchase(&cx, command, None, &purchase).await {
            Ok(_) => self.settle(&Mismatch::no_site(id, String::new())).await,
            Err(error) => {
                let now = checkout_get(&self.core.db, id).await?;
                if now.is_some_and(|now| now.site.is_some()) {
                    return Ok(());
                }
                let text = format!(
                    "{} has paid for {}, but the site can't be made: {error} We try again by ourselves.",
                    checkout.email, checkout.hostname
                );
                self.alarm(&Mismatch::no_site(id, text)).await?;
                Err(error)
            }
        }
    }

    /// Gives a site that there is already to the subscription that was paid for it. A free one ends by that; the limits of
    /// the plan follow when the subscription is put into effect.
    async fn attach(&self, id: CheckoutId, subscription: SubscriptionId, site: SiteId) -> Result<()> {
        let cx = &self.core.system_context("stripe");
        let attached = self.core.db.write(|tx| {
            Box::pin(async move {
                let mut checkout = checkout_lock(&tx, id).await?.ok_or(Error::NotFound("order"))?;
                if checkout.site.is_some() {
                    return Ok(None);
                }
                let former = subscription_of_site(&*tx, site).await?;
                let former = former.filter(|held| !held.subscription.status.has_ended());
                if let Some(former) = former {
                    if former.subscription.provider != Provider::Free {
                        return Ok(Some(former.subscription.id));
                    }
                    let mut former =
                        subscription_lock(&tx, former.subscription.id).await?.ok_or(Error::NotFound("subscription"))?;
                    (former.subscription.status, former.subscription.ended_at) =
                        (SubscriptionStatus::Canceled, Some(cx.now));
                    former.check_at = None;
                    subscription_update(&tx, &former).await?;
                }
                let mut held = subscription_lock(&tx, subscription).await?.ok_or(Error::NotFound("subscription"))?;
                (held.subscription.site, held.check_at) = (Some(site), Some(cx.now));
                subscription_update(&tx, &held).await?;
                (checkout.state, checkout.site) = (CheckoutState::Paid, Some(site));
                checkout_update(&tx, &checkout).await?;
                let detail = json!({ "site": site, "order": id });
                history::audit(&tx, &cx.audit("subscription.attach", subscription, detail)).await?;
                Ok::<_, Error>(None)
            })
        });
        match attached.await? {
            None => self.settle(&Mismatch::no_site(id, String::new())).await,
            Some(other) => {
                let text = format!(
                    "The order {id} was paid for a site that another subscription ({other}) pays for by now. Cancel one of \
                     them, and give its payment back."
                );
                self.alarm(&Mismatch::no_site(id, text.clone())).await?;
                Err(Error::Conflict(text))
            }
        }
    }

    /// Makes the sites that are owed to customers.
    pub(super) async fn make_owed_sites(&self) -> Result<()> {
        for checkout in checkouts_paid_without_site(&self.core.db, BATCH).await? {
            let Checkout { id, session: Some(session), .. } = checkout else { continue };
            if let Err(error) = self.sync_session(&session).await {
                tracing::warn!(order = %id, error = error.for_operator(), "a paid site can't be made; will retry");
            }
        }
        Ok(())
    }
}
