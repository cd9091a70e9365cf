//! Ordering a site on a plan: at once if it is free or in its trial, else once it is paid.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use stoa_accounts::{
    command::Register,
    view::{LoginOutcome, NewSession},
};
use stoa_core::{Error, RequestContext, Result, random};
use stoa_db::{
    Tx,
    billing::{
        checkouts::{CheckoutState, checkout_lock, checkout_update},
        payments::{Payment, payment_insert},
        subscriptions::{
            Entitlement, Held, entitlement_begin, sites_on_plan, subscription_insert, subscription_lock,
            subscription_update,
        },
    },
    history,
};
use stoa_model::{
    billing::{
        access::DunningPeriods,
        subscription::{Provider, Subscription, SubscriptionStatus},
    },
    id::{CheckoutId, SubscriptionId},
    site::Site,
};
use stoa_sites::{
    Registered,
    command::OrderSite,
    terms::{OrderTerms, RecordOrder},
    view::Ordered,
};

use crate::{Billing, effect, plans::Choice, view::CheckoutView};

/// What came of an order.
#[derive(Debug)]
pub enum Placed {
    /// The site is being created.
    Site(Ordered),
    /// It will be once it is paid.
    Checkout(Box<CheckoutView>),
}

/// What came of a sign-up with a first order.
#[derive(Debug)]
pub enum RegisteredOrder {
    /// An account with its session, and what came of the order.
    Now(Box<NewSession>, Placed),
    /// The address and password are those of an account that exists. Nothing was ordered.
    Before(LoginOutcome),
}

/// A plan that is being bought, written down in the transaction of the order.
pub(crate) struct Purchase {
    pub choice: Choice,
    pub provider: Provider,
    pub status: SubscriptionStatus,
    pub period_end: Option<Timestamp>,
    /// The subscription that waits for its site, if it was written down before.
    pub subscription: Option<SubscriptionId>,
    /// The order that is paid now.
    pub checkout: Option<CheckoutId>,
    /// The first payment.
    pub payment: Option<Payment>,
    /// Why the site is entitled to what it gets.
    pub cause: &'static str,
    pub periods: DunningPeriods,
}

#[async_trait]
impl RecordOrder for Purchase {
    async fn record(&self, tx: &Tx, cx: &RequestContext, site: &Site) -> Result<()> {
        if let Some(id) = self.checkout {
            let mut checkout = checkout_lock(tx, id).await?.ok_or(Error::NotFound("checkout"))?;
            if checkout.site.is_some() || checkout.state == CheckoutState::Expired {
                return Err(Error::Conflict("This order was completed or given up already.".into()));
            }
            (checkout.state, checkout.site, checkout.customer) =
                (CheckoutState::Paid, Some(site.id), Some(site.customer));
            checkout_update(tx, &checkout).await?;
        }
        let Choice { plan, price } = &self.choice;
        let limit = u64::from(plan.terms.sites);
        // Who has paid gets what they have paid for.
        if limit > 0 && self.checkout.is_none() && sites_on_plan(tx, site.customer, plan.id).await? >= limit {
            return Err(Error::Conflict(format!(
                "An account can have {limit} {} on the plan {}. Choose another plan.",
                if limit == 1 { "site" } else { "sites" },
                plan.name
            )));
        }
        let waiting = match self.subscription {
            Some(id) => Some(subscription_lock(tx, id).await?.ok_or(Error::NotFound("subscription"))?),
            None => None,
        };
        let id = self.subscription.unwrap_or_else(|| SubscriptionId::from_uuid(random::uuid_at(cx.now)));
        let subscription = match &waiting {
            Some(held) => Subscription { site: Some(site.id), ..held.subscription.clone() },
            None => Subscription {
                id,
                customer: site.customer,
                site: Some(site.id),
                plan: plan.id,
                plan_version: plan.version,
                price: price.id,
                provider: self.provider,
                stripe_id: None,
                status: self.status,
                period_start: cx.now,
                period_end: self.period_end,
                past_due_since: None,
                cancel_at: None,
                ended_at: None,
                created_at: cx.now,
            },
        };
        let facts = effect::facts(&subscription);
        let held = Held {
            access: effect::access_at(&facts, &self.periods, cx.now),
            // Looked at again at once, for the letters.
            check_at: Some(cx.now),
            letter: None,
            subscription,
        };
        match waiting {
            Some(_) => subscription_update(tx, &held).await?,
            None => subscription_insert(tx, &held).await?,
        }
        let begins = Entitlement {
            site: site.id,
            subscription: id,
            plan: held.subscription.plan,
            plan_version: held.subscription.plan_version,
            access: held.access,
            cause: self.cause.to_owned(),
            from: cx.now,
            to: None,
        };
        entitlement_begin(tx, random::uuid_at(cx.now), &begins).await?;
        if let Some(payment) = &self.payment {
            payment_insert(tx, &Payment { subscription: id, customer: site.customer, ..payment.clone() }).await?;
        }
        let detail = json!({ "site": site.id, "plan": plan.slug, "version": plan.version, "price": price.to_string(),
            "provider": self.provider });
        Ok(history::audit(tx, &cx.audit("subscription.create", id, detail)).await?)
    }
}

