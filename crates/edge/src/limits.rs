//! The limits of one site: requests per second, and open requests.
//!
//! The rate is enforced by the generic cell rate algorithm: one atomic number per site, the
//! *theoretical arrival time* (TAT), is when the bucket would be empty again. A request passes while
//! that is at most a burst ahead, and moves it by one interval. No lock, no timer, no allocation, and
//! no window at whose end twice the rate could pass.
//!
//! A [`Limiter`] lives with the counters of its site, as long as the process, so a new routing table
//! resets nothing. Each request brings the limits themselves, so changed ones apply from the next
//! request on.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use stoa_model::route::RouteLimits;

/// The state of one site's limits, shared by all threads. It has its own cache lines because every
/// request of the site writes to it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Limiter {
    /// The origin of the times below.
    epoch: Instant,
    /// The theoretical arrival time in nanoseconds since `epoch`.
    arrival: AtomicU64,
    /// Open requests and tunnels.
    open: AtomicU32,
}

/// Why a request may not pass. Either way another may pass within a second: rates are whole requests
/// per second, so an interval is at most that long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too many requests per second.
    Rate,
    /// Too many open requests.
    Busy,
}

impl Limiter {
    pub(crate) fn new() -> Self {
        Self { epoch: Instant::now(), arrival: AtomicU64::new(0), open: AtomicU32::new(0) }
    }

    /// Admits a request that arrived at `now`. The caller must call [`leave`](Self::leave) when it
    /// has ended. A rejected request uses up nothing.
    pub(crate) fn enter(&self, limits: &RouteLimits, now: Instant) -> Result<(), Refusal> {
        let room = |open: u32| (limits.in_flight == 0 || open < limits.in_flight).then_some(open.saturating_add(1));
        if self.open.fetch_update(Relaxed, Relaxed, room).is_err() {
            return Err(Refusal::Busy);
        }
        if limits.rate != 0 && !self.pass(limits, now) {
            self.leave();
            return Err(Refusal::Rate);
        }
        Ok(())
    }

    /// An admitted request has ended.
    pub(crate) fn leave(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    /// Takes one request from the rate, if there is one.
    fn pass(&self, limits: &RouteLimits, now: Instant) -> bool {
        let interval = interval(limits.rate);
        let full = interval.saturating_mul(u64::from(limits.burst.max(1)));
        let now = u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX);
        let taken = self.arrival.fetch_update(Relaxed, Relaxed, |arrival| {
            // Never further ahead than these limits allow: after limits are raised, what
            // was used up under the former ones would block the site for too long.
            let next = arrival.clamp(now, now.saturating_add(full)).saturating_add(interval);
            (next <= now.saturating_add(full)).then_some(next)
        });
        if taken.is_err() {
            self.arrival.fetch_min(now.saturating_add(full), Relaxed);
        }
        taken.is_ok()
    }
}

/// The time between two requests at this rate, in nanoseconds; at least one.
fn interval(rate: u32) -> u64 {
    (1_000_000_000 / u64::from(rate.max(1))).max(1)
}

/// How long a site may take to answer: its own limit, or the edge's.
pub(crate) fn response(limits: &RouteLimits, general: Duration) -> Duration {
    match limits.response_seconds {
        0 => general,
        seconds => Duration::from_secs(seconds.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(rate: u32, burst: u32, in_flight: u32) -> RouteLimits {
        RouteLimits { rate, burst, in_flight, ..RouteLimits::body(0) }
    }

    /// How many of `tries` requests at this moment pass; each ends at once.
    fn passing(limiter: &Limiter, limits: &RouteLimits, ms: u64, tries: u32) -> usize {
        let now = limiter.epoch + Duration::from_millis(ms);
        (0..tries).filter(|_| limiter.enter(limits, now).map(|()| limiter.leave()).is_ok()).count()
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let (limiter, limits) = (Limiter::new(), limits(10, 5, 0));
        assert_eq!(passing(&limiter, &limits, 0, 20), 5);
        assert_eq!(passing(&limiter, &limits, 99, 20), 0);
        assert_eq!(passing(&limiter, &limits, 100, 20), 1);
        assert_eq!(passing(&limiter, &limits, 350, 20), 2);
        assert_eq!(passing(&limiter, &limits, 60_000, 20), 5, "a pause saves up one burst, not more");
        let steady: usize = (0..1000).map(|ms| passing(&limiter, &limits, 60_000 + ms, 3)).sum();
        assert_eq!(steady, 9, "a second of hammering yields a second's worth, the first being at its end");
    }

    #[test]
    fn a_rate_without_a_burst_lets_one_pass_at_a_time() {
        let limiter = Limiter::new();
        assert_eq!(passing(&limiter, &limits(2, 0, 0), 0, 9), 1);
        assert_eq!(passing(&limiter, &limits(2, 0, 0), 500, 9), 1);
    }

    #[test]
    fn no_limit_is_none_and_the_largest_is_no_trap() {
        let limiter = Limiter::new();
        assert_eq!(passing(&limiter, &limits(0, 0, 0), 0, 1000), 1000);
        assert_eq!(passing(&limiter, &limits(u32::MAX, u32::MAX, u32::MAX), 0, 1000), 1000);
        assert_eq!(passing(&limiter, &limits(1, u32::MAX, 0), 0, 1000), 1000);
    }

    #[test]
    fn changed_limits_count_from_the_next_request_on() {
        let limiter = Limiter::new();
        assert_eq!(passing(&limiter, &limits(1, 100, 0), 0, 200), 100);
        assert_eq!(passing(&limiter, &limits(1000, 10, 0), 0, 50), 0, "the new bucket is empty, too");
        assert_eq!(passing(&limiter, &limits(1000, 10, 0), 10, 50), 10, "but fills at the new rate");
        assert_eq!(passing(&limiter, &limits(1, 1, 0), 20, 50), 1);
        assert_eq!(passing(&limiter, &limits(0, 0, 0), 20, 50), 50);
    }

    #[test]
    fn so_many_may_be_open() {
        let (limiter, limits) = (Limiter::new(), limits(1, 3, 2));
        let now = limiter.epoch;
        assert_eq!(limiter.enter(&limits, now), Ok(()));
        assert_eq!(limiter.enter(&limits, now), Ok(()));
        assert_eq!(limiter.enter(&limits, now), Err(Refusal::Busy));
        limiter.leave();
        assert_eq!(limiter.enter(&limits, now), Ok(()), "the one that was refused took nothing of the rate");
        limiter.leave();
        assert_eq!(limiter.enter(&limits, now), Err(Refusal::Rate));
        assert_eq!(limiter.open.load(Relaxed), 1, "refused ones hold nothing");
    }

    #[test]
    fn threads_together_get_no_more_than_one() {
        let (limiter, limits) = (Limiter::new(), limits(1, 1000, 0));
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| passing(&limiter, &limits, 0, 1000))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(passed, 1000);
    }

    #[test]
    fn a_site_may_have_a_timeout_of_its_own() {
        let general = Duration::from_secs(600);
        assert_eq!(response(&limits(1, 1, 1), general), general);
        let own = RouteLimits { response_seconds: 5, ..limits(0, 0, 0) };
        assert_eq!(response(&own, general), Duration::from_secs(5));
    }
}
