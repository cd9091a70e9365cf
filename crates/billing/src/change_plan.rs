//! Another plan for a site that has one: first what it would mean, then the same for good.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use stoa_core::{Error, RequestContext, Result, random};
use stoa_db::{
    billing::{
        plans,
        subscriptions::{
            Entitlement, Held, entitlement_begin, entitlements_of, sites_on_plan, subscription_lock,
            subscription_of_site, subscription_update,
        },
    },
    history, sites,
};
use stoa_integrations::stripe::PlanChange;
use stoa_model::{
    account::{Actor, Role},
    billing::{
        access::owed_since,
        money::Money,
        plan::Price,
        subscription::{Provider, Subscription, SubscriptionStatus},
    },
    field::Invalid,
    id::SubscriptionId,
    member::Permission,
    site::{Lifecycle, Site},
};
use stoa_sites::terms::NewTerms;

use crate::{Billing, effect::facts, plans::Choice, stripe::unavailable, view::PlanView};

/// How long what was shown can be accepted.
const PREVIEW_LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// What another plan would mean.
#[derive(Debug, Clone, Serialize)]
pub struct ChangePreview {
    /// The plan's name.
    pub plan: String,
    /// What an order names to buy it, such as `woo-core:month`.
    pub choice: String,
    /// Its price in words.
    pub price: String,
    /// What is charged now; negative: what is kept for the next invoices. `None`: nothing is charged.
    pub due: Option<Money>,
    /// What that consists of, in words.
    pub lines: Vec<ChangeLine>,
    /// Until when what was paid lasts then.
    pub paid_until: Option<Timestamp>,
    /// Whether the whole price is paid first, on a page of its own.
    pub is_paid_first: bool,
    /// For when it was computed; the change is made as of this time.
    pub at: Timestamp,
}

/// A line of what is charged.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeLine {
    /// In words.
    pub text: String,
    /// How much.
    pub money: Money,
}

/// What came of a change.
#[derive(Debug)]
pub enum Changed {
    /// It is done.
    Now(Box<crate::view::SubscriptionView>),
    /// It will be once it is paid.
    Checkout(Box<crate::view::CheckoutView>),
}

/// A change that is possible.
struct Possible {
    held: Held,
    choice: Choice,
    present: Price,
    site: Site,
    /// There is nothing at Stripe that could be changed: the site is free, or its subscription has ended.
    is_paid_first: bool,
}

/// Ids at Stripe: of a subscription's item, of its price, and of the new one.
struct AtStripe {
    item: String,
    present: String,
    new: String,
}

impl Billing {
    /// The plans that a site of this subscription can move to, its own among them.
    ///
    /// # Errors
    /// Not found.
    pub async fn other_plans(&self, cx: &RequestContext, id: SubscriptionId) -> Result<Vec<PlanView>> {
        let held = self.accessible(cx, id).await?;
        let own = plans::plan_get(&self.core.db, held.subscription.plan).await?.ok_or(Error::NotFound("plan"))?;
        Ok(self.price_list().await?.into_iter().filter(|plan| plan.blueprint == own.blueprint).collect())
    }

    /// What the plan `wanted` (`woo-core`, `woo-core:year`) would mean for a subscription. Nothing is changed.
    ///
    /// # Errors
    /// Not found; a plan that can't be had; less than the site uses; a payment that is overdue; Stripe can't be reached.
    pub async fn preview_change(&self, cx: &RequestContext, id: SubscriptionId, wanted: &str) -> Result<ChangePreview> {
        let possible = self.possible_change(cx, id, wanted).await?;
        self.preview(&possible, cx.now).await
    }

    async fn preview(&self, possible: &Possible, at: Timestamp) -> Result<ChangePreview> {
        let Possible { held, choice, present, is_paid_first, .. } = possible;
        let of = &held.subscription;
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        let (mut due, mut lines, mut paid_until) = (None, Vec::new(), of.period_end);
        match (of.provider, &of.stripe_id) {
            _ if *is_paid_first => {
                due = Some(choice.price.money);
                paid_until = Some(choice.price.interval.end(at));
            }
            (Provider::Stripe, Some(stripe_id)) => {
                let AtStripe { item, new, .. } = self.change_at_stripe(stripe_id, choice).await?;
                let change = PlanChange { subscription: stripe_id, item: &item, price: &new, at };
                let key = format!("preview/{}/{}/{}", of.id, choice.price.id, at.as_second());
                let preview = self.stripe()?.preview_change(&change, &key).await.map_err(unavailable)?;
                let money = |minor| crate::stripe::money(minor, &preview.currency);
                due = Some(money(preview.total)?);
                for line in preview.lines() {
                    lines.push(ChangeLine { text: line.text, money: money(line.amount)? });
                }
            }
            _ => paid_until = converted(of, present, &choice.price, at),
        }
        let words = format!("{}:{}", choice.plan.slug, choice.price.interval);
        Ok(ChangePreview {
            plan: choice.plan.name.to_string(),
            choice: words,
            price: choice.price.to_string(),
            due,
            lines,
            paid_until,
            is_paid_first: *is_paid_first,
            at,
        })
    }