impl Billing {
    /// Orders a site. If its plan must be paid first, the site's address is reserved, and the answer says where to pay.
    ///
    /// # Errors
    /// All bad fields at once; no room; an address that is taken; more sites than the plan allows.
    pub async fn order(&self, cx: &RequestContext, command: OrderSite, key: Option<String>) -> Result<Placed> {
        let choice = self.choose(cx, &command.blueprint, &command.plan).await;
        let Some(choice) = choice.map_err(|error| self.with_bad_fields(error, &command))? else {
            return Ok(Placed::Site(self.sites.order(cx, command, key).await?));
        };
        if cx.actor.customer().is_some() && self.must_pay_first(&choice) {
            return Ok(Placed::Checkout(Box::new(self.begin_checkout(cx, &command, choice).await?)));
        }
        let purchase = self.unpaid_purchase(cx, choice);
        Ok(Placed::Site(self.order_purchase(cx, command, key, &purchase).await?))
    }

    /// Opens an account and orders its first site.
    ///
    /// # Errors
    /// All bad fields of both at once, and what [`order`](Self::order) refuses.
    pub async fn register_and_order(
        &self,
        cx: &RequestContext,
        account: Register,
        command: OrderSite,
    ) -> Result<RegisteredOrder> {
        // A stranger chooses as a customer does.
        let wanted =
            if command.plan.is_empty() { self.first_plan(&command.blueprint).await? } else { command.plan.clone() };
        let choice = self.choose(cx, &command.blueprint, &wanted).await;
        let choice = choice.map_err(|error| self.with_bad_fields(error, &command))?;
        match choice {
            Some(choice) if self.must_pay_first(&choice) => {
                let registered = self.sites.register_for_order(cx, account, &command).await?;
                match registered {
                    Registered::Before(outcome) => Ok(RegisteredOrder::Before(outcome)),
                    Registered::Now(session, customer) => {
                        let customer = RequestContext { actor: customer, ..cx.clone() };
                        let checkout = self.begin_checkout(&customer, &command, choice).await?;
                        Ok(RegisteredOrder::Now(Box::new(session), Placed::Checkout(Box::new(checkout))))
                    }
                }
            }
            choice => {
                let purchase = choice.map(|choice| self.unpaid_purchase(cx, choice));
                let profiles: Vec<_> = purchase.iter().flat_map(|of| of.choice.plan.terms.profiles()).collect();
                let terms = purchase.as_ref().map(|purchase| purchase.terms(&profiles));
                Ok(match self.sites.register_and_order_on(cx, account, command, terms.as_ref()).await? {
                    Registered::Before(outcome) => RegisteredOrder::Before(outcome),
                    Registered::Now(session, ordered) => RegisteredOrder::Now(Box::new(session), Placed::Site(ordered)),
                })
            }
        }
    }

    /// What is bought without a payment before: something free, a trial, or what staff order and collect later.
    fn unpaid_purchase(&self, cx: &RequestContext, choice: Choice) -> Purchase {
        let (is_free, days) = (choice.price.money.is_zero(), choice.plan.terms.trial_days);
        let trial_end = cx.now.saturating_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(cx.now);
        let (provider, status, period_end) = match (is_free, days) {
            (true, _) => (Provider::Free, SubscriptionStatus::Active, None),
            (false, 0) => (Provider::Manual, SubscriptionStatus::Active, Some(cx.now)),
            (false, _) => (Provider::Manual, SubscriptionStatus::Trialing, Some(trial_end)),
        };
        Purchase {
            choice,
            provider,
            status,
            period_end,
            subscription: None,
            checkout: None,
            payment: None,
            cause: "ordered",
            periods: self.core.settings.billing.dunning,
        }
    }

    /// Whether nothing is created before the first payment, or before Stripe has a card for what follows the trial.
    fn must_pay_first(&self, choice: &Choice) -> bool {
        !choice.price.money.is_zero() && (choice.plan.terms.trial_days == 0 || self.has_stripe())
    }

    /// Orders a site that is bought like this.
    pub(crate) async fn order_purchase(
        &self,
        cx: &RequestContext,
        command: OrderSite,
        key: Option<String>,
        purchase: &Purchase,
    ) -> Result<Ordered> {
        let profiles: Vec<_> = purchase.choice.plan.terms.profiles().collect();
        self.sites.order_on(cx, command, key, Some(&purchase.terms(&profiles))).await
    }

    /// Adds the other bad fields of an order to those of its plan, so that all appear in one round.
    fn with_bad_fields(&self, error: Error, command: &OrderSite) -> Error {
        match error {
            Error::Invalid(mut bad) => {
                bad.extend(self.sites.bad_fields(command));
                Error::Invalid(bad)
            }
            other => other,
        }
    }
}

impl Purchase {
    fn terms<'a>(&'a self, profiles: &'a [&'a str]) -> OrderTerms<'a> {
        let terms = &self.choice.plan.terms;
        OrderTerms {
            memory: terms.memory,
            cpu: terms.cpu,
            disk: terms.disk,
            edge: terms.edge,
            profiles,
            checkout: self.checkout,
            record: self,
        }
    }
}
