//! What was looked up a moment ago: who a cookie or a token belongs to. Browsers send requests in bursts, and each would
//! ask the database the same.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// How long an answer is good for: so much longer a session or token may work that another process has ended. What this
/// process ends is forgotten at once.
const MAX_AGE: Duration = Duration::from_secs(1);
/// Entries at which all are forgotten, so that they take no more than some megabytes.
const MAX_ENTRIES: usize = 10_000;

/// Answers by the hash of what they were asked for.
pub(crate) struct Recent<V>(Mutex<HashMap<[u8; 32], Answer<V>>>);

struct Answer<V> {
    value: V,
    at: Timestamp,
    /// The clock can leap.
    since: Instant,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V: Clone> Recent<V> {
    pub fn get(&self, hash: &[u8; 32], now: Timestamp) -> Option<V> {
        let is_recent = |answer: &&Answer<V>| {
            answer.since.elapsed() < MAX_AGE && now.duration_since(answer.at).abs() < SignedDuration::from_secs(1)
        };
        self.locked().get(hash).filter(is_recent).map(|answer| answer.value.clone())
    }

    pub fn put(&self, hash: [u8; 32], value: V, now: Timestamp) {
        let mut answers = self.locked();
        if answers.len() >= MAX_ENTRIES {
            answers.clear();
        }
        answers.insert(hash, Answer { value, at: now, since: Instant::now() });
    }

    pub fn forget_all(&self) {
        self.locked().clear();
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<[u8; 32], Answer<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