    /// Moves a subscription to another plan, as of the time that [`preview_change`](Self::preview_change) has said. The
    /// site's limits change at once.
    ///
    /// # Errors
    /// As for the preview; if the card is declined, nothing is changed.
    pub async fn change_plan(
        &self,
        cx: &RequestContext,
        id: SubscriptionId,
        wanted: &str,
        at: Timestamp,
    ) -> Result<Changed> {
        self.accessible(cx, id).await?;
        match cx.actor {
            Actor::Customer(_) => cx.require_permission(Permission::ManageMoney)?,
            Actor::Nobody | Actor::Staff(..) | Actor::System => cx.require(Role::Admin)?,
        }
        if at > cx.now || cx.now.duration_since(at) > PREVIEW_LIFETIME {
            return Err(Error::Conflict("This offer is too old. Look at the change again, and accept it then.".into()));
        }
        let Possible { held, choice, present, site, is_paid_first } = self.possible_change(cx, id, wanted).await?;
        if is_paid_first {
            return Ok(Changed::Checkout(Box::new(self.begin_checkout_for(cx, &site, &choice).await?)));
        }
        let Choice { plan, price } = &choice;
        if let (Provider::Stripe, Some(stripe_id)) = (held.subscription.provider, &held.subscription.stripe_id) {
            let AtStripe { item, present, new } = self.change_at_stripe(stripe_id, &choice).await?;
            // Not again what a lost answer has done. A key of the offer would repeat a declined card for a day.
            if present != new {
                let change = PlanChange { subscription: stripe_id, item: &item, price: &new, at };
                let key = format!("change/{id}/{}/{}", price.id, cx.now.as_millisecond());
                self.stripe()?.change_price(&change, &key).await.map_err(unavailable)?;
            }
        }
        let version = plan.version;
        let (plan, price, present) = (plan.id, &choice.price, &present);
        let changed = self.core.db.write(|tx| {
            Box::pin(async move {
                let mut held = subscription_lock(&tx, id).await?.ok_or(Error::NotFound("subscription"))?;
                let of = &mut held.subscription;
                if of.price == price.id && of.plan_version == version {
                    return Ok(());
                }
                if of.provider != Provider::Stripe {
                    of.period_end = converted(of, present, price, at);
                }
                (of.plan, of.plan_version, of.price) = (plan, version, price.id);
                of.provider = match (of.provider, price.money.is_zero()) {
                    (Provider::Manual, true) => Provider::Free,
                    (Provider::Free, false) => Provider::Manual,
                    (provider, _) => provider,
                };
                let detail = json!({ "plan": plan, "version": version, "price": price.to_string(), "as_of": at });
                held.check_at = Some(cx.now);
                subscription_update(&tx, &held).await?;
                Ok::<_, Error>(history::audit(&tx, &cx.audit("subscription.change", id, detail)).await?)
            })
        });
        changed.await?;
        self.put_into_effect(cx, id, "another plan").await?;
        if let Some(stripe_id) = &held.subscription.stripe_id
            && let Err(error) = self.sync_subscription(stripe_id).await
        {
            tracing::warn!(subscription = %id, error = error.for_operator(), "can't be read after its change; the webhook tells");
        }
        Ok(Changed::Now(Box::new(self.subscription(cx, id).await?)))
    }

    async fn change_at_stripe(&self, stripe_id: &str, choice: &Choice) -> Result<AtStripe> {
        let at_stripe = self.stripe()?.subscription(stripe_id).await.map_err(unavailable)?;
        let item = at_stripe.item().ok_or_else(|| {
            Error::Conflict("This subscription was changed at Stripe. Please contact us to change its plan.".into())
        })?;
        let new = self.price_at_stripe(&choice.plan, &choice.price).await?;
        Ok(AtStripe { item: item.id.clone(), present: item.price.id.clone(), new })
    }

