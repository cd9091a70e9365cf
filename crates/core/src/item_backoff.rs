//! A growing pause per item for reconcilers, so that one item which always fails is not looked at every time.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// The first pause; each further one is four times as long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// The longest pause.
const MAX_PAUSE: SignedDuration = SignedDuration::from_mins(10);

/// The items that failed lately, in memory: after a restart each is tried again.
#[derive(Debug)]
pub struct ItemBackoff<K>(Mutex<HashMap<K, Failed>>);

#[derive(Debug, Clone, Copy)]
struct Failed {
    pause: SignedDuration,
    next_at: Timestamp,
}

impl<K> Default for ItemBackoff<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> ItemBackoff<K> {
    /// Whether the item may be tried: it has not failed, or its pause is over.
    pub fn is_due(&self, item: &K, now: Timestamp) -> bool {
        self.failed_items().get(item).is_none_or(|failed| failed.next_at <= now)
    }

    /// Notes a failure. Returns the pause before the next attempt.
    pub fn failed(&self, item: K, now: Timestamp) -> SignedDuration {
        let mut all = self.failed_items();
        let pause = all.get(&item).map_or(FIRST_PAUSE, |failed| (failed.pause * 4).min(MAX_PAUSE));
        all.insert(item, Failed { pause, next_at: now + pause });
        pause
    }

    /// Forgets the failures of an item that succeeded.
    pub fn succeeded(&self, item: &K) {
        self.failed_items().remove(item);
    }

    /// Forgets the failures of these items.
    pub fn forget(&self, is_over: impl Fn(&K) -> bool) {
        self.failed_items().retain(|item, _| !is_over(item));
    }

    /// Forgets all failures, because their common cause may be gone.
    pub fn clear(&self) {
        self.failed_items().clear();
    }

    fn failed_items(&self) -> MutexGuard<'_, HashMap<K, Failed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_per_item_and_ends_with_a_success() {
        let (backoff, mut now) = (ItemBackoff::default(), Timestamp::UNIX_EPOCH);
        let mut looks = 0;
        for _ in 0..3600 {
            if backoff.is_due(&"bad", now) {
                looks += 1;
                backoff.failed("bad", now);
            }
            now += SignedDuration::from_secs(1);
        }
        assert_eq!(looks, 10, "at 0, 2, 10, 42, 170 and 682 s, then every ten minutes");
        assert!(backoff.is_due(&"good", now));
        backoff.succeeded(&"bad");
        assert!(backoff.is_due(&"bad", now));
        assert_eq!(backoff.failed("bad", now), FIRST_PAUSE);
    }
}
