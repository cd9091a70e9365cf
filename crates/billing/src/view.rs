//! What pages, the API and the command line show.

use jiff::Timestamp;
use serde::Serialize;
use stoa_db::billing::{checkouts::Checkout, payments::Payment};
use stoa_model::{
    billing::{
        access::Access,
        money::Money,
        plan::{Interval, Plan, PlanTerms, Price},
        subscription::{Provider, SubscriptionStatus},
    },
    id::{CheckoutId, CustomerId, PaymentId, PlanId, PriceId, SiteId, SubscriptionId},
};

/// A plan with the prices that it is sold at.
#[derive(Debug, Clone, Serialize)]
pub struct PlanView {
    /// Its id.
    pub id: PlanId,
    /// Its short name.
    pub slug: String,
    /// The blueprint of its sites.
    pub blueprint: String,
    /// Its name.
    pub name: String,
    /// A sentence about it, or nothing.
    pub description: String,
    /// Its place on the price list.
    pub position: u32,
    /// Whether it can be bought.
    pub is_active: bool,
    /// Whether the price list leaves it out.
    pub is_hidden: bool,
    /// The version that is sold.
    pub version: u32,
    /// What it grants.
    pub terms: PlanTerms,
    /// Its prices.
    pub prices: Vec<PriceView>,
}

/// A price.
#[derive(Debug, Clone, Serialize)]
pub struct PriceView {
    /// Its id.
    pub id: PriceId,
    /// The amount.
    pub money: Money,
    /// How often it is due.
    pub interval: Interval,
    /// In words: `€29.00 per month`.
    pub text: String,
    /// What an order names to buy it: `woo-core:month`.
    pub choice: String,
}

impl From<(Plan, Vec<Price>)> for PlanView {
    fn from((plan, prices): (Plan, Vec<Price>)) -> Self {
        let price = |price: Price| PriceView {
            id: price.id,
            money: price.money,
            interval: price.interval,
            text: price.to_string(),
            choice: format!("{}:{}", plan.slug, price.interval),
        };
        Self {
            prices: prices.into_iter().map(price).collect(),
            id: plan.id,
            slug: plan.slug.to_string(),
            blueprint: plan.blueprint,
            name: plan.name.to_string(),
            description: plan.description,
            position: plan.position,
            is_active: plan.is_active,
            is_hidden: plan.is_hidden,
            version: plan.version,
            terms: plan.terms,
        }
    }
}

/// A subscription.
#[derive(Debug, Clone, Serialize)]
pub struct SubscriptionView {
    /// Its id.
    pub id: SubscriptionId,
    /// Who pays.
    pub customer: CustomerId,
    /// Their name.
    pub customer_name: String,
    /// Its site; `None` while it could not be created.
    pub site: Option<SiteId>,
    /// The site's title.
    pub site_title: Option<String>,
    /// The site's main name.
    pub hostname: Option<String>,
    /// The plan's name.
    pub plan: String,
    /// What the version that was bought grants.
    pub terms: PlanTerms,
    /// The price in words.
    pub price: String,
    /// The amount that is due each period.
    pub money: Money,
    /// Who collects.
    pub provider: Provider,
    /// How it stands.
    pub status: SubscriptionStatus,
    /// What it entitles to.
    pub access: Access,
    /// End of the period that is paid; `None` for what is free.
    pub period_end: Option<Timestamp>,
    /// Since when a payment is owed.
    pub owed_since: Option<Timestamp>,
    /// When the site will be stopped, or was, if nothing is paid.
    pub suspends_at: Option<Timestamp>,
    /// When it will end, if that is decided.
    pub cancel_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// It has ended, and its site is still there: it can be paid for again.
    pub can_return: bool,
    /// When it began.
    pub created_at: Timestamp,
}

/// What a site was entitled to during a time.
#[derive(Debug, Clone, Serialize)]
pub struct EntitlementView {
    /// To what.
    pub access: Access,
    /// From when.
    pub from: Timestamp,
    /// Until when; `None`: it is so now.
    pub to: Option<Timestamp>,
    /// Why it began.
    pub cause: String,
}

/// A payment.
#[derive(Debug, Clone, Serialize)]
pub struct PaymentView {
    /// Its id.
    pub id: PaymentId,
    /// What it was for.
    pub subscription: SubscriptionId,
    /// How much.
    pub money: Money,
    /// Who has collected it.
    pub provider: Provider,
    /// What staff wrote down to find it again.
    pub reference: String,
    /// The period that it pays for.
    pub period_start: Timestamp,
    /// Its end.
    pub period_end: Option<Timestamp>,
    /// When it was paid.
    pub paid_at: Timestamp,
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        Self {
            id: payment.id,
            subscription: payment.subscription,
            money: payment.money,
            provider: payment.provider,
            reference: payment.reference,
            period_start: payment.period_start,
            period_end: payment.period_end,
            paid_at: payment.paid_at,
        }
    }
}

/// An order that waits for its first payment.
#[derive(Debug, Clone, Serialize)]
pub struct CheckoutView {
    /// Its id.
    pub id: CheckoutId,
    /// Who orders.
    pub customer: Option<CustomerId>,
    /// Their e-mail address.
    pub email: String,
    /// The name that is reserved.
    pub hostname: String,
    /// The plan's name.
    pub plan: String,
    /// The price in words.
    pub price: String,
    /// The amount of the first payment.
    pub money: Money,
    /// `open`, `paid` or `expired`.
    pub state: String,
    /// Where the customer pays, if a provider collects.
    pub url: Option<String>,
    /// Whether it is for a site that there is already.
    pub is_for_site: bool,
    /// Whether a bank transfer is under way at the provider.
    pub is_under_way: bool,
    /// The site that came of it.
    pub site: Option<SiteId>,
    /// What to write on a transfer, so that it is found again.
    pub reference: String,
    /// When it began.
    pub created_at: Timestamp,
    /// Until when the name is reserved.
    pub expires_at: Timestamp,
}

impl CheckoutView {
    pub(crate) fn of(checkout: &Checkout, plan: &Plan, price: &Price) -> Self {
        let id = checkout.id.uuid().simple().to_string();
        Self {
            id: checkout.id,
            customer: checkout.customer,
            email: checkout.email.to_string(),
            hostname: checkout.hostname.to_string(),
            plan: plan.name.to_string(),
            price: price.to_string(),
            money: price.money,
            state: checkout.state.to_string(),
            url: checkout.url.clone(),
            is_for_site: crate::Billing::existing_site(checkout).is_some(),
            is_under_way: checkout.session.is_some() && checkout.url.is_none(),
            site: checkout.site,
            // The random end of the id: its beginning is the time.
            reference: id[id.len() - 10..].to_uppercase(),
            created_at: checkout.created_at,
            expires_at: checkout.expires_at,
        }
    }
}