    async fn possible_change(&self, cx: &RequestContext, id: SubscriptionId, wanted: &str) -> Result<Possible> {
        let held = self.accessible(cx, id).await?;
        let of = &held.subscription;
        let db = &self.core.db;
        let site = match of.site {
            Some(site) => sites::site_get(db, site).await?,
            None => None,
        };
        let Some(site) = site.filter(|site| !matches!(site.lifecycle, Lifecycle::Deleted | Lifecycle::Deleting)) else {
            return Err(Error::Conflict("There is no site on this subscription.".into()));
        };
        let has_ended = of.status.has_ended();
        if has_ended {
            let present = subscription_of_site(db, site.id).await?;
            if !self.has_stripe() || present.is_some_and(|present| present.subscription.id != of.id) {
                return Err(Error::Conflict("This subscription has ended.".into()));
            }
        }
        let is_paid = matches!(of.status, SubscriptionStatus::Active | SubscriptionStatus::Trialing) || has_ended;
        if !is_paid || owed_since(&facts(of), cx.now).is_some() {
            return Err(Error::Conflict("A payment is overdue. Pay it first, then change the plan.".into()));
        }
        if wanted.trim().is_empty() {
            return Err(Invalid::new("plan", "Choose a plan.").into());
        }
        let choice = self.choose(cx, &site.blueprint, wanted).await?;
        let choice = choice.ok_or_else(|| Invalid::new("plan", "Choose a plan."))?;
        let present = plans::price_get(db, of.price).await?.ok_or(Error::NotFound("price"))?;
        if choice.price.id == of.price && choice.plan.version == of.plan_version && !has_ended {
            return Err(Error::Conflict(format!("The site is on the plan {} already.", choice.plan.name)));
        }
        if choice.price.money.currency != present.money.currency {
            return Err(Error::Conflict("This plan is sold in another currency. Please contact us.".into()));
        }
        let is_free = |price: &Price| price.money.is_zero();
        if (has_ended || of.provider == Provider::Stripe) && is_free(&choice.price) {
            let text = "A site that was paid for can't move to a free plan. Please contact us.";
            return Err(Error::Conflict(text.into()));
        }
        let is_paid_first =
            has_ended || (of.provider == Provider::Free && !is_free(&choice.price) && self.has_stripe());
        self.ensure_fits(cx, &held, &choice).await?;
        Ok(Possible { held, choice, present, site, is_paid_first })
    }

    /// Whether the site fits into the plan, and the plan into what there is.
    async fn ensure_fits(&self, cx: &RequestContext, held: &Held, choice: &Choice) -> Result<()> {
        let Some(site) = held.subscription.site else { return Ok(()) };
        let terms = &choice.plan.terms;
        let used = self.sites.storage(cx, site).await?.bytes;
        if used > terms.disk.0 {
            let used = stoa_model::limits::Bytes(used).rounded();
            return Err(Invalid::new(
                "plan",
                format!(
                    "The site stores {used}, and the plan {} has {}. Delete files first, or choose a larger plan.",
                    choice.plan.name,
                    terms.disk.brief()
                ),
            )
            .into());
        }
        let limit = u64::from(terms.sites);
        let is_new = choice.plan.id != held.subscription.plan;
        if limit > 0
            && is_new
            && sites_on_plan(&self.core.db, held.subscription.customer, choice.plan.id).await? >= limit
        {
            let sites = if limit == 1 { "site" } else { "sites" };
            let text = format!("An account can have {limit} {sites} on the plan {}.", choice.plan.name);
            return Err(Invalid::new("plan", text).into());
        }
        self.sites.ensure_room_to_grow(site, terms.memory).await
    }

    /// Gives a site the limits of its plan, if those of another one are in force. Repeated until it was done.
    pub(crate) async fn apply_terms(&self, cx: &RequestContext, held: &Held, cause: &str) -> Result<()> {
        let of = &held.subscription;
        let Some(site) = of.site.filter(|_| !of.status.has_ended()) else { return Ok(()) };
        let in_force = entitlements_of(&self.core.db, site, 1).await?.pop();
        if in_force.is_some_and(|now| (now.plan, now.plan_version) == (of.plan, of.plan_version)) {
            return Ok(());
        }
        let terms = plans::plan_terms(&self.core.db, of.plan, of.plan_version).await?.ok_or(Error::NotFound("plan"))?;
        let profiles: Vec<_> = terms.profiles().collect();
        let new =
            NewTerms { memory: terms.memory, cpu: terms.cpu, disk: terms.disk, edge: terms.edge, profiles: &profiles };
        self.sites.change_terms(&self.core.system_context("billing"), site, &new).await?;
        let begins = &Entitlement {
            plan: of.plan,
            plan_version: of.plan_version,
            subscription: of.id,
            cause: cause.to_owned(),
            from: cx.now,
            to: None,
            site,
            access: held.access,
        };
        let id = random::uuid_at(cx.now);
        Ok(self.core.db.write(|tx| Box::pin(async move { entitlement_begin(&tx, id, begins).await })).await?)
    }
}

