//! How much of its request bodies an HTTP/2 client may send before the site has taken them.
//!
//! That is also the most that a client can send in one round trip, so the window of a connection grows with the time
//! that its TLS handshake took. What a window is larger than usual may lie in our memory if a site reads nothing, so
//! all of them together are bounded, per client and in total. A connection beyond that has the usual window.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

const MIB: usize = 1 << 20;

/// The window of a client whose packets take up to 24 ms there and back.
const USUAL_BYTES: usize = MIB;
const MAX_BYTES: usize = 8 * MIB;

/// What one client can send at least, if its line allows.
const BYTES_PER_MILLISECOND: usize = 42 * 1024;

/// What all windows may be larger than usual, those of one client and those of all.
const MAX_EXTRA_PER_CLIENT: usize = 32 * MIB;
const MAX_EXTRA: usize = 1024 * MIB;

/// How much larger than usual the windows of all connections are.
#[derive(Debug, Default)]
pub(crate) struct UploadWindows(Arc<AtomicUsize>);

/// The window of one connection, until this is dropped.
#[derive(Debug)]
pub(crate) struct UploadWindow {
    extra: usize,
    counts: Vec<Arc<AtomicUsize>>,
}

impl UploadWindows {
    /// The window for a connection with this round trip. `client` counts those of its client; trusted proxies have none.
    pub(crate) fn open(&self, round_trip: Duration, client: Option<&Arc<AtomicUsize>>) -> UploadWindow {
        let milliseconds = usize::try_from(round_trip.as_millis()).unwrap_or(usize::MAX);
        let extra = milliseconds.saturating_mul(BYTES_PER_MILLISECOND).clamp(USUAL_BYTES, MAX_BYTES) - USUAL_BYTES;
        let mut window = UploadWindow { extra, counts: Vec::new() };
        for (count, max) in
            [Some((&self.0, MAX_EXTRA)), client.map(|count| (count, MAX_EXTRA_PER_CLIENT))].into_iter().flatten()
        {
            if count.fetch_update(Relaxed, Relaxed, |used| Some(used + extra).filter(|used| *used <= max)).is_err() {
                drop(window);
                return UploadWindow { extra: 0, counts: Vec::new() };
            }
            window.counts.push(Arc::clone(count));
        }
        window
    }
}

impl UploadWindow {
    pub(crate) fn bytes(&self) -> u32 {
        // At most `MAX_BYTES`.
        (USUAL_BYTES + self.extra) as u32
    }
}

impl Drop for UploadWindow {
    fn drop(&mut self) {
        for count in &self.counts {
            count.fetch_sub(self.extra, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_grow_with_the_path_and_have_bounds() {
        let windows = UploadWindows::default();
        let mib = |ms, client| windows.open(Duration::from_millis(ms), client).bytes() as usize / MIB;
        for (ms, expected) in [(0, 1), (25, 1), (100, 4), (210, 8), (10_000, 8)] {
            assert_eq!(mib(ms, None), expected, "{ms} ms");
        }
        let (slow, client) = (Duration::from_secs(1), Arc::default());
        let own: Vec<_> = (0..9).map(|_| windows.open(slow, Some(&client))).collect();
        assert_eq!(own.iter().filter(|window| window.extra > 0).count(), 4, "of one client");
        let all: Vec<_> = (0..300).map(|_| windows.open(slow, Some(&Arc::default()))).collect();
        assert_eq!(all.iter().filter(|window| window.extra > 0).count(), 1024 / 7 - 4, "of all");
        drop((own, all));
        assert_eq!((windows.0.load(Relaxed), client.load(Relaxed)), (0, 0));
    }
}
