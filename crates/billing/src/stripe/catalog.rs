//! Our plans and prices at Stripe: a product for each plan, a price for each price. An amount never changes at either side;
//! what is no longer sold here is archived there.

use serde::Serialize;
use serde_json::json;
use stoa_core::{Error, RequestContext, Result};
use stoa_db::{billing::plans, history};
use stoa_model::{
    account::Role,
    billing::plan::{Plan, Price},
    id::PriceId,
};

use super::unavailable;
use crate::Billing;

/// A difference between a plan and Stripe, and what removes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PriceDifference {
    /// The plan's short name.
    pub plan: String,
    /// In words.
    pub change: String,
    /// Whether it was made.
    pub is_done: bool,
}

impl Billing {
    /// The id at Stripe of a price, which is made there if it is missing.
    pub(crate) async fn price_at_stripe(&self, plan: &Plan, price: &Price) -> Result<String> {
        if let Some(id) = &price.stripe_id {
            return Ok(id.clone());
        }
        self.make_price(plan, price).await
    }

    /// Makes a price at Stripe with its product, or finds the one that was made.
    pub(super) async fn make_price(&self, plan: &Plan, price: &Price) -> Result<String> {
        let stripe = self.stripe()?;
        let product = plan.id.to_string();
        if stripe.product(&product).await.map_err(unavailable)?.is_none() {
            let key = format!("product/{product}");
            stripe.create_product(&product, plan.name.as_str(), plan.slug.as_str(), &key).await.map_err(unavailable)?;
        }
        let ours = price.id.to_string();
        let known = stripe.prices(&product).await.map_err(unavailable)?;
        let found = known.into_iter().find(|known| known.lookup_key.as_deref() == Some(ours.as_str()));
        let id = match found {
            Some(found) => found.id,
            None => {
                let amount = (price.money.minor, price.money.currency.code());
                let made = stripe.create_price(&product, amount, price.interval, &ours, &format!("price/{ours}")).await;
                made.map_err(unavailable)?.id
            }
        };
        let (price, stripe_id) = (price.id, id.as_str());
        let write =
            self.core.db.write(|tx| Box::pin(async move { plans::price_at_stripe(&tx, price, stripe_id).await }));
        write.await?;
        Ok(id)
    }

    /// What differs between our plans and Stripe; with `apply`, Stripe is changed. Requires the role admin.
    ///
    /// # Errors
    /// Without the role; if Stripe can't be reached, what was changed until then stays.
    pub async fn sync_plans(&self, cx: &RequestContext, apply: bool) -> Result<Vec<PriceDifference>> {
        cx.require(Role::Admin)?;
        let db = &self.core.db;
        let prices = plans::price_list(db).await?;
        let mut found = Vec::new();
        for plan in plans::plan_list(db).await? {
            let of_plan: Vec<_> =
                prices.iter().filter(|price| price.plan == plan.id && !price.money.is_zero()).cloned().collect();
            if !of_plan.is_empty() {
                self.sync_plan(&plan, &of_plan, apply, &mut found).await?;
            }
        }
        if apply && !found.is_empty() {
            let event = &cx.audit("plans.sync", "stripe", json!({ "changes": found }));
            let write = self.core.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await }));
            write.await?;
        }
        Ok(found)
    }

    async fn sync_plan(
        &self,
        plan: &Plan,
        prices: &[Price],
        apply: bool,
        found: &mut Vec<PriceDifference>,
    ) -> Result<()> {
        let stripe = self.stripe()?;
        let id = plan.id.to_string();
        let mut note = |change: String| {
            found.push(PriceDifference { plan: plan.slug.to_string(), change, is_done: apply });
        };
        let product = stripe.product(&id).await.map_err(unavailable)?;
        let known = match &product {
            Some(_) => stripe.prices(&id).await.map_err(unavailable)?,
            None => {
                note(format!("make the product {}", plan.name));
                Vec::new()
            }
        };
        if let Some(product) = product.filter(|at| at.name != plan.name.as_str() || at.active != plan.is_active) {
            let state = if plan.is_active { "sold" } else { "not sold" };
            note(format!("change the product {} to {}, {state}", product.name, plan.name));
            if apply {
                let key = format!("product/{id}/{}", self.core.clock.now().as_millisecond());
                let changed = stripe.update_product(&id, plan.name.as_str(), plan.is_active, &key).await;
                changed.map_err(unavailable)?;
            }
        }
        for price in prices {
            let ours = price.id.to_string();
            let at = known.iter().find(|at| at.lookup_key.as_deref() == Some(ours.as_str()));
            let is_sold = price.archived_at.is_none();
            match at {
                None if is_sold => {
                    note(format!("make the price {price}"));
                    if apply {
                        self.make_price(plan, price).await?;
                    }
                }
                Some(at) if at.active != is_sold => {
                    note(format!("{} the price {price}", if is_sold { "sell" } else { "archive" }));
                    if apply {
                        let key = format!("price/{ours}/{}", self.core.clock.now().as_millisecond());
                        stripe.set_price_active(&at.id, is_sold, &key).await.map_err(unavailable)?;
                    }
                }
                Some(at) if price.stripe_id.as_deref() != Some(at.id.as_str()) => {
                    note(format!("use {} for the price {price}", at.id));
                    if apply {
                        self.remember_price(price.id, &at.id).await?;
                    }
                }
                Some(_) | None => {}
            }
        }
        for foreign in known.iter().filter(|at| at.active) {
            let is_ours = foreign.lookup_key.as_deref().and_then(|key| key.parse::<PriceId>().ok());
            if is_ours.is_none_or(|id| prices.iter().all(|price| price.id != id)) {
                let amount = super::money(foreign.unit_amount.unwrap_or(0), &foreign.currency)?;
                found.push(PriceDifference {
                    plan: plan.slug.to_string(),
                    change: format!(
                        "{} ({amount}) is only at Stripe: archive it there, or enter its amount here",
                        foreign.id
                    ),
                    is_done: false,
                });
            }
        }
        Ok(())
    }

    async fn remember_price(&self, id: PriceId, stripe_id: &str) -> Result<()> {
        let write = self.core.db.write(|tx| Box::pin(async move { plans::price_at_stripe(&tx, id, stripe_id).await }));
        write.await.map_err(Error::from)
    }
}
