//! What is sold: the price list, and the plans as staff see them.

use stoa_core::{Error, RequestContext, Result};
use stoa_db::billing::plans;
use stoa_model::{
    account::Role,
    billing::plan::{Interval, Plan, PlanSlug, Price},
    id::PlanId,
};

use crate::{Billing, view::PlanView};

/// A plan and the price that somebody has chosen.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub plan: Plan,
    pub price: Price,
}

impl Billing {
    /// The plans on the price list, in its order.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn price_list(&self) -> Result<Vec<PlanView>> {
        let all = self.plans_with_prices().await?;
        let is_listed = |(plan, prices): &(Plan, Vec<Price>)| plan.is_active && !plan.is_hidden && !prices.is_empty();
        Ok(all.into_iter().filter(is_listed).map(PlanView::from).collect())
    }

    /// The plans that a form offers: those on the price list, and the one that is asked for by name.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn offered_plans(&self, asked: &str) -> Result<Vec<PlanView>> {
        let asked = asked.split(':').next().unwrap_or_default();
        let is_offered = |(plan, prices): &(Plan, Vec<Price>)| {
            plan.is_active && !prices.is_empty() && (!plan.is_hidden || plan.slug.as_str() == asked)
        };
        Ok(self.plans_with_prices().await?.into_iter().filter(is_offered).map(PlanView::from).collect())
    }

    /// All plans. Requires the role support.
    ///
    /// # Errors
    /// Without the role.
    pub async fn list_plans(&self, cx: &RequestContext) -> Result<Vec<PlanView>> {
        cx.require(Role::Support)?;
        Ok(self.plans_with_prices().await?.into_iter().map(PlanView::from).collect())
    }

    /// A plan. Requires the role support.
    ///
    /// # Errors
    /// Without the role; not found.
    pub async fn plan(&self, cx: &RequestContext, id: PlanId) -> Result<PlanView> {
        self.list_plans(cx).await?.into_iter().find(|plan| plan.id == id).ok_or(Error::NotFound("plan"))
    }

    /// Plans with the prices that they are sold at.
    async fn plans_with_prices(&self) -> Result<Vec<(Plan, Vec<Price>)>> {
        let mut prices = plans::price_list(&self.core.db).await?;
        prices.sort_by_key(|price| price.interval);
        let sold = |plan: &Plan| -> Vec<Price> {
            let of_plan = prices.iter().filter(|price| price.plan == plan.id && price.archived_at.is_none());
            of_plan.cloned().collect()
        };
        let plans = plans::plan_list(&self.core.db).await?;
        Ok(plans.into_iter().map(|plan| (sold(&plan), plan)).map(|(prices, plan)| (plan, prices)).collect())
    }

    /// The plan that a stranger's order of this blueprint gets who names none; empty if it is sold without plans.
    pub(crate) async fn first_plan(&self, blueprint: &str) -> Result<String> {
        let first = self.price_list().await?.into_iter().find(|plan| plan.blueprint == blueprint);
        Ok(first.map(|plan| plan.slug).unwrap_or_default())
    }

    /// What an order of this blueprint is bought with. `wanted`: a plan's short name, with `:year` for the price per year;
    /// empty: the first one. `None` if the blueprint is sold without plans, or if staff order without naming one.
    ///
    /// # Errors
    /// There is no such plan for the blueprint, or it is not sold.
    pub(crate) async fn choose(&self, cx: &RequestContext, blueprint: &str, wanted: &str) -> Result<Option<Choice>> {
        let bad = |message: &str| Error::from(stoa_model::field::Invalid::new("plan", message));
        let all = self.plans_with_prices().await?;
        let of_blueprint: Vec<_> = all.into_iter().filter(|(plan, _)| plan.blueprint == blueprint).collect();
        let (slug, interval) = wanted.split_once(':').unwrap_or((wanted, ""));
        let is_default = slug.trim().is_empty();
        if is_default && (of_blueprint.is_empty() || cx.actor.customer().is_none()) {
            return Ok(None);
        }
        let interval = match interval {
            "" => None,
            text => Some(text.parse::<Interval>().map_err(|_| bad("Choose a price per month or per year."))?),
        };
        let found = if is_default {
            of_blueprint.into_iter().find(|(plan, prices)| plan.is_active && !plan.is_hidden && !prices.is_empty())
        } else {
            let slug = PlanSlug::parse(slug).map_err(|_| bad("There is no such plan."))?;
            of_blueprint.into_iter().find(|(plan, _)| plan.slug == slug && plan.is_active)
        };
        let Some((plan, prices)) = found else {
            return Err(bad("This plan can't be ordered for this type of store. Choose another one."));
        };
        let price = prices.into_iter().find(|price| interval.is_none_or(|interval| price.interval == interval));
        let price = price.ok_or_else(|| bad("This plan has no such price. Choose another one."))?;
        Ok(Some(Choice { plan, price }))
    }
}
