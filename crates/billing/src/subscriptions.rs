//! Subscriptions as customers and staff see them, payments that the operator has received, and the end of a subscription.

use std::collections::HashMap;

use serde_json::json;
use stoa_core::{
    Error, RequestContext, Result, random,
    view::{Listing, PageNumber},
};
use stoa_db::{
    accounts,
    billing::{
        payments::{Payment, payment_insert, payments_of},
        plans,
        subscriptions::{
            Entitlement, Held, SubscriptionFilter, entitlements_of, subscription_get, subscription_lock,
            subscription_of_site, subscription_update, subscriptions_counted, subscriptions_listed, subscriptions_of,
            subscriptions_of_sites,
        },
    },
    history, sites,
};
use stoa_model::{
    account::{Actor, Role},
    billing::{
        access::owed_since,
        subscription::{Provider, Subscription, SubscriptionStatus},
    },
    id::{CustomerId, PaymentId, SiteId, SubscriptionId},
    member::Permission,
    site::Lifecycle,
};

use crate::{
    Billing,
    checkout::parse_reference,
    command::MarkPaid,
    effect::facts,
    view::{EntitlementView, PaymentView, SubscriptionView},
};

/// Payments that a page shows.
const SHOWN_PAYMENTS: u64 = 100;
/// Changes of access that a page shows.
const SHOWN_ENTITLEMENTS: u64 = 50;

impl Billing {
    /// The customer's subscriptions, the newest first.
    ///
    /// # Errors
    /// If the actor is not a customer; without permission to see money.
    pub async fn own_subscriptions(&self, cx: &RequestContext) -> Result<Vec<SubscriptionView>> {
        let customer = cx.customer()?;
        cx.require_permission(Permission::ManageMoney)?;
        self.views(subscriptions_of(&self.core.db, customer).await?, cx).await
    }

    /// The customer's payments, the latest first.
    ///
    /// # Errors
    /// As [`own_subscriptions`](Self::own_subscriptions).
    pub async fn own_payments(&self, cx: &RequestContext) -> Result<Vec<PaymentView>> {
        let customer = cx.customer()?;
        cx.require_permission(Permission::ManageMoney)?;
        let found = payments_of(&self.core.db, customer, SHOWN_PAYMENTS).await?;
        Ok(found.into_iter().map(PaymentView::from).collect())
    }

