//! A clock that a test moves. Each reading advances it by one millisecond, so that times and ids are in
//! the order of the calls.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use stoa_core::Clock;

/// The clock of a [`TestPlatform`](crate::TestPlatform). Clones share the time.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl Default for TestClock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(1_900_000_000_000)))
    }
}

impl TestClock {
    /// The current time.
    ///
    /// # Panics
    /// If a test has moved the clock out of the calendar.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.fetch_add(1, Ordering::SeqCst)).expect("a time within the calendar")
    }

    /// Moves the clock forward, or back by a negative duration.
    pub fn advance(&self, by: SignedDuration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// The clock for the service layer.
    pub fn clock(&self) -> Clock {
        let own = self.clone();
        Clock::from_fn(move || own.now())
    }
}
