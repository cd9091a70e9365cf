//! The limits of one site: requests per second, and open requests.
//!
//! The rate is enforced by the generic cell rate algorithm: one atomic number per site, the
//! *theoretical arrival time* (TAT), is when the bucket would be empty again. A request passes while
//! that is at most a burst ahead, and moves it by one interval. No lock, no timer, no allocation, and
//! no window at whose end twice the rate could pass.
//!
//! A quarter of both limits is kept for clients that use little, so that a crawler or a pile of slow uploads
//! takes nothing from a visitor who comes now and then. Alone, one client may use the other three quarters. Clients
//! are counted in a table of fixed size, in two places each, of which the lower counts (a count-min sketch): two
//! clients that share one place don't notice, and an attacker can't choose a place, as its hash is keyed.
//!
//! A [`Limiter`] lives with the counters of its site, as long as the process, so a new routing table
//! resets nothing. Each request brings the limits themselves, so changed ones apply from the next
//! request on.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        OnceLock,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use stoa_model::route::RouteLimits;
use stoa_util::ClientNetwork;

/// One part in so many of a limit is kept for clients that use little.
const RESERVED: u32 = 4;
/// A client uses little while it uses less than one part in so many.
const LITTLE: u32 = 8;
/// A client that has no more than this uses little, however low the limit is.
const LEAST: u32 = 2;
/// Places in each row of the table of clients. A power of two.
const PLACES: usize = 64;

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
    /// Made when the first limited request comes: most sites rest.
    clients: OnceLock<Box<Clients>>,
}

/// What the clients of one site use.
#[derive(Debug)]
struct Clients {
    key: RandomState,
    rows: [[Place; PLACES]; 2],
}

#[derive(Debug, Default)]
struct Place {
    arrival: AtomicU64,
    open: AtomicU32,
}

/// An admitted request, until it [leaves](Limiter::leave).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Where its client is counted, if the site has limits.
    places: Option<[u8; 2]>,
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
        Self { epoch: Instant::now(), arrival: AtomicU64::new(0), open: AtomicU32::new(0), clients: OnceLock::new() }
    }

    /// Admits a request of `client` that arrived at `now`. The caller must call [`leave`](Self::leave) when it
    /// has ended. A rejected request uses up nothing of the site's limits.
    pub(crate) fn enter(
        &self,
        limits: &RouteLimits,
        client: &ClientNetwork,
        now: Instant,
    ) -> Result<Admission, Refusal> {
        let is_limited = limits.rate != 0 || limits.in_flight != 0;
        let places = is_limited.then(|| self.clients.get_or_init(Box::default).places_of(client));
        let admission = Admission { places };
        let most = match limits.in_flight {
            0 => u32::MAX,
            most if self.has_little_open(admission, most) => most,
            most => for_one_client(most),
        };
        let room = |open: u32| (open < most).then_some(open.saturating_add(1));
        if self.open.fetch_update(Relaxed, Relaxed, room).is_err() {
            return Err(Refusal::Busy);
        }
        for place in self.counted(admission) {
            place.open.fetch_add(1, Relaxed);
        }
        if limits.rate != 0 && !self.pass(limits, admission, now) {
            self.leave(admission);
            return Err(Refusal::Rate);
        }
        Ok(admission)
    }

    /// An admitted request has ended.
    pub(crate) fn leave(&self, admission: Admission) {
        self.open.fetch_sub(1, Relaxed);
        for place in self.counted(admission) {
            place.open.fetch_sub(1, Relaxed);
        }
    }

    fn counted(&self, admission: Admission) -> impl Iterator<Item = &Place> {
        let known = self.clients.get().zip(admission.places);
        known
            .into_iter()
            .flat_map(|(clients, places)| clients.rows.iter().zip(places).map(|(row, place)| &row[usize::from(place)]))
    }

    fn has_little_open(&self, admission: Admission, most: u32) -> bool {
        let open = self.counted(admission).map(|place| place.open.load(Relaxed)).min().unwrap_or(0);
        open < (most / LITTLE).max(LEAST)
    }

    /// Takes one request from the rate, if there is one.
    fn pass(&self, limits: &RouteLimits, admission: Admission, now: Instant) -> bool {
        let interval = interval(limits.rate);
        let now = u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX);
        let burst = limits.burst.max(1);
        let own_interval = interval.saturating_mul(LITTLE.into());
        let own_burst = (burst / LITTLE).max(LEAST);
        // Both places are charged; a client that shares one of them has the other.
        let uses_little = self
            .counted(admission)
            .fold(false, |little, place| take(&place.arrival, own_interval, own_burst, own_burst, now) | little);
        let available = if uses_little { burst } else { for_one_client(burst) };
        take(&self.arrival, interval, available, burst, now)
    }
}

