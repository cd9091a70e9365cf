//! Limits on orders, which keep us below the rate limits of the authority.

use crate::Domains;
use jiff::{SignedDuration, Timestamp};
use stoa_db::certificate_orders::{Attempt, tries_since};

use super::spec::CertificateSpec;
use stoa_core::{Result, settings::IssuanceLimits};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Orders per name, whatever their outcome, so that one customer can't exhaust the limits that all share.
const MAX_ORDERS_PER_NAME_AND_HOUR: u64 = 5;

/// A limit that is reached: the message for the customer, and the delay before the next attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LimitReached {
    pub wait: SignedDuration,
    pub message: &'static str,
}

impl Domains {
    /// The limit that forbids an order now, if any. Checked before every order.
    pub(super) async fn reached_limit(
        &self,
        wanted: &CertificateSpec,
        limits: &IssuanceLimits,
        now: Timestamp,
    ) -> Result<Option<LimitReached>> {
        let of = Some(&wanted.subject);
        let refused = tries_since(&self.core.db, of, Attempt::Failed, now - HOUR).await?;
        if refused >= limits.failures_per_hour {
            let message = "The certificate was refused several times; it is tried again within the hour.";
            return Ok(Some(LimitReached { wait: HOUR, message }));
        }
        let same = tries_since(&self.core.db, of, Attempt::Issued, now - WEEK).await?;
        if same >= limits.same_per_week {
            let message = "This name has had as many certificates this week as its authority issues.";
            return Ok(Some(LimitReached { wait: HOUR * 24, message }));
        }
        let asked = tries_since(&self.core.db, of, Attempt::Ordered, now - HOUR).await?;
        if asked >= MAX_ORDERS_PER_NAME_AND_HOUR {
            let message = "This certificate was asked for several times; it is tried again within the hour.";
            return Ok(Some(LimitReached { wait: HOUR, message }));
        }
        let orders = tries_since(&self.core.db, None, Attempt::Ordered, now - HOUR * 3).await?;
        if orders >= self.order_limit(wanted, limits) {
            let message = "Many certificates are being ordered right now; this one follows soon.";
            return Ok(Some(LimitReached { wait: HOUR / 4, message }));
        }
        if !wanted.custom && self.own_certificates_this_week(now) >= limits.own_per_week {
            let message = "The platform has had as many certificates this week as its authority issues.";
            return Ok(Some(LimitReached { wait: HOUR * 6, message }));
        }
        Ok(None)
    }

    /// The limit on orders of the account that applies to this certificate. A quarter is reserved for the most
    /// important ones: the platform's own names, and renewals.
    fn order_limit(&self, wanted: &CertificateSpec, limits: &IssuanceLimits) -> u64 {
        let is_new = wanted.custom && self.certificate_cache.all().matching(wanted).next().is_none();
        limits.orders_per_3_hours - if is_new { limits.orders_per_3_hours / 4 } else { 0 }
    }

    /// Certificates issued for the platform's own names within a week.
    fn own_certificates_this_week(&self, now: Timestamp) -> u64 {
        let base = &self.core.settings.base_domain;
        let own = |name: &stoa_model::certificate::CertName| name.host == *base || self.is_platform_name(&name.host);
        let all = self.certificate_cache.all();
        let recent = all.iter().filter(|loaded| loaded.created_at > now - WEEK && loaded.site.is_none());
        recent.filter(|loaded| loaded.ready.names.iter().any(own)).count() as u64
    }
}

/// The delay after this many consecutive failures, with exponential backoff up to a day. It starts at one minute, or
/// at ten minutes after a refusal, which only a change by a person can resolve.
pub(super) fn retry_delay(failures: u32, refused: bool) -> SignedDuration {
    let first = if refused { 10 } else { 1 };
    let minutes = first * (1_i64 << failures.saturating_sub(1).min(11));
    SignedDuration::from_mins(minutes.min(24 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_day() {
        let minutes = |failures, refused| retry_delay(failures, refused).as_mins();
        assert_eq!([minutes(1, false), minutes(2, false), minutes(6, false)], [1, 2, 32]);
        assert_eq!([minutes(1, true), minutes(2, true), minutes(20, true)], [10, 20, 1440]);
    }
}
