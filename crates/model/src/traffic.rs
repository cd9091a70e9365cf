//! What a site has served: counted by the edge, rolled up by the hour.

use serde::{Deserialize, Serialize};

/// Upper bounds of the latency buckets in milliseconds; one more bucket holds the rest.
pub const LATENCY_MS: [u64; 11] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Finished requests.
    pub requests: u64,
    /// Bytes of request bodies.
    pub bytes_in: u64,
    /// Bytes of response bodies.
    pub bytes_out: u64,
    /// Responses by the first digit of their status, 1 to 5; index 0 counts clients that left first.
    pub statuses: [u64; 6],
    /// Requests by duration; see [`LATENCY_MS`]. Not cumulative.
    pub latency: [u64; LATENCY_MS.len() + 1],
    /// All durations together, in microseconds.
    pub micros: u64,
}

impl Traffic {
    /// What was counted since `before`. A counter that is smaller than it was has restarted.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let d = |now: u64, then: u64| now.checked_sub(then).unwrap_or(now);
        let mut out = self.clone();
        out.requests = d(self.requests, before.requests);
        out.bytes_in = d(self.bytes_in, before.bytes_in);
        out.bytes_out = d(self.bytes_out, before.bytes_out);
        out.micros = d(self.micros, before.micros);
        out.statuses.iter_mut().zip(before.statuses).for_each(|(now, then)| *now = d(*now, then));
        out.latency.iter_mut().zip(before.latency).for_each(|(now, then)| *now = d(*now, then));
        out
    }

    /// Adds what another counted.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.micros += other.micros;
        self.statuses.iter_mut().zip(other.statuses).for_each(|(sum, more)| *sum += more);
        self.latency.iter_mut().zip(other.latency).for_each(|(sum, more)| *sum += more);
    }

    /// Counts one finished request; `status` 499 means that the client left before the answer.
    pub fn count(&mut self, status: u16, bytes_in: u64, bytes_out: u64, micros: u64) {
        self.requests += 1;
        self.bytes_in += bytes_in;
        self.bytes_out += bytes_out;
        self.micros += micros;
        self.statuses[Self::class(status)] += 1;
        self.latency[Self::bucket(micros)] += 1;
    }

    /// The index in `statuses` of a status.
    pub fn class(status: u16) -> usize {
        if status == 499 { 0 } else { usize::from(status / 100).min(5) }
    }

    /// The index in `latency` of a duration.
    pub fn bucket(micros: u64) -> usize {
        LATENCY_MS.iter().position(|ms| micros <= ms * 1000).unwrap_or(LATENCY_MS.len())
    }

    /// The upper bound of the bucket within which `share` (0 to 1) of all requests ended, in
    /// milliseconds; `None` without requests, and for those beyond the last bound.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = (self.requests as f64 * share).ceil().max(1.0);
        let mut seen = 0;
        if self.requests == 0 {
            return None;
        }
        self.latency.iter().zip(LATENCY_MS).find_map(|(count, bound)| {
            seen += count;
            (seen as f64 >= wanted).then_some(bound)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_adding_and_taking_apart() {
        let mut first = Traffic::default();
        first.count(200, 1, 10, 1_000);
        let mut both = first.clone();
        both.count(499, 0, 0, 20_000_000);
        both.count(503, 0, 5, 7_000);
        assert_eq!(both.statuses, [1, 0, 1, 0, 0, 1]);
        assert_eq!((both.latency[0], both.latency[1], both.latency[11]), (1, 1, 1));
        let more = both.since(&first);
        assert_eq!((more.requests, more.bytes_out), (2, 5));
        first.add(&more);
        assert_eq!(first, both);
        assert_eq!(more.since(&both).requests, 2, "a counter that restarted counts from nothing");
    }

    #[test]
    fn quantiles_are_upper_bounds() {
        let mut traffic = Traffic::default();
        assert_eq!(traffic.quantile(0.5), None);
        for micros in [1_000, 1_000, 1_000, 90_000] {
            traffic.count(200, 0, 0, micros);
        }
        assert_eq!((traffic.quantile(0.5), traffic.quantile(0.99)), (Some(5), Some(100)));
    }

    #[test]
    fn every_counter_is_summed_and_subtracted() {
        let counted = |times: u64| {
            let mut traffic = Traffic::default();
            for _ in 0..times {
                traffic.count(204, 3, 5, 7);
                traffic.count(301, 3, 5, 60_000);
            }
            traffic
        };
        let expected = |times: u64| Traffic {
            requests: 2 * times,
            bytes_in: 6 * times,
            bytes_out: 10 * times,
            statuses: [0, 0, times, times, 0, 0],
            latency: [times, 0, 0, 0, times, 0, 0, 0, 0, 0, 0, 0],
            micros: 60_007 * times,
        };
        assert_eq!((counted(1), counted(3)), (expected(1), expected(3)));
        let mut sum = counted(2);
        sum.add(&counted(3));
        assert_eq!(sum, expected(5));
        assert_eq!(sum.since(&counted(1)), expected(4));
        assert_eq!(counted(1).since(&sum), expected(1), "smaller counters have restarted");
    }

    #[test]
    fn statuses_and_durations_fall_into_their_classes() {
        for (status, class) in [(99, 0), (100, 1), (200, 2), (404, 4), (499, 0), (500, 5), (999, 5)] {
            assert_eq!(Traffic::class(status), class, "{status}");
        }
        for (micros, bucket) in [
            (0, 0),
            (5_000, 0),
            (5_001, 1),
            (10_000, 1),
            (10_000_000, LATENCY_MS.len() - 1),
            (10_000_001, LATENCY_MS.len()),
        ] {
            assert_eq!(Traffic::bucket(micros), bucket, "{micros}");
        }
        let mut slow = Traffic::default();
        slow.count(200, 0, 0, 60_000_000);
        assert_eq!(slow.quantile(0.5), None, "beyond the last bound");
        assert_eq!(
            Traffic { requests: 1, latency: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], ..slow }.quantile(0.0),
            Some(5)
        );
    }
}
