//! Plans: what is sold. What a plan grants ([`PlanTerms`]) and what it costs ([`Price`]) never change: a plan that is
//! edited gets a new version, and who has bought the former one keeps it.

use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::money::Money;
use crate::{
    field::Invalid,
    id::{PlanId, PriceId},
    limits::{Bytes, MilliCpu},
    route::RouteLimits,
    site::words,
    text::{PlanName, check_line},
};

words! {
    /// How often a price is due.
    Interval, "interval" {
        /// Every month.
        Month = "month",
        /// Every year.
        Year = "year",
    }
}

impl Interval {
    /// The end of a period that begins at `start`: the same day of the next month or year, or its last day.
    pub fn end(self, start: Timestamp) -> Timestamp {
        let start = start.to_zoned(jiff::tz::TimeZone::UTC);
        let span = match self {
            Self::Month => jiff::Span::new().months(1),
            Self::Year => jiff::Span::new().years(1),
        };
        // It fails only beyond the year 9999.
        start.checked_add(span).map_or(Timestamp::MAX, |end| end.timestamp())
    }

    /// How often it is due, after a price.
    pub const fn per(self) -> &'static str {
        match self {
            Self::Month => "per month",
            Self::Year => "per year",
        }
    }
}

words! {
    /// What a plan promises besides its limits.
    Feature, "feature" {
        /// A backup every day.
        DailyBackups = "daily_backups",
        /// Support by e-mail.
        EmailSupport = "email_support",
        /// Premium plugins.
        PremiumPlugins = "premium_plugins",
        /// Support around the clock.
        AllDaySupport = "all_day_support",
        /// A Redis cache beside the application.
        RedisCache = "redis_cache",
        /// A copy of the site to try changes on.
        Staging = "staging",
        /// A guaranteed availability.
        Sla = "sla",
        /// Advanced security.
        AdvancedSecurity = "advanced_security",
        /// No sign of the operator on the site's pages.
        WhiteLabel = "white_label",
    }
}

impl Feature {
    /// Words on the price list.
    pub const fn label(self) -> &'static str {
        match self {
            Self::DailyBackups => "Daily backups",
            Self::EmailSupport => "E-mail support",
            Self::PremiumPlugins => "Premium plugins",
            Self::AllDaySupport => "24/7 support",
            Self::RedisCache => "Redis cache",
            Self::Staging => "Staging site",
            Self::Sla => "Availability guarantee (SLA)",
            Self::AdvancedSecurity => "Advanced security",
            Self::WhiteLabel => "White label",
        }
    }

    /// The optional service of a blueprint that a site of the plan gets. Features without one are the operator's promise:
    /// the platform does nothing about them yet.
    pub const fn profile(self) -> Option<&'static str> {
        match self {
            Self::RedisCache => Some("redis"),
            Self::DailyBackups
            | Self::EmailSupport
            | Self::PremiumPlugins
            | Self::AllDaySupport
            | Self::Staging
            | Self::Sla
            | Self::AdvancedSecurity
            | Self::WhiteLabel => None,
        }
    }
}

/// Smallest and largest memory of a plan's main service.
const MEMORY: std::ops::RangeInclusive<u64> = (256 << 20)..=(16 << 30);
/// Smallest and largest processor time of a plan's main service, in thousandths of a core.
const CPU: std::ops::RangeInclusive<u32> = 250..=8000;
/// Smallest and largest storage of a plan's site.
const DISK: std::ops::RangeInclusive<u64> = (1 << 30)..=(10 << 40);
/// The longest trial, in days: as long as Stripe allows.
const MAX_TRIAL_DAYS: u16 = 730;

/// What a site of a plan may use. Immutable once somebody could have bought it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanTerms {
    /// Memory of the site's main service.
    pub memory: Bytes,
    /// Processor time of the site's main service.
    pub cpu: MilliCpu,
    /// What the site may store.
    pub disk: Bytes,
    /// How large its database may grow, if that is limited by itself. Shown; the whole storage is what is enforced.
    #[serde(default)]
    pub database: Option<Bytes>,
    /// What its visitors may transfer a month. Shown; not enforced yet.
    #[serde(default)]
    pub bandwidth: Option<Bytes>,
    /// Requests a day. Shown; not enforced yet.
    #[serde(default)]
    pub requests: Option<u64>,
    /// What its visitors may use of the edge.
    pub edge: RouteLimits,
    /// How many sites a customer may have on this plan; 0: no limit.
    #[serde(default)]
    pub sites: u32,
    /// Days before the first payment.
    #[serde(default)]
    pub trial_days: u16,
    /// What it promises besides.
    #[serde(default)]
    pub features: BTreeSet<Feature>,
}

