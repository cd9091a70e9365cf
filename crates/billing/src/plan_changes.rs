//! Making and changing plans. What somebody has bought stays as it was: other terms are a new version, another amount a new
//! price.

use std::str::FromStr;

use serde_json::json;
use stoa_core::{Error, RequestContext, Result, random};
use stoa_db::{Tx, billing::plans, history};
use stoa_model::{
    account::Role,
    billing::{
        money::{Currency, Money},
        plan::{Interval, Plan, PlanSlug, PlanTerms, Price, parse_description},
    },
    field::Invalid,
    id::{PlanId, PriceId},
    limits::Bytes,
    route::RouteLimits,
    text::PlanName,
};

use crate::{Billing, command::SavePlan, view::PlanView};

/// A plan's fields, each of them good.
struct ParsedPlan {
    name: PlanName,
    description: String,
    prices: Vec<(Interval, Money)>,
    terms: PlanTerms,
}

impl Billing {
    /// Makes a plan. Requires the role admin.
    ///
    /// # Errors
    /// Without the role; all bad fields together.
    pub async fn create_plan(&self, cx: &RequestContext, command: SavePlan) -> Result<PlanView> {
        cx.require(Role::Admin)?;
        let mut bad = Vec::new();
        let slug = PlanSlug::parse(&command.slug).map_err(|error| bad.push(error)).ok();
        if !self.sites.has_blueprint(&command.blueprint) {
            bad.push(Invalid::new("blueprint", "Choose what sites of this plan are created from."));
        }
        let parsed = self.parse_plan(&command, &mut bad);
        let (Some(slug), Some(parsed), true) = (slug, parsed, bad.is_empty()) else { return Err(Error::Invalid(bad)) };
        let plan = Plan {
            id: PlanId::from_uuid(random::uuid_at(cx.now)),
            slug,
            blueprint: command.blueprint.clone(),
            name: parsed.name,
            description: parsed.description,
            position: command.position,
            is_active: command.is_active,
            is_hidden: command.is_hidden,
            version: 1,
            terms: parsed.terms,
            created_at: cx.now,
        };
        let (made, prices) = (&plan, &parsed.prices);
        let event = &cx.audit("plan.create", plan.id, json!({ "slug": plan.slug, "prices": parsed.prices }));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    plans::plan_insert(&tx, made).await?;
                    set_prices(&tx, cx, made.id, prices).await?;
                    Ok::<_, Error>(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.plan(cx, plan.id).await
    }

    /// Changes a plan; `version` is the one that the form has shown. Requires the role admin.
    ///
    /// # Errors
    /// Without the role; not found; bad fields; somebody else has changed it meanwhile.
    pub async fn update_plan(
        &self,
        cx: &RequestContext,
        id: PlanId,
        version: u32,
        command: SavePlan,
    ) -> Result<PlanView> {
        cx.require(Role::Admin)?;
        let mut bad = Vec::new();
        let parsed = self.parse_plan(&command, &mut bad);
        let (Some(parsed), true) = (parsed, bad.is_empty()) else { return Err(Error::Invalid(bad)) };
        let (parsed, command) = (&parsed, &command);
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let former = plans::plan_lock(&tx, id).await?.ok_or(Error::NotFound("plan"))?;
                    if former.version != version {
                        let why = "Somebody else changed this plan after you opened it. Compare your changes with what \
                                   it is now, and save again.";
                        return Err(Error::Conflict(why.into()));
                    }
                    let plan = Plan {
                        name: parsed.name.clone(),
                        description: parsed.description.clone(),
                        position: command.position,
                        is_active: command.is_active,
                        is_hidden: command.is_hidden,
                        version: if former.terms == parsed.terms { version } else { version + 1 },
                        terms: parsed.terms.clone(),
                        ..former
                    };
                    plans::plan_update(&tx, &plan, version, cx.now).await?;
                    set_prices(&tx, cx, id, &parsed.prices).await?;
                    let detail = json!({
                        "slug": plan.slug, "version": plan.version, "prices": parsed.prices, "active": plan.is_active,
                    });
                    Ok(history::audit(&tx, &cx.audit("plan.update", id, detail)).await?)
                })
            })
            .await?;
        self.plan(cx, id).await
    }

    fn parse_plan(&self, command: &SavePlan, bad: &mut Vec<Invalid>) -> Option<ParsedPlan> {
        let name = PlanName::parse_line(&command.name).map_err(|error| bad.push(error)).ok();
        let description = parse_description(&command.description).map_err(|error| bad.push(error)).ok();
        let currency: Option<Currency> =
            command.currency.parse().map_err(|error| bad.push(Invalid::new("currency", format!("{error}.")))).ok();
        let mut prices = Vec::new();
        for (field, interval, text) in
            [("monthly", Interval::Month, &command.monthly), ("yearly", Interval::Year, &command.yearly)]
        {
            let Some(currency) = currency.filter(|_| !text.trim().is_empty()) else { continue };
            match Money::parse(field, text, currency) {
                Ok(money) => prices.push((interval, money)),
                Err(error) => bad.push(error),
            }
        }
        if prices.is_empty()
            && command.is_active
            && command.monthly.trim().is_empty()
            && command.yearly.trim().is_empty()
        {
            bad.push(Invalid::new("monthly", "Enter a price; 0 is free."));
        }
        let terms = self.parse_terms(command, bad);
        Some(ParsedPlan { name: name?, description: description?, prices, terms: terms? })
    }

    fn parse_terms(&self, command: &SavePlan, bad: &mut Vec<Invalid>) -> Option<PlanTerms> {
        let memory = size("memory", &command.memory, "g", bad);
        let cpu = number("cpu", &command.cpu, "Enter a number of cores, such as 0.5 or 2.", bad);
        let disk = size("disk", &command.disk, "g", bad);
        let database = optional_size("database", &command.database, "g", bad);
        let bandwidth = optional_size("bandwidth", &command.bandwidth, "g", bad);
        let max_body = optional_size("max_body", &command.max_body, "m", bad);
        let whole = "Enter a whole number.";
        let requests = optional("requests", &command.requests, whole, bad);
        let rate: Option<u32> = optional("rate", &command.rate, whole, bad);
        let sites = optional("sites", &command.sites, whole, bad);
        let trial_days = optional("trial_days", &command.trial_days, whole, bad);
        let usual = self.core.settings.site_edge;
        let rate = rate.unwrap_or(usual.rate);
        let edge = RouteLimits {
            max_body: max_body.map_or(usual.max_body, |bytes| bytes.0),
            rate,
            burst: if rate == usual.rate { usual.burst } else { rate.saturating_mul(4) },
            ..usual
        };
        let terms = PlanTerms {
            memory: memory?,
            cpu: cpu?,
            disk: disk?,
            database,
            bandwidth,
            requests,
            edge,
            sites: sites.unwrap_or(0),
            trial_days: trial_days.unwrap_or(0),
            features: command.features.clone(),
        };
        bad.extend(terms.problems());
        Some(terms)
    }
}

