//! Bodies of this area.

#![allow(unused_qualifications, reason = "utoipa's derive macro generates them")]

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_billing::{command, view};
use stoa_model::{
    billing::{money, plan::Feature},
    id::{CheckoutId, CustomerId, JobId, PlanId, SiteId, SubscriptionId},
};
use utoipa::ToSchema;

/// An amount of money.
#[derive(Serialize, ToSchema)]
pub struct Money {
    /// In the currency's smallest unit, as Stripe counts it: cents of EUR, whole yen.
    #[schema(example = 2990)]
    pub amount: i64,
    /// Code of ISO 4217.
    #[schema(example = "EUR")]
    pub currency: String,
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self { amount: money.minor, currency: money.currency.to_string() }
    }
}

/// A plan.
#[derive(Serialize, ToSchema)]
pub struct Plan {
    /// Its id.
    #[schema(value_type = String, example = "plan_019345c27c0070008000000000000008")]
    pub id: PlanId,
    /// Its short name, for orders.
    #[schema(example = "shop-basic")]
    pub slug: String,
    /// The blueprint of its sites.
    pub blueprint: String,
    /// Its name.
    #[schema(example = "Basic")]
    pub name: String,
    /// A sentence about it, or nothing.
    #[schema(example = "For a first shop.")]
    pub description: String,
    /// Whether it can be bought.
    pub active: bool,
    /// Whether the price list leaves it out.
    pub hidden: bool,
    /// The version that is sold. Send it with a change, which is refused if somebody else has changed the plan since.
    pub version: u32,
    /// Memory of the main service, in bytes.
    pub memory: u64,
    /// Processor time of the main service, in thousandths of a core.
    pub cpu: u32,
    /// Storage in bytes.
    pub disk: u64,
    /// Sites per customer; 0: no limit.
    pub sites: u32,
    /// Days before the first payment.
    pub trial_days: u16,
    /// What it promises besides: `daily_backups`, `redis_cache`, …
    #[schema(example = json!(["redis_cache"]))]
    pub features: Vec<String>,
    /// Its prices.
    pub prices: Vec<Price>,
}

/// A price.
#[derive(Serialize, ToSchema)]
pub struct Price {
    /// The amount.
    pub money: Money,
    /// `month` or `year`.
    #[schema(example = "month")]
    pub interval: String,
    /// What an order names as its plan to buy it.
    #[schema(example = "shop-basic:month")]
    pub choice: String,
}

impl From<view::PlanView> for Plan {
    fn from(plan: view::PlanView) -> Self {
        let price = |price: view::PriceView| Price {
            money: price.money.into(),
            interval: price.interval.to_string(),
            choice: price.choice,
        };
        Self {
            id: plan.id,
            slug: plan.slug,
            blueprint: plan.blueprint,
            name: plan.name,
            description: plan.description,
            active: plan.is_active,
            hidden: plan.is_hidden,
            version: plan.version,
            memory: plan.terms.memory.0,
            cpu: plan.terms.cpu.0,
            disk: plan.terms.disk.0,
            sites: plan.terms.sites,
            trial_days: plan.terms.trial_days,
            features: plan.terms.features.iter().map(ToString::to_string).collect(),
            prices: plan.prices.into_iter().map(price).collect(),
        }
    }
}

