//! What is noted: plain atomics, written by the connection and read by the ticker of its thread.

use std::{
    sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
    time::{Duration, Instant},
};

/// The time in milliseconds since the thread began, as coarse as its ticks; 0 is never returned.
#[derive(Debug, Default)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Relaxed).max(1)
    }

    pub(super) fn set(&self, since: Instant) {
        let ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.store(ms.max(1), Relaxed);
    }
}

/// The moment since which something is waited for; nothing if 0.
#[derive(Debug, Default)]
pub(crate) struct Since(AtomicU64);

impl Since {
    /// Waiting begins, unless it already has.
    pub(crate) fn start(&self, clock: &Clock) {
        if self.0.load(Relaxed) == 0 {
            self.0.store(clock.now(), Relaxed);
        }
    }

    /// Waiting begins anew.
    pub(crate) fn restart(&self, clock: &Clock) {
        self.0.store(clock.now(), Relaxed);
    }

    pub(crate) fn stop(&self) {
        if self.0.load(Relaxed) != 0 {
            self.0.store(0, Relaxed);
        }
    }

    pub(super) fn longer_than(&self, limit: Duration, now: u64) -> bool {
        let since = self.0.load(Relaxed);
        since != 0 && u128::from(now.saturating_sub(since)) > limit.as_millis()
    }
}

/// The moment until which something is waited for; nothing if 0. HTTP/2 has many streams that may
/// wait at once: they are counted, so that the end of one wait is not taken for that of all. What
/// one of them gets is a sign of life that counts for the others too.
#[derive(Debug, Default)]
pub(crate) struct Due {
    until: AtomicU64,
    waiting: AtomicU32,
}

impl Due {
    /// One more waits, for so long unless another has begun before.
    pub(super) fn enter(&self, clock: &Clock, limit: Duration) {
        self.waiting.fetch_add(1, SeqCst);
        if self.until.load(SeqCst) == 0 {
            self.restart(clock, limit);
        }
    }

    /// One has got what it waited for, or gave up.
    pub(super) fn leave(&self, clock: &Clock, limit: Duration) {
        if self.waiting.fetch_sub(1, SeqCst) == 1 {
            self.until.store(0, SeqCst);
        }
        // Looked at again: a body is read by another thread if it is the platform's.
        if self.waiting.load(SeqCst) != 0 {
            self.restart(clock, limit);
        }
    }

    pub(super) fn passed(&self, now: u64) -> bool {
        let due = self.until.load(SeqCst);
        due != 0 && now > due
    }

    fn restart(&self, clock: &Clock, limit: Duration) {
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        self.until.store(clock.now().saturating_add(limit), SeqCst);
    }
}