/// Takes one request out of a bucket that holds `burst` of them and regains one in each interval, as long as it is not
/// used up but for what is beyond `available`.
fn take(arrival: &AtomicU64, interval: u64, available: u32, burst: u32, now: u64) -> bool {
    let until = |requests: u32| now.saturating_add(interval.saturating_mul(requests.into()));
    let taken = arrival.fetch_update(Relaxed, Relaxed, |arrival| {
        // Never further ahead than these limits allow: after limits are raised, what
        // was used up under the former ones would block the site for too long.
        let next = arrival.clamp(now, until(burst)).saturating_add(interval);
        (next <= until(available)).then_some(next)
    });
    if taken.is_err() {
        arrival.fetch_min(until(burst), Relaxed);
    }
    taken.is_ok()
}

impl Default for Clients {
    fn default() -> Self {
        Self { key: RandomState::new(), rows: std::array::from_fn(|_| std::array::from_fn(|_| Place::default())) }
    }
}

impl Clients {
    fn places_of(&self, client: &ClientNetwork) -> [u8; 2] {
        let hash = self.key.hash_one(client).to_le_bytes();
        [hash[0], hash[1]].map(|byte| byte & (PLACES as u8 - 1))
    }
}

/// The time between two requests at this rate, in nanoseconds; at least one.
fn interval(rate: u32) -> u64 {
    (1_000_000_000 / u64::from(rate.max(1))).max(1)
}

/// What one client may use of a limit, so that it leaves something to others.
pub(crate) const fn for_one_client(limit: u32) -> u32 {
    limit - limit / RESERVED
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
    /// From a new client each, so that none of them uses much.
    fn passing(limiter: &Limiter, limits: &RouteLimits, ms: u64, tries: u32) -> usize {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let now = limiter.epoch + Duration::from_millis(ms);
        let tried = |_: &u32| {
            let client = client(NEXT.fetch_add(1, Relaxed));
            limiter.enter(limits, &client, now).map(|admission| limiter.leave(admission)).is_ok()
        };
        (0..tries).filter(tried).count()
    }

    fn client(number: u32) -> ClientNetwork {
        let address = std::net::Ipv4Addr::from(number.wrapping_add(0x0a00_0000));
        ClientNetwork::of(address.into(), stoa_util::Ipv6Prefix::Subnet)
    }

    fn passes(limiter: &Limiter, limits: &RouteLimits, who: u32, now: Instant) -> bool {
        limiter.enter(limits, &client(who), now).map(|admission| limiter.leave(admission)).is_ok()
    }

    #[test]
    fn a_crawler_takes_nothing_from_a_visitor() {
        let (limiter, limits) = (Limiter::new(), limits(20, 40, 0));
        let (mut crawled, mut visited) = (0, 0);
        for ms in 0..30_000_u64 {
            let now = limiter.epoch + Duration::from_millis(ms);
            crawled += u32::from(passes(&limiter, &limits, 1, now));
            if ms % 500 == 0 {
                visited += u32::from(passes(&limiter, &limits, 2, now));
            }
        }
        assert_eq!(visited, 60, "of 60");
        assert!((500..=600).contains(&crawled), "alone it may use nearly all: {crawled}");
    }

    #[test]
    fn slow_uploads_leave_room_for_a_visitor() {
        let (limiter, limits) = (Limiter::new(), limits(0, 0, 50));
        let now = limiter.epoch;
        let slow: Vec<_> = (0..60).filter_map(|_| limiter.enter(&limits, &client(1), now).ok()).collect();
        assert_eq!(slow.len(), 38);
        let others: Vec<_> = (0..6).map(|_| limiter.enter(&limits, &client(2), now)).collect();
        assert!(others.iter().all(Result::is_ok));
        assert!(limiter.enter(&limits, &client(2), now).is_err(), "more than little");
        others.into_iter().flatten().chain(slow).for_each(|admission| limiter.leave(admission));
        assert_eq!(limiter.open.load(Relaxed), 0);
        assert!(limiter.clients.get().is_some_and(|c| c.rows.iter().flatten().all(|p| p.open.load(Relaxed) == 0)));
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
        // One of so many clients may share all its counters with others, and count as one that uses much.
        assert!((8..=9).contains(&steady), "a second of hammering yields a second's worth, the first being at its end");
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
        let enter = |number| limiter.enter(&limits, &client(number), now);
        let first = enter(1).expect("the first");
        enter(2).expect("the second");
        assert_eq!(enter(3), Err(Refusal::Busy));
        limiter.leave(first);
        let third = enter(3).expect("the one that was refused took nothing of the rate");
        limiter.leave(third);
        assert_eq!(enter(4), Err(Refusal::Rate));
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
