//! What can be asked for, with the text as typed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use stoa_model::billing::plan::Feature;

/// Create or change a plan. Amounts are texts as somebody types them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavePlan {
    /// Short name; it can't be changed later.
    #[serde(default)]
    pub slug: String,
    /// The blueprint of its sites; it can't be changed later.
    #[serde(default)]
    pub blueprint: String,
    /// Name on the price list.
    pub name: String,
    /// A sentence about it.
    #[serde(default)]
    pub description: String,
    /// Place on the price list.
    #[serde(default)]
    pub position: u32,
    /// Whether it can be bought.
    #[serde(default)]
    pub is_active: bool,
    /// Whether the price list leaves it out.
    #[serde(default)]
    pub is_hidden: bool,
    /// Code of the currency.
    pub currency: String,
    /// Price per month, such as `29.90`; 0 is free, empty is not sold by the month.
    #[serde(default)]
    pub monthly: String,
    /// Price per year.
    #[serde(default)]
    pub yearly: String,
    /// Memory of the main service, such as `2g` or `512m`; a number alone counts gigabytes.
    pub memory: String,
    /// Cores of the main service, such as `0.5`.
    pub cpu: String,
    /// Storage, such as `25g`; a number alone counts gigabytes.
    pub disk: String,
    /// Largest database; empty: not limited by itself.
    #[serde(default)]
    pub database: String,
    /// Traffic per month; empty: not limited.
    #[serde(default)]
    pub bandwidth: String,
    /// Requests per day; empty: not limited.
    #[serde(default)]
    pub requests: String,
    /// Largest request body, such as `100m`; a number alone counts megabytes. Empty: the operator's for all sites.
    #[serde(default)]
    pub max_body: String,
    /// Requests per second; empty or 0: no limit.
    #[serde(default)]
    pub rate: String,
    /// Sites per customer; empty or 0: no limit.
    #[serde(default)]
    pub sites: String,
    /// Days before the first payment.
    #[serde(default)]
    pub trial_days: String,
    /// What it promises besides.
    #[serde(default)]
    pub features: BTreeSet<Feature>,
}

/// Write down a payment that the operator has received.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkPaid {
    /// What helps to find it again, such as the bank's reference.
    #[serde(default)]
    pub reference: String,
    /// End of the period that was paid before, in milliseconds since 1970, as the form has shown it; so that two people who
    /// mark the same payment don't mark two.
    #[serde(default)]
    pub paid_until: Option<i64>,
}