/// Sells the plan at these prices: others are archived, and an amount that is sold already stays the price that it is.
async fn set_prices(tx: &Tx, cx: &RequestContext, plan: PlanId, wanted: &[(Interval, Money)]) -> Result<()> {
    let sold =
        plans::price_list(tx).await?.into_iter().filter(|price| price.plan == plan && price.archived_at.is_none());
    let sold: Vec<_> = sold.collect();
    for price in &sold {
        if !wanted.contains(&(price.interval, price.money)) {
            plans::price_archive(tx, price.id, cx.now).await?;
        }
    }
    for (interval, money) in wanted {
        if !sold.iter().any(|price| (price.interval, price.money) == (*interval, *money)) {
            let price = Price {
                id: PriceId::from_uuid(random::uuid_at(cx.now)),
                plan,
                money: *money,
                interval: *interval,
                stripe_id: None,
                created_at: cx.now,
                archived_at: None,
            };
            plans::price_insert(tx, &price).await?;
        }
    }
    Ok(())
}

fn number<T: FromStr>(field: &'static str, text: &str, message: &str, bad: &mut Vec<Invalid>) -> Option<T> {
    let parsed = text.trim().replace(',', ".").parse().map_err(|_| bad.push(Invalid::new(field, message)));
    parsed.ok()
}

fn optional<T: FromStr>(field: &'static str, text: &str, message: &str, bad: &mut Vec<Invalid>) -> Option<T> {
    if text.trim().is_empty() { None } else { number(field, text, message, bad) }
}

/// An amount of memory or storage; `unit` is what a number alone counts.
fn size(field: &'static str, text: &str, unit: &str, bad: &mut Vec<Invalid>) -> Option<Bytes> {
    let text = text.trim().replace(',', ".").replace(' ', "");
    let is_alone = text.ends_with(|c: char| c.is_ascii_digit());
    let parsed = if is_alone { format!("{text}{unit}").parse() } else { text.parse::<Bytes>() };
    parsed.map_err(|_| bad.push(Invalid::new(field, "Enter an amount, such as 512m or 25g."))).ok()
}

fn optional_size(field: &'static str, text: &str, unit: &str, bad: &mut Vec<Invalid>) -> Option<Bytes> {
    if text.trim().is_empty() { None } else { size(field, text, unit, bad) }
}