/// A plan to create or to change. Amounts and sizes are texts, as in the portal's form.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavePlan {
    /// Short name: 2 to 40 letters, digits and hyphens. Can't be changed.
    #[serde(default)]
    #[schema(example = "shop-basic")]
    pub slug: String,
    /// The blueprint of its sites. Can't be changed.
    #[serde(default)]
    #[schema(example = "woocommerce")]
    pub blueprint: String,
    /// Name on the price list.
    #[schema(example = "Basic")]
    pub name: String,
    /// A sentence about it.
    #[serde(default)]
    #[schema(example = "For a first shop.")]
    pub description: String,
    /// Place on the price list; lower is earlier.
    #[serde(default)]
    pub position: u32,
    /// Whether it can be bought.
    #[serde(default)]
    pub active: bool,
    /// Whether the price list leaves it out.
    #[serde(default)]
    pub hidden: bool,
    /// Code of the currency.
    #[schema(example = "EUR")]
    pub currency: String,
    /// Price per month; 0 is free, empty is not sold by the month.
    #[serde(default)]
    #[schema(example = "29.90")]
    pub monthly: String,
    /// Price per year.
    #[serde(default)]
    #[schema(example = "299")]
    pub yearly: String,
    /// Memory of the main service.
    #[schema(example = "1g")]
    pub memory: String,
    /// Cores of the main service.
    #[schema(example = "0.5")]
    pub cpu: String,
    /// Storage.
    #[schema(example = "25g")]
    pub disk: String,
    /// Largest database; empty: not limited by itself.
    #[serde(default)]
    #[schema(example = "")]
    pub database: String,
    /// Traffic per month; empty: not limited.
    #[serde(default)]
    #[schema(example = "250g")]
    pub bandwidth: String,
    /// Requests per day; empty: not limited.
    #[serde(default)]
    #[schema(example = "")]
    pub requests: String,
    /// Largest request body; empty: the platform's usual one.
    #[serde(default)]
    #[schema(example = "100m")]
    pub max_body: String,
    /// Requests per second; empty: the platform's usual limit.
    #[serde(default)]
    #[schema(example = "")]
    pub rate: String,
    /// Sites per customer; empty: no limit.
    #[serde(default)]
    #[schema(example = "1")]
    pub sites: String,
    /// Days before the first payment.
    #[serde(default)]
    #[schema(example = "14")]
    pub trial_days: String,
    /// What it promises besides.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["redis_cache"]))]
    pub features: Vec<Feature>,
    /// With a change: the version that it is based on.
    #[serde(default)]
    pub version: u32,
}

impl From<SavePlan> for command::SavePlan {
    fn from(new: SavePlan) -> Self {
        Self {
            slug: new.slug,
            blueprint: new.blueprint,
            name: new.name,
            description: new.description,
            position: new.position,
            is_active: new.active,
            is_hidden: new.hidden,
            currency: new.currency,
            monthly: new.monthly,
            yearly: new.yearly,
            memory: new.memory,
            cpu: new.cpu,
            disk: new.disk,
            database: new.database,
            bandwidth: new.bandwidth,
            requests: new.requests,
            max_body: new.max_body,
            rate: new.rate,
            sites: new.sites,
            trial_days: new.trial_days,
            features: new.features.into_iter().collect(),
        }
    }
}

/// An order that waits for its first payment, or waited.
#[derive(Serialize, ToSchema)]
pub struct Checkout {
    /// Its id.
    #[schema(value_type = String, example = "chk_019345c27c0070008000000000000009")]
    pub id: CheckoutId,
    /// `open`, `paid` or `expired`.
    #[schema(example = "open")]
    pub state: String,
    /// The address that is reserved.
    pub hostname: String,
    /// Name of the plan.
    #[schema(example = "Basic")]
    pub plan: String,
    /// The first payment.
    pub money: Money,
    /// Where to pay, if a payment provider collects.
    pub url: Option<String>,
    /// What to write on a bank transfer.
    #[schema(example = "8F3A0C21D4")]
    pub reference: String,
    /// The site that came of it.
    #[schema(value_type = Option<String>)]
    pub site: Option<SiteId>,
    /// Until when the address is reserved.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl From<view::CheckoutView> for Checkout {
    fn from(of: view::CheckoutView) -> Self {
        let view::CheckoutView { id, state, hostname, plan, url, reference, site, expires_at, .. } = of;
        Self { id, state, hostname, plan, money: of.money.into(), url, reference, site, expires_at }
    }
}