/// Until when what was paid lasts at another price: the value of the time that is left buys time at the new one. What was
/// free buys nothing, what becomes free needs no end, and a trial stays as long as it is.
fn converted(of: &Subscription, present: &Price, new: &Price, at: Timestamp) -> Option<Timestamp> {
    if new.money.is_zero() {
        return None;
    }
    let (Some(end), false) = (of.period_end, present.money.is_zero()) else { return Some(at) };
    if of.status == SubscriptionStatus::Trialing {
        return Some(end);
    }
    let left = i128::from(end.duration_since(at).as_secs().max(0));
    let seconds = |price: &Price| i128::from(price.interval.end(at).duration_since(at).as_secs().max(1));
    // A rate is an amount over a time; all are whole numbers until the last division.
    let bought = left * i128::from(present.money.minor) * seconds(new)
        / (seconds(present) * i128::from(new.money.minor.max(1))).max(1);
    let bought = SignedDuration::from_secs(i64::try_from(bought).unwrap_or(i64::MAX / 2));
    Some(at.saturating_add(bought).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use stoa_model::{
        billing::{money::Currency, plan::Interval},
        id::{CustomerId, PlanId, PriceId},
    };
    use uuid::Uuid;

    use super::*;

    fn price(minor: i64, interval: Interval) -> Price {
        let money = Money { minor, currency: Currency::EUR };
        let (id, plan) = (PriceId::from_uuid(Uuid::nil()), PlanId::from_uuid(Uuid::nil()));
        Price { id, plan, money, interval, stripe_id: None, created_at: Timestamp::UNIX_EPOCH, archived_at: None }
    }

    fn paid_until(end: Option<&str>) -> Subscription {
        Subscription {
            id: SubscriptionId::from_uuid(Uuid::nil()),
            customer: CustomerId::from_uuid(Uuid::nil()),
            site: None,
            plan: PlanId::from_uuid(Uuid::nil()),
            plan_version: 1,
            price: PriceId::from_uuid(Uuid::nil()),
            provider: Provider::Manual,
            stripe_id: None,
            status: SubscriptionStatus::Active,
            period_start: Timestamp::UNIX_EPOCH,
            period_end: end.map(|end| end.parse().expect("a time")),
            past_due_since: None,
            cancel_at: None,
            ended_at: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn paid_time_keeps_its_value() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().expect("a time");
        let month = Interval::Month;
        let end = |of: &Subscription, from: i64, to: i64| {
            converted(of, &price(from, month), &price(to, month), now).map(|end| end.to_string())
        };
        let of = paid_until(Some("2026-03-21T00:00:00Z"));
        assert_eq!(end(&of, 1000, 2000).as_deref(), Some("2026-03-11T00:00:00Z"), "twice the price, half the time");
        assert_eq!(end(&of, 2000, 1000).as_deref(), Some("2026-04-10T00:00:00Z"));
        assert_eq!(end(&of, 1000, 0), None, "free never ends");
        assert_eq!(end(&of, 0, 1000).as_deref(), Some("2026-03-01T00:00:00Z"), "due at once");
        let trial = Subscription { status: SubscriptionStatus::Trialing, ..of.clone() };
        assert_eq!(end(&trial, 1000, 2000).as_deref(), Some("2026-03-21T00:00:00Z"), "nothing was paid");
        assert_eq!(end(&paid_until(Some("2026-02-01T00:00:00Z")), 1000, 500).as_deref(), Some("2026-03-01T00:00:00Z"));
        // 20 days of 31 at 10 a month are 6.45; at 120 a year (365 days) they last 19.6 days.
        let yearly = converted(&of, &price(1000, month), &price(12000, Interval::Year), now).map(|end| end.to_string());
        assert_eq!(yearly.as_deref(), Some("2026-03-20T14:58:03Z"));
    }
}
