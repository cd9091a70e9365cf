//! Timers as plain atomics, written by the connection and read by the ticker of its thread.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
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

/// When a wait began; 0 if there is none.
#[derive(Debug, Default)]
pub(crate) struct Stopwatch(AtomicU64);

impl Stopwatch {
    /// Starts the wait, unless there is one.
    pub(crate) fn start(&self, clock: &Clock) {
        if self.0.load(Relaxed) == 0 {
            self.0.store(clock.now(), Relaxed);
        }
    }

    /// Starts a new wait.
    pub(crate) fn restart(&self, clock: &Clock) {
        self.0.store(clock.now(), Relaxed);
    }

    /// Starts a new wait in the place of one.
    pub(crate) fn restart_if_running(&self, clock: &Clock) {
        if self.0.load(Relaxed) != 0 {
            self.restart(clock);
        }
    }

    /// Ends the wait, and returns whether there was one.
    pub(crate) fn stop(&self) -> bool {
        let waited = self.0.load(Relaxed) != 0;
        if waited {
            self.0.store(0, Relaxed);
        }
        waited
    }

    /// When the wait began.
    pub(super) fn since(&self) -> Option<u64> {
        Some(self.0.load(Relaxed)).filter(|since| *since != 0)
    }

    pub(super) fn exceeds(&self, limit: Duration, now: u64) -> bool {
        let since = self.0.load(Relaxed);
        since != 0 && u128::from(now.saturating_sub(since)) > limit.as_millis()
    }
}

/// When a wait is too long; 0 if there is none.
#[derive(Debug, Default)]
pub(crate) struct Deadline(AtomicU64);

impl Deadline {
    /// Starts a wait. The result identifies it for `stop`.
    pub(super) fn start(&self, clock: &Clock, limit: Duration) -> u64 {
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let until = clock.now().saturating_add(limit);
        self.0.store(until, Relaxed);
        until
    }

    /// Ends this wait and no other. HTTP/1 has one deadline for all of its requests, and the platform may drop
    /// the body of one, on another thread, when the next request has begun to wait.
    pub(super) fn stop(&self, until: u64) {
        let _ = self.0.compare_exchange(until, 0, Relaxed, Relaxed);
    }

    pub(super) fn is_past(&self, now: u64) -> bool {
        let due = self.0.load(Relaxed);
        due != 0 && now > due
    }
}
