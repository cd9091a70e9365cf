//! A clock that stands still but for one millisecond a look, so that times and ids come in the order
//! in which they were asked for; and that a test moves.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use stoa_core::Clock;

/// The clock of a [`TestPlatform`](crate::TestPlatform). Clones tell the same time.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl Default for TestClock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(1_900_000_000_000)))
    }
}

impl TestClock {
    /// This moment.
    ///
    /// # Panics
    /// If a test has moved the clock out of all calendars.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.fetch_add(1, Ordering::SeqCst)).expect("a time within the calendar")
    }

    /// Moves the clock forward; back by less than nothing.
    pub fn advance(&self, by: SignedDuration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// As the service layer wants it.
    pub fn clock(&self) -> Clock {
        let own = self.clone();
        Clock::from_fn(move || own.now())
    }
}
