//! How often the authority may be asked: we count, and stop before it stops us.

use crate::Domains;
use jiff::{SignedDuration, Timestamp};
use stoa_db::certificate_orders::{Attempt, tries_since};

use super::spec::CertificateSpec;
use stoa_core::{Result, settings::IssuanceLimits};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Orders of one name within an hour, whatever came of them: nobody uses up what all share.
const SAME_PER_HOUR: u64 = 5;

/// Why it must not be asked now, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LimitReached {
    pub wait: SignedDuration,
    pub words: &'static str,
}

impl Domains {
    /// Whether an order may be made now; looked at before every one.
    pub(super) async fn reached_limit(
        &self,
        wanted: &CertificateSpec,
        limits: &IssuanceLimits,
        now: Timestamp,
    ) -> Result<Option<LimitReached>> {
        let of = Some(&wanted.subject);
        let refused = tries_since(&self.core.db, of, Attempt::Failed, now - HOUR).await?;
        if refused >= limits.failures_per_hour {
            let words = "The certificate was refused several times; it is tried again within the hour.";
            return Ok(Some(LimitReached { wait: HOUR, words }));
        }
        let same = tries_since(&self.core.db, of, Attempt::Issued, now - WEEK).await?;
        if same >= limits.same_per_week {
            let words = "This name has had as many certificates this week as its authority issues.";
            return Ok(Some(LimitReached { wait: HOUR * 24, words }));
        }
        let asked = tries_since(&self.core.db, of, Attempt::Ordered, now - HOUR).await?;
        if asked >= SAME_PER_HOUR {
            let words = "This certificate was asked for several times; it is tried again within the hour.";
            return Ok(Some(LimitReached { wait: HOUR, words }));
        }
        let orders = tries_since(&self.core.db, None, Attempt::Ordered, now - HOUR * 3).await?;
        if orders >= self.order_limit(wanted, limits) {
            let words = "Many certificates are being ordered at this moment; this one follows soon.";
            return Ok(Some(LimitReached { wait: HOUR / 4, words }));
        }
        if !wanted.custom && self.own_certificates_this_week(now) >= limits.own_per_week {
            let words = "The platform has had as many certificates this week as its authority issues.";
            return Ok(Some(LimitReached { wait: HOUR * 6, words }));
        }
        Ok(None)
    }

    /// How many orders of all may be made before this one. A quarter is left to what would hurt most: the
    /// platform's own names, and names that are served with a certificate already.
    fn order_limit(&self, wanted: &CertificateSpec, limits: &IssuanceLimits) -> u64 {
        let is_new = wanted.custom && self.certificate_cache.all().matching(wanted).next().is_none();
        limits.orders_per_3_hours - if is_new { limits.orders_per_3_hours / 4 } else { 0 }
    }

    /// Certificates for names below the platform's own domain within a week.
    fn own_certificates_this_week(&self, now: Timestamp) -> u64 {
        let base = &self.core.settings.base_domain;
        let own = |name: &stoa_model::certificate::CertName| name.host == *base || self.is_platform_name(&name.host);
        let all = self.certificate_cache.all();
        let recent = all.iter().filter(|held| held.created_at > now - WEEK && held.site.is_none());
        recent.filter(|held| held.ready.names.iter().any(own)).count() as u64
    }
}

/// After so many failures in a row, the pause before the next try: from a minute to a day, for a
/// refusal from ten minutes, as nothing but a change by a person will help.
pub(super) fn pause(failures: u32, refused: bool) -> SignedDuration {
    let first = if refused { 10 } else { 1 };
    let minutes = first * (1_i64 << failures.saturating_sub(1).min(11));
    SignedDuration::from_mins(minutes.min(24 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_day() {
        let minutes = |failures, refused| pause(failures, refused).as_mins();
        assert_eq!([minutes(1, false), minutes(2, false), minutes(6, false)], [1, 2, 32]);
        assert_eq!([minutes(1, true), minutes(2, true), minutes(20, true)], [10, 20, 1440]);
    }
}