    /// The subscription of a site that the actor may read.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn subscription_of_site(&self, cx: &RequestContext, site: SiteId) -> Result<Option<SubscriptionView>> {
        let Some(held) = subscription_of_site(&self.core.db, site).await? else { return Ok(None) };
        if cx.actor.customer().is_some_and(|own| own != held.subscription.customer) {
            return Err(Error::NotFound("site"));
        }
        Ok(self.views(vec![held], cx).await?.pop())
    }

    /// A subscription: the customer's own, or any for staff.
    ///
    /// # Errors
    /// Not found, also for another customer's.
    pub async fn subscription(&self, cx: &RequestContext, id: SubscriptionId) -> Result<SubscriptionView> {
        let held = self.accessible(cx, id).await?;
        self.views(vec![held], cx).await?.pop().ok_or(Error::NotFound("subscription"))
    }

    pub(crate) async fn accessible(&self, cx: &RequestContext, id: SubscriptionId) -> Result<Held> {
        let found = subscription_get(&self.core.db, id).await?.ok_or(Error::NotFound("subscription"))?;
        match cx.actor {
            Actor::Customer(own) if own != found.subscription.customer => Err(Error::NotFound("subscription")),
            Actor::Customer(_) => cx.require_permission(Permission::ManageMoney).map(|()| found),
            Actor::Nobody | Actor::Staff(..) | Actor::System => cx.require(Role::Support).map(|()| found),
        }
    }

    /// What a subscription entitled its site to, the latest first. Requires the role support.
    ///
    /// # Errors
    /// Without the role; not found.
    pub async fn entitlements(&self, cx: &RequestContext, id: SubscriptionId) -> Result<Vec<EntitlementView>> {
        cx.require(Role::Support)?;
        let Some(site) = self.accessible(cx, id).await?.subscription.site else { return Ok(Vec::new()) };
        let all = entitlements_of(&self.core.db, site, SHOWN_ENTITLEMENTS).await?.into_iter();
        let of_this = all.filter(|entitlement| entitlement.subscription == id);
        Ok(of_this
            .map(|Entitlement { access, from, to, cause, .. }| EntitlementView { access, from, to, cause })
            .collect())
    }

    /// Subscriptions as staff list them. Requires the role support.
    ///
    /// # Errors
    /// Without the role.
    pub async fn search_subscriptions(
        &self,
        cx: &RequestContext,
        filter: SubscriptionFilter,
        page: PageNumber,
    ) -> Result<Listing<SubscriptionView>> {
        cx.require(Role::Support)?;
        let total = subscriptions_counted(&self.core.db, &filter).await?;
        let found = subscriptions_listed(&self.core.db, &filter, page.window()).await?;
        Ok(Listing { items: self.views(found, cx).await?, total, page })
    }

    /// Writes down a payment that the operator has received: it pays for the next period. Requires the role admin.
    ///
    /// # Errors
    /// Without the role; not found; another provider collects; somebody else has marked it meanwhile.
    pub async fn mark_paid(
        &self,
        cx: &RequestContext,
        id: SubscriptionId,
        command: MarkPaid,
    ) -> Result<SubscriptionView> {
        cx.require(Role::Admin)?;
        let reference = &parse_reference(&command.reference)?;
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let mut held = subscription_lock(&tx, id).await?.ok_or(Error::NotFound("subscription"))?;
                    let of = &mut held.subscription;
                    if of.provider != Provider::Manual {
                        let text = format!("The payments of this subscription are collected by {}.", of.provider);
                        return Err(Error::Conflict(text));
                    }
                    if of.status.has_ended() {
                        return Err(Error::Conflict("This subscription has ended.".into()));
                    }
                    let until = of.period_end.unwrap_or(cx.now);
                    if command.paid_until.is_some_and(|seen| seen != until.as_millisecond()) {
                        let text = "Somebody else has marked a payment meanwhile. Look at the new date, and mark another \
                                    one if there was another one.";
                        return Err(Error::Conflict(text.into()));
                    }
                    let price = plans::price_get(&*tx, of.price).await?.ok_or(Error::NotFound("price"))?;
                    (of.period_start, of.period_end) = (until, Some(price.interval.end(until)));
                    (of.status, of.past_due_since) = (SubscriptionStatus::Active, None);
                    let payment = Payment {
                        id: PaymentId::from_uuid(random::uuid_at(cx.now)),
                        subscription: id,
                        customer: of.customer,
                        money: price.money,
                        provider: Provider::Manual,
                        reference: reference.clone(),
                        stripe_id: None,
                        actor: cx.actor.to_string(),
                        period_start: of.period_start,
                        period_end: of.period_end,
                        paid_at: cx.now,
                    };
                    payment_insert(&tx, &payment).await?;
                    let detail = json!({ "amount": price.money.to_string(), "reference": reference,
                        "paid_until": of.period_end });
                    held.check_at = Some(cx.now);
                    subscription_update(&tx, &held).await?;
                    Ok(history::audit(&tx, &cx.audit("subscription.paid", id, detail)).await?)
                })
            })
            .await?;
        self.put_into_effect(cx, id, "paid").await?;
        self.subscription(cx, id).await
    }

    /// Ends a subscription at the end of the period that is paid; what is free ends at once.
    ///
    /// # Errors
    /// Not found; without permission; ended already.
    pub async fn cancel_subscription(&self, cx: &RequestContext, id: SubscriptionId) -> Result<SubscriptionView> {
        self.change_end(cx, id, true).await
    }

    /// Keeps a subscription that was cancelled and has not ended yet.
    ///
    /// # Errors
    /// Not found; without permission; ended already.
    pub async fn keep_subscription(&self, cx: &RequestContext, id: SubscriptionId) -> Result<SubscriptionView> {
        self.change_end(cx, id, false).await
    }

    async fn change_end(&self, cx: &RequestContext, id: SubscriptionId, ends: bool) -> Result<SubscriptionView> {
        let held = self.accessible(cx, id).await?;
        match cx.actor {
            Actor::Customer(_) => cx.require_permission(Permission::ManageMoney)?,
            Actor::Nobody | Actor::Staff(..) | Actor::System => cx.require(Role::Admin)?,
        }
        if let (Some(stripe_id), false) = (&held.subscription.stripe_id, held.subscription.status.has_ended()) {
            self.cancel_at_stripe(id, stripe_id, ends).await?;
            let action = if ends { "subscription.cancel" } else { "subscription.keep" };
            let event = &cx.audit(action, id, json!({ "stripe": stripe_id }));
            self.core.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?;
            return self.subscription(cx, id).await;
        }
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let mut held = subscription_lock(&tx, id).await?.ok_or(Error::NotFound("subscription"))?;
                    let of = &mut held.subscription;
                    if of.status.has_ended() {
                        return Err(Error::Conflict("This subscription has ended.".into()));
                    }
                    of.cancel_at = ends.then(|| of.period_end.filter(|end| *end > cx.now).unwrap_or(cx.now));
                    let (action, detail) = match of.cancel_at {
                        Some(at) => ("subscription.cancel", json!({ "at": at })),
                        None => ("subscription.keep", json!({})),
                    };
                    held.check_at = Some(cx.now);
                    subscription_update(&tx, &held).await?;
                    Ok(history::audit(&tx, &cx.audit(action, id, detail)).await?)
                })
            })
            .await?;
        self.put_into_effect(cx, id, if ends { "cancelled" } else { "kept" }).await?;
        self.subscription(cx, id).await
    }

    /// Views of these subscriptions, with one query for each kind of thing that they name.
    async fn views(&self, all: Vec<Held>, cx: &RequestContext) -> Result<Vec<SubscriptionView>> {
        let db = &self.core.db;
        let ids: Vec<SiteId> = all.iter().filter_map(|held| held.subscription.site).collect();
        let sites = sites::sites_by_ids(db, &ids).await?;
        let customers: Vec<CustomerId> = all.iter().map(|held| held.subscription.customer).collect();
        let customers = accounts::customers_of(db, &customers).await?;
        let names: HashMap<_, _> = plans::plan_list(db).await?.into_iter().map(|plan| (plan.id, plan.name)).collect();
        let prices: HashMap<_, _> = plans::price_list(db).await?.into_iter().map(|price| (price.id, price)).collect();
        let versions: HashMap<_, _> = plans::all_terms(db).await?.into_iter().collect();
        let periods = &self.core.settings.billing.dunning;
        let last = subscriptions_of_sites(db, &ids).await?;
        let is_last = |of: &Subscription| last.iter().any(|held| held.subscription.id == of.id);
        let mut views = Vec::new();
        for Held { subscription: of, access, .. } in all {
            let site = of.site.and_then(|id| sites.get(&id));
            let price = prices.get(&of.price).ok_or(Error::NotFound("price"))?;
            let owed_since = owed_since(&facts(&of), cx.now).filter(|_| !of.status.has_ended());
            let terms = versions.get(&(of.plan, of.plan_version)).cloned().ok_or(Error::NotFound("plan"))?;
            views.push(SubscriptionView {
                id: of.id,
                customer: of.customer,
                customer_name: customers.get(&of.customer).map(|known| known.company.to_string()).unwrap_or_default(),
                site: of.site,
                site_title: site.map(|site| site.title.to_string()),
                hostname: site.map(|site| site.hostname.to_string()),
                plan: names.get(&of.plan).map(ToString::to_string).unwrap_or_default(),
                terms,
                price: price.to_string(),
                money: price.money,
                provider: of.provider,
                status: of.status,
                access,
                period_end: of.period_end,
                owed_since,
                suspends_at: owed_since.map(|due| periods.suspends_at(due)),
                cancel_at: of.cancel_at,
                ended_at: of.ended_at,
                can_return: of.status.has_ended()
                    && self.has_stripe()
                    && is_last(&of)
                    && site.is_some_and(|site| !matches!(site.lifecycle, Lifecycle::Deleted | Lifecycle::Deleting)),
                created_at: of.created_at,
            });
        }
        Ok(views)
    }
}
