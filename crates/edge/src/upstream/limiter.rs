//! Limits the connections to upstreams in use: each is an open file of this process, and without files
//! it could neither accept visitors nor reach its database.
//!
//! A client has a share of them. Over HTTP/2 it may send hundreds of requests on each connection, to
//! any number of sites, so neither the limits of connections nor those of sites bound it. Idle
//! connections are bounded by the pool. A tunnel's connection no longer counts once it is one: each
//! belongs to one client connection, and those are bounded.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use rustix::process::{Resource, getrlimit};

use crate::config::Config;

/// What is in use, and what may be.
#[derive(Debug)]
pub(crate) struct UpstreamLimiter {
    used: AtomicUsize,
    max_in_use: usize,
    /// For one client.
    max_per_client: usize,
}

/// Allows one connection; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct UpstreamPermit {
    of: Arc<UpstreamLimiter>,
    client: Option<Arc<AtomicUsize>>,
}

impl UpstreamLimiter {
    pub(crate) fn new(config: &Config) -> Self {
        let max_in_use = match config.max_upstream {
            0 => default_max_in_use(open_file_limit(), config),
            max => max,
        };
        // However small the limit is, no client has more than half of it.
        let max_per_client = match config.max_upstream_per_client {
            0 => max_in_use,
            max => max.min(max_in_use / 2).max(1),
        };
        Self { used: AtomicUsize::new(0), max_in_use, max_per_client }
    }

    /// A permit for another connection. Without a client (`None`), as for a trusted proxy, only the
    /// total counts.
    pub(crate) fn acquire(self: &Arc<Self>, client: Option<&Arc<AtomicUsize>>) -> Option<UpstreamPermit> {
        if !client.is_none_or(|count| increment_below(count, self.max_per_client)) {
            return None;
        }
        if !increment_below(&self.used, self.max_in_use) {
            if let Some(count) = client {
                count.fetch_sub(1, Relaxed);
            }
            return None;
        }
        Some(UpstreamPermit { of: Arc::clone(self), client: client.cloned() })
    }
}

impl Drop for UpstreamPermit {
    fn drop(&mut self) {
        self.of.used.fetch_sub(1, Relaxed);
        if let Some(count) = &self.client {
            count.fetch_sub(1, Relaxed);
        }
    }
}

fn increment_below(count: &AtomicUsize, max: usize) -> bool {
    count.fetch_update(Relaxed, Relaxed, |used| (used < max).then_some(used + 1)).is_ok()
}

/// How many files this process may open.
fn open_file_limit() -> usize {
    getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
}

/// What clients and idle connections leave of this many files, minus a reserve for everything else; at
/// least a quarter.
fn default_max_in_use(files: usize, config: &Config) -> usize {
    // A tunnel is two connections.
    let others = config.max_connections.saturating_mul(2).saturating_add(config.idle_upstream);
    (files - files / 8).saturating_sub(others).max(files / 4).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_left_for_everything_else() {
        let config = Config { max_connections: 1000, idle_upstream: 100, ..Config::default() };
        for (files, expected) in [(0, 1), (1024, 256), (4096, 3584 - 2100), (1 << 20, (7 << 17) - 2100)] {
            assert_eq!(default_max_in_use(files, &config), expected, "of {files} files");
        }
        assert!(default_max_in_use(usize::MAX, &config) > 1 << 40);
    }

    #[test]
    fn a_client_has_half_at_most_and_gets_it_back() {
        let limiter = Arc::new(UpstreamLimiter::new(&Config { max_upstream: 4, ..Config::default() }));
        let [one, other] = [(); 2].map(|()| Arc::default());
        let taken = [limiter.acquire(Some(&one)), limiter.acquire(Some(&one))];
        assert!(taken.iter().all(Option::is_some) && limiter.acquire(Some(&one)).is_none());
        let proxied = [limiter.acquire(Some(&other)), limiter.acquire(None)];
        assert!(proxied.iter().all(Option::is_some) && limiter.acquire(Some(&other)).is_none(), "all are in use");
        drop((taken, proxied));
        assert_eq!([&limiter.used, &one, &other].map(|count| count.load(Relaxed)), [0; 3]);
    }
}