/// A payment that the operator has received.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayment {
    /// What helps to find it again, such as the bank's reference.
    #[serde(default)]
    #[schema(example = "Transfer of 1 December")]
    pub reference: String,
    /// The `period_end` that it is based on; the payment is refused if somebody else has marked one since.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub period_end: Option<Timestamp>,
}

impl From<NewPayment> for command::MarkPaid {
    fn from(new: NewPayment) -> Self {
        Self { reference: new.reference, paid_until: new.period_end.map(Timestamp::as_millisecond) }
    }
}

/// What came of a payment of an order.
#[derive(Serialize, ToSchema)]
pub struct PaidOrder {
    /// The site that is being created.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// The job to watch.
    #[schema(value_type = String)]
    pub job: JobId,
}

/// A subscription.
#[derive(Serialize, ToSchema)]
pub struct Subscription {
    /// Its id.
    #[schema(value_type = String, example = "sub_01934600000070008000000000000010")]
    pub id: SubscriptionId,
    /// Who pays.
    #[schema(value_type = String)]
    pub customer: CustomerId,
    /// Its site.
    #[schema(value_type = Option<String>)]
    pub site: Option<SiteId>,
    /// Name of the plan.
    #[schema(example = "Basic")]
    pub plan: String,
    /// What is due each period.
    pub money: Money,
    /// `stripe`, `manual` or `free`.
    #[schema(example = "manual")]
    pub provider: String,
    /// `incomplete`, `incomplete_expired`, `trialing`, `active`, `past_due`, `unpaid`, `paused` or `canceled`.
    #[schema(example = "active")]
    pub status: String,
    /// `none`, `full`, `grace`, `restricted`, `suspended` or `ended`.
    #[schema(example = "full")]
    pub access: String,
    /// End of the period that is paid; absent for what is free.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub period_end: Option<Timestamp>,
    /// Since when a payment is owed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub owed_since: Option<Timestamp>,
    /// When the site is stopped if nothing is paid.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub suspends_at: Option<Timestamp>,
    /// When it will end, if that is decided.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cancel_at: Option<Timestamp>,
}

impl From<view::SubscriptionView> for Subscription {
    fn from(of: view::SubscriptionView) -> Self {
        Self {
            id: of.id,
            customer: of.customer,
            site: of.site,
            plan: of.plan,
            money: of.money.into(),
            provider: of.provider.to_string(),
            status: of.status.to_string(),
            access: of.access.to_string(),
            period_end: of.period_end,
            owed_since: of.owed_since,
            suspends_at: of.suspends_at,
            cancel_at: of.cancel_at,
        }
    }
}

/// Another plan for a subscription.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlan {
    /// Short name of the plan, with the price: `shop-basic:month`.
    #[schema(example = "shop-basic:month", max_length = 64)]
    pub plan: String,
}

/// What was accepted of a preview.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptedPlan {
    /// As in the preview: `choice`.
    #[schema(example = "shop-basic:month", max_length = 64)]
    pub plan: String,
    /// As in the preview: `at`. Valid for an hour.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// What another plan would mean.
#[derive(Serialize, ToSchema)]
pub struct PlanOffer {
    /// Name of the plan.
    #[schema(example = "Basic")]
    pub plan: String,
    /// What accepts it.
    #[schema(example = "shop-basic:month")]
    pub choice: String,
    /// What is charged now, by Stripe; negative: kept for the next invoices.
    pub due: Option<Money>,
    /// End of the period that is paid then; absent for what is free.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paid_until: Option<Timestamp>,
    /// The time as of which it was computed, and will be charged.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl From<stoa_billing::ChangePreview> for PlanOffer {
    fn from(of: stoa_billing::ChangePreview) -> Self {
        Self { plan: of.plan, choice: of.choice, due: of.due.map(Into::into), paid_until: of.paid_until, at: of.at }
    }
}
