//! The price list, what customers pay, and what staff do about it.

pub mod change_plan;
pub mod checkout;
pub mod mismatches;
pub mod overview;
pub mod pricing;
pub mod staff_plan;
pub mod staff_plans;
pub mod staff_subscription;
pub mod staff_subscriptions;

use stoa_billing::view::{PlanView, SubscriptionView};
use stoa_model::{
    billing::{access::Access, subscription::Provider},
    id::{SiteId, SubscriptionId},
};

use crate::ui::{
    number,
    status::{self, Badge},
    time,
};

/// A plan on the price list.
pub struct PlanCard {
    /// Its name.
    pub name: String,
    /// A sentence about it.
    pub description: String,
    /// Its prices, each with the choice that buys it.
    pub prices: Vec<PriceLine>,
    /// What it grants, in words.
    pub points: Vec<String>,
}

/// A price on the price list.
pub struct PriceLine {
    /// In words.
    pub text: String,
    /// The amount.
    pub amount: String,
    /// How often it is due; empty for what is free.
    pub per: &'static str,
    /// What the order form chooses.
    pub choice: String,
}

impl PlanCard {
    /// The card of a plan.
    pub fn new(plan: &PlanView) -> Self {
        let price = |price: &stoa_billing::view::PriceView| PriceLine {
            text: price.text.clone(),
            amount: if price.money.is_zero() { "Free".into() } else { price.money.brief() },
            per: if price.money.is_zero() { "" } else { price.interval.per() },
            choice: format!("{}/{}", plan.blueprint, price.choice),
        };
        Self {
            name: plan.name.clone(),
            description: plan.description.clone(),
            prices: plan.prices.iter().map(price).collect(),
            points: points(plan),
        }
    }
}

/// What a plan grants, in words.
fn points(plan: &PlanView) -> Vec<String> {
    let terms = &plan.terms;
    let cores = terms.cpu.to_string();
    let mut points = vec![
        format!("{} memory", terms.memory.brief()),
        format!("{cores} CPU {}", if cores == "1" { "core" } else { "cores" }),
        format!("{} storage", terms.disk.brief()),
    ];
    points.extend(terms.database.map(|bytes| format!("{} of it for the database", bytes.brief())));
    points.extend(terms.bandwidth.map(|bytes| format!("{} traffic per month", bytes.brief())));
    points.extend(terms.requests.map(|count| format!("{} requests per day", number::count(count))));
    if terms.sites > 0 {
        points.push(number::counted(terms.sites.into(), "site"));
    }
    if terms.trial_days > 0 {
        points.push(format!("{} free trial", number::counted(terms.trial_days.into(), "day")));
    }
    points.extend(terms.features.iter().map(|feature| feature.label().to_owned()));
    points
}

/// A subscription, as shown.
pub struct SubscriptionLine {
    /// Its id.
    pub id: SubscriptionId,
    /// Who pays.
    pub customer: String,
    /// Their name.
    pub customer_name: String,
    /// Its site.
    pub site: Option<SiteId>,
    /// The site's title, or what stands for it.
    pub title: String,
    /// The site's address.
    pub hostname: Option<String>,
    /// The plan's name.
    pub plan: String,
    /// The price in words.
    pub price: String,
    /// How it stands.
    pub badge: Badge,
    /// What comes next, and when.
    pub next: String,
    /// Whether a payment is owed.
    pub is_owed: bool,
    /// Whether it will end, and that can be taken back.
    pub is_ending: bool,
    /// Whether it can be cancelled.
    pub is_running: bool,
    /// Whether another plan can be chosen.
    pub can_change: bool,
    /// Whether it is over.
    pub has_ended: bool,
    /// Whether staff write down its payments.
    pub is_manual: bool,
    /// End of the period that is paid, for the form that marks a payment.
    pub paid_until: String,
}

impl SubscriptionLine {
    /// A subscription.
    pub fn new(of: SubscriptionView) -> Self {
        let has_ended = of.status.has_ended();
        Self {
            next: next(&of),
            badge: status::subscription(of.status),
            is_owed: of.owed_since.is_some(),
            is_ending: of.cancel_at.is_some() && !has_ended,
            is_running: of.cancel_at.is_none() && !has_ended,
            can_change: of.site.is_some() && of.owed_since.is_none() && (!has_ended || of.can_return),
            has_ended,
            is_manual: of.provider == Provider::Manual && !has_ended,
            paid_until: of.period_end.map(|end| end.as_millisecond().to_string()).unwrap_or_default(),
            id: of.id,
            customer: of.customer.to_string(),
            customer_name: of.customer_name,
            title: of.site_title.unwrap_or_else(|| "No site yet".into()),
            site: of.site,
            hostname: of.hostname,
            plan: of.plan,
            price: of.price,
        }
    }
}

/// What comes next for a subscription, and when.
fn next(of: &SubscriptionView) -> String {
    if let Some(at) = of.ended_at {
        return format!("Ended on {}", time::day(at));
    }
    match (of.access, of.owed_since, of.suspends_at) {
        (Access::Suspended, Some(due), _) => return format!("Stopped; payment due since {}", time::day(due)),
        (_, Some(due), Some(stop)) => {
            return format!("Payment due since {}; the site will be stopped on {}", time::day(due), time::day(stop));
        }
        _ => {}
    }
    if let Some(at) = of.cancel_at {
        return format!("Ends on {}", time::day(at));
    }
    match of.period_end {
        Some(end) => format!("Next payment on {}", time::day(end)),
        None => "No payments".to_owned(),
    }
}