impl PlanTerms {
    /// What is wrong with them.
    pub fn problems(&self) -> Vec<Invalid> {
        let mut bad = Vec::new();
        if !MEMORY.contains(&self.memory.0) {
            bad.push(Invalid::new("memory", "Use 256 MB to 16 GB."));
        }
        if !CPU.contains(&self.cpu.0) {
            bad.push(Invalid::new("cpu", "Use 0.25 to 8 cores."));
        }
        if !DISK.contains(&self.disk.0) {
            bad.push(Invalid::new("disk", "Use 1 GB to 10 TB."));
        }
        if self.database.is_some_and(|database| database > self.disk) {
            bad.push(Invalid::new("database", "The database is part of the storage, so it can't be larger."));
        }
        if self.trial_days > MAX_TRIAL_DAYS {
            bad.push(Invalid::new("trial_days", format!("Use at most {MAX_TRIAL_DAYS} days.")));
        }
        bad
    }

    /// The optional services that a site of the plan gets.
    pub fn profiles(&self) -> impl Iterator<Item = &'static str> {
        self.features.iter().filter_map(|feature| feature.profile())
    }
}

/// A short name that stays: lower-case letters, digits and hyphens, such as `woo-core`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlanSlug(String);

impl PlanSlug {
    /// Parses one.
    ///
    /// # Errors
    /// Says what it must look like.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim().to_ascii_lowercase();
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let good =
            (2..=40).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-');
        if good {
            Ok(Self(text))
        } else {
            Err(Invalid::new("slug", "Use 2 to 40 letters, digits and hyphens, such as shop-basic."))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PlanSlug {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// Its short name.
    pub slug: PlanSlug,
    /// The blueprint of its sites.
    pub blueprint: String,
    /// Its name on the price list.
    pub name: PlanName,
    /// A sentence about it, or nothing.
    pub description: String,
    /// Its place on the price list; lower is earlier.
    pub position: u32,
    /// Whether it can be bought.
    pub is_active: bool,
    /// Whether it is left out of the price list; by its address it can be bought all the same.
    pub is_hidden: bool,
    /// The version that is sold, from 1.
    pub version: u32,
    /// What that version grants.
    pub terms: PlanTerms,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The longest description of a plan, in characters.
const MAX_DESCRIPTION_CHARS: usize = 300;

/// Parses the sentence about a plan; it may be empty.
///
/// # Errors
/// If it is too long or not a line.
pub fn parse_description(text: &str) -> Result<String, Invalid> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    if text.chars().count() > MAX_DESCRIPTION_CHARS {
        return Err(Invalid::new("description", format!("Use at most {MAX_DESCRIPTION_CHARS} characters.")));
    }
    check_line("description", text)?;
    Ok(text.to_owned())
}

/// What a plan costs. Its amount never changes: another amount is another price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Its id.
    pub id: PriceId,
    /// The plan.
    pub plan: PlanId,
    /// The amount; zero for a free plan.
    pub money: Money,
    /// How often it is due.
    pub interval: Interval,
    /// Its id at Stripe, once it is known there.
    pub stripe_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it can't be bought any more; running subscriptions keep it.
    pub archived_at: Option<Timestamp>,
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.money.is_zero() {
            return f.write_str("Free");
        }
        write!(f, "{} {}", self.money.brief(), self.interval.per())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_end_on_the_same_day_or_the_last_of_the_month() {
        let end = |start: &str, interval: Interval| interval.end(start.parse().expect("a time")).to_string();
        assert_eq!(end("2026-01-31T10:00:00Z", Interval::Month), "2026-02-28T10:00:00Z");
        assert_eq!(end("2028-01-31T10:00:00Z", Interval::Month), "2028-02-29T10:00:00Z");
        assert_eq!(end("2028-02-29T00:00:00Z", Interval::Year), "2029-02-28T00:00:00Z");
        assert_eq!(end("2026-12-15T23:59:59Z", Interval::Month), "2027-01-15T23:59:59Z");
        // No daylight saving: UTC.
        assert_eq!(end("2026-03-28T01:30:00Z", Interval::Month), "2026-04-28T01:30:00Z");
    }

    #[test]
    fn terms_have_bounds() {
        let good = PlanTerms {
            memory: Bytes::mib(1024),
            cpu: MilliCpu(1000),
            disk: Bytes::mib(25 << 10),
            database: None,
            bandwidth: None,
            requests: None,
            edge: RouteLimits::body(100 << 20),
            sites: 1,
            trial_days: 0,
            features: BTreeSet::from([Feature::RedisCache, Feature::Sla]),
        };
        assert_eq!(good.problems(), []);
        assert_eq!(good.profiles().collect::<Vec<_>>(), ["redis"]);
        let bad = PlanTerms {
            memory: Bytes::mib(17 << 10),
            cpu: MilliCpu(8001),
            disk: Bytes(0),
            database: Some(Bytes(1)),
            trial_days: 731,
            ..good
        };
        let fields: Vec<_> = bad.problems().into_iter().map(|bad| bad.field).collect();
        assert_eq!(fields, ["memory", "cpu", "disk", "database", "trial_days"]);
    }

    #[test]
    fn short_names() {
        assert_eq!(PlanSlug::parse(" Woo-Core ").map(|slug| slug.to_string()), Ok("woo-core".into()));
        for text in ["", "a", "-a", "a-", "a b", "ä", "a/b", &"x".repeat(41)] {
            assert!(PlanSlug::parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
