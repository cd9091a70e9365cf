//! What each site has served, counted without locks.
//!
//! Every thread adds to its own shard, so counting never makes two cores contend for a cache line; a
//! snapshot adds the shards up. The counters of a site live as long as the process, also while the site
//! has no route: what was served must not vanish from a bill.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use stoa_model::{
    id::SiteId,
    traffic::{LATENCY_MS, Traffic},
};

use crate::limits::Limiter;

/// One finished request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RequestOutcome {
    pub(crate) status: u16,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) took: Duration,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    statuses: [AtomicU64; 6],
    latency: [AtomicU64; LATENCY_MS.len() + 1],
    micros: AtomicU64,
}

/// The live counters of one site, and the state of its limits.
#[derive(Debug)]
pub(crate) struct SiteStats {
    pub(crate) site: SiteId,
    /// The site's current use of its limits.
    pub(crate) limiter: Limiter,
    shards: Box<[Shard]>,
}

impl SiteStats {
    pub(crate) fn new(site: SiteId, threads: usize) -> Self {
        Self { site, limiter: Limiter::new(), shards: (0..threads).map(|_| Shard::default()).collect() }
    }

    /// Counts a request that `thread` has finished.
    pub(crate) fn count(&self, thread: usize, served: &RequestOutcome) {
        let shard = &self.shards[thread];
        let micros = u64::try_from(served.took.as_micros()).unwrap_or(u64::MAX);
        shard.statuses[Traffic::class(served.status)].fetch_add(1, Relaxed);
        shard.latency[Traffic::bucket(micros)].fetch_add(1, Relaxed);
        shard.micros.fetch_add(micros, Relaxed);
        if served.bytes_in != 0 {
            shard.bytes_in.fetch_add(served.bytes_in, Relaxed);
        }
        if served.bytes_out != 0 {
            shard.bytes_out.fetch_add(served.bytes_out, Relaxed);
        }
    }

    /// Adds the shards up. Not atomic: requests may finish meanwhile.
    pub(crate) fn snapshot(&self) -> Traffic {
        let mut sum = Traffic::default();
        for shard in &self.shards {
            sum.bytes_in += shard.bytes_in.load(Relaxed);
            sum.bytes_out += shard.bytes_out.load(Relaxed);
            sum.micros += shard.micros.load(Relaxed);
            for (to, from) in sum.statuses.iter_mut().zip(&shard.statuses) {
                *to += from.load(Relaxed);
            }
            for (to, from) in sum.latency.iter_mut().zip(&shard.latency) {
                *to += from.load(Relaxed);
            }
        }
        sum.requests = sum.statuses.iter().sum();
        sum
    }
}

/// The status that is logged when the client left before its response (nginx's number).
pub(crate) const CLIENT_LEFT: u16 = 499;

/// The counts of the edge itself.
#[derive(Debug, Default)]
pub(crate) struct EdgeStats {
    pub(crate) open: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) unknown_host: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) turned_away: AtomicU64,
}

/// The counts of the edge itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EdgeCounts {
    /// Open client connections.
    pub open: u64,
    /// Client connections accepted so far.
    pub accepted: u64,
    /// Requests for hosts without a route.
    pub unknown_host: u64,
    /// Requests rejected before routing, such as those without a host.
    pub refused: u64,
    /// Connections closed because their client had too many, or because there were too many and they were idle.
    pub turned_away: u64,
    /// Access-log lines dropped because the disk was too slow.
    pub log_dropped: u64,
}

impl EdgeStats {
    pub(crate) fn snapshot(&self, log_dropped: u64) -> EdgeCounts {
        EdgeCounts {
            open: self.open.load(Relaxed),
            accepted: self.accepted.load(Relaxed),
            unknown_host: self.unknown_host.load(Relaxed),
            refused: self.refused.load(Relaxed),
            turned_away: self.turned_away.load(Relaxed),
            log_dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_add_up() {
        let site = SiteStats::new(SiteId::from_uuid(uuid::Uuid::from_u128(1)), 2);
        let served =
            |status, ms| RequestOutcome { status, bytes_in: 1, bytes_out: 10, took: Duration::from_millis(ms) };
        site.count(0, &served(200, 1));
        site.count(1, &served(204, 5));
        site.count(1, &served(CLIENT_LEFT, 20_000));
        let counts = site.snapshot();
        assert_eq!((counts.requests, counts.bytes_in, counts.bytes_out), (3, 3, 30));
        assert_eq!((counts.statuses[0], counts.statuses[2]), (1, 2));
        assert_eq!((counts.latency[0], counts.latency[11]), (2, 1));
        assert_eq!(counts.micros, 20_006_000);
    }
}
