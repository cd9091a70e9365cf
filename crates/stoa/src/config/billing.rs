//! `[billing]`: how customers pay.

use jiff::SignedDuration;
use stoa_core::settings::BillingSettings;
use stoa_model::billing::{access::DunningPeriods, money::Currency};

use super::{Config, mistake::Mistake, schema::settings};

settings! {
    /// How customers pay. Plans are made in the portal, under Plans; without any, sites are ordered without payment.
    pub struct Billing in "billing" {
        /// The currency that a new plan begins with.
        currency: String = "EUR",
        /// How customers pay what you collect yourself, such as "Transfer to IBAN DE02 1203 0000 0000 2020 51". It is shown
        /// with each amount that is due.
        payment_instructions: String = "",
        /// Days after which a site with an overdue payment can't be changed any more.
        restrict_days: u16 = 7,
        /// Days after which a site with an overdue payment is stopped. Its data is kept.
        suspend_days: u16 = 14,
    }
}

impl Config {
    /// The settings for the service layer.
    pub(super) fn billing_settings(&self) -> Result<BillingSettings, Mistake> {
        let section = &self.billing;
        let currency: Currency =
            section.currency.parse().map_err(|error: String| Mistake::new("billing.currency", error))?;
        if section.suspend_days < section.restrict_days {
            let problem = "a site is stopped last: use at least the days of billing.restrict_days";
            return Err(Mistake::new("billing.suspend_days", problem));
        }
        let days = |days: u16| SignedDuration::from_hours(24 * i64::from(days));
        Ok(BillingSettings {
            currency,
            payment_instructions: section.payment_instructions.trim().to_owned(),
            dunning: DunningPeriods {
                restrict_after: days(section.restrict_days),
                suspend_after: days(section.suspend_days),
            },
        })
    }
}
