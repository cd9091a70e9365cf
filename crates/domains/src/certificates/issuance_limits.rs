//! Limits on orders, which keep us below the rate limits of the authority. They never let a certificate run out: whether
//! a renewal is one too many, the authority decides.

use crate::Domains;
use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    certificate_orders::{Attempt, tries_of_customer_since, tries_since},
    sites,
};
use stoa_model::id::CustomerId;

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

/// How much longer the certificate is valid that an order renews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Remaining {
    time: SignedDuration,
    /// Whether it is in the last sixth of its lifetime.
    pub is_ending: bool,
}

impl Remaining {
    /// A delay within this time: several attempts must still be possible.
    pub fn bound(self, delay: SignedDuration) -> SignedDuration {
        delay.min((self.time / 4).max(SignedDuration::from_mins(1)))
    }

    /// What is left of a limit of our own.
    fn relax(self, limit: LimitReached) -> Option<LimitReached> {
        (!self.is_ending || limit.wait <= HOUR).then(|| LimitReached { wait: self.bound(limit.wait), ..limit })
    }
}

impl Domains {
    /// The limit that forbids an order now, if any. Checked before every order.
    pub(super) async fn reached_limit(
        &self,
        wanted: &CertificateSpec,
        limits: &IssuanceLimits,
        now: Timestamp,
    ) -> Result<Option<LimitReached>> {
        let limit = self.strict_limit(wanted, limits, now).await?;
        Ok(match self.remaining(wanted, now) {
            None => limit,
            Some(remaining) => limit.and_then(|limit| remaining.relax(limit)),
        })
    }

    /// How much longer the present certificate for this spec is valid, if there is one.
    pub(super) fn remaining(&self, wanted: &CertificateSpec, now: Timestamp) -> Option<Remaining> {
        let all = self.certificate_cache.all();
        let loaded = all.matching(wanted).max_by_key(|loaded| loaded.not_after)?;
        let time = loaded.not_after.duration_since(now).max(SignedDuration::ZERO);
        Some(Remaining { time, is_ending: loaded.is_ending(now) })
    }

    async fn strict_limit(
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
            let message = "This name has had several certificates this week; the next one follows in time.";
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
        // Each customer gets a third, as several may add many domains at the same time.
        if let Some(customer) = self.customer_of_new(wanted).await? {
            let message = "Many certificates are being ordered for your domains right now; this one follows soon.";
            let (what, since) = (Attempt::Ordered, now - HOUR * 3);
            if tries_of_customer_since(&self.core.db, customer, what, since).await?
                >= limits.orders_per_3_hours.div_ceil(3)
            {
                return Ok(Some(LimitReached { wait: HOUR / 4, message }));
            }
            let message = "Many of your sites got certificates this week; this one follows.";
            let (what, since) = (Attempt::Issued, now - WEEK);
            if !wanted.custom
                && tries_of_customer_since(&self.core.db, customer, what, since).await?
                    >= limits.own_per_week.div_ceil(3)
            {
                return Ok(Some(LimitReached { wait: HOUR * 6, message }));
            }
        }
        if !wanted.custom && self.own_certificates_this_week(now) >= limits.own_per_week {
            let message = "Many names of the platform got certificates this week; this one follows.";
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

    /// The customer whose site a certificate is for, unless it replaces one.
    async fn customer_of_new(&self, wanted: &CertificateSpec) -> Result<Option<CustomerId>> {
        if wanted.subject.wildcard || self.certificate_cache.all().matching(wanted).next().is_some() {
            return Ok(None);
        }
        let site = sites::site_by_hostname(&self.core.db, &wanted.subject.host).await?;
        Ok(site.map(|site| site.customer))
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

    /// Certificates of a day, five of which within a week are too many by our own count.
    #[test]
    fn our_own_caution_lets_no_certificate_run_out() {
        let (day, minute) = (SignedDuration::from_hours(24), SignedDuration::from_mins(1));
        let (mut now, mut issued, mut next_at) =
            (SignedDuration::ZERO, vec![SignedDuration::ZERO], SignedDuration::ZERO);
        while now < day * 14 {
            let last = *issued.last().expect("the first");
            let end = last + day;
            assert!(now < end, "it ran out after {} h, with {} issued", now.as_hours(), issued.len());
            let remaining = Remaining { time: end - now, is_ending: end - now < day / 6 };
            if now >= last + day * 2 / 3 && now >= next_at {
                let same = issued.iter().filter(|at| **at + WEEK > now).count() as u64;
                let reached = same >= IssuanceLimits::LETS_ENCRYPT.same_per_week;
                let limit = reached.then_some(LimitReached { wait: HOUR * 24, message: "" });
                match limit.and_then(|limit| remaining.relax(limit)) {
                    Some(limit) => next_at = now + limit.wait,
                    None => issued.push(now),
                }
            }
            now += minute;
        }
        assert!(issued.len() <= 18, "caution where it can be: {}", issued.len());
    }

    #[test]
    fn attempts_come_closer_as_the_end_does() {
        let remaining = |hours| Remaining { time: SignedDuration::from_hours(hours), is_ending: true };
        assert_eq!(remaining(4).bound(HOUR * 24), HOUR);
        assert_eq!(remaining(0).bound(HOUR * 24), SignedDuration::from_mins(1));
        assert_eq!(remaining(1000).bound(HOUR), HOUR);
    }

    #[test]
    fn delays_grow_to_a_day() {
        let minutes = |failures, refused| retry_delay(failures, refused).as_mins();
        assert_eq!([minutes(1, false), minutes(2, false), minutes(6, false)], [1, 2, 32]);
        assert_eq!([minutes(1, true), minutes(2, true), minutes(20, true)], [10, 20, 1440]);
    }
}
