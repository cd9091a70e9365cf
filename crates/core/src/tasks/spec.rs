//! The declaration of a kind of task, made by the area that it belongs to.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A kind of task: one effect without undo, executed at least once.
#[async_trait]
pub trait TaskSpec: Send + Sync + 'static {
    /// Its name in the database.
    const KIND: &'static str;
    /// When a failed attempt is repeated, and for how long.
    const RETRY: RetryPolicy;
    /// Its parameters; secrets are sealed. A release must be able to read those of the release before it.
    type Payload: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// What it is about, in one line for staff.
    fn title(&self, payload: &Self::Payload) -> String;

    /// Performs the effect. It may have happened already: the worker can die before it says so.
    async fn execute(&self, payload: Self::Payload) -> Result<(), TaskError>;

    /// Called when the task is given up because it could not be done for too long.
    async fn on_given_up(&self, _payload: Self::Payload, _error: &str) {}
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskError {
    /// It may succeed later.
    Retry(String),
    /// It never will.
    Permanent(String),
}

/// When failed attempts are repeated: after `first`, then after twice as long each time, at most `longest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The pause after the first failure.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// After this time since the first attempt was due, a failure is final, and staff see the task.
    pub give_up_after: Duration,
}

impl RetryPolicy {
    /// When a task is repeated whose attempt number `attempts` (from 1) failed at `now`; `None` once it is given up.
    pub fn next(&self, attempts: u32, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let doubled = self.first.saturating_mul(1 << attempts.saturating_sub(1).min(20));
        let next = now + SignedDuration::try_from(doubled.min(self.longest)).unwrap_or(SignedDuration::MAX);
        let age = next.duration_since(since);
        (age <= SignedDuration::try_from(self.give_up_after).unwrap_or(SignedDuration::MAX)).then_some(next)
    }
}

/// An object-safe [`TaskSpec`].
#[async_trait]
pub(super) trait TaskHandler: Send + Sync {
    fn retry(&self) -> RetryPolicy;
    fn title(&self, payload: &Value) -> String;
    async fn execute(&self, payload: Value) -> Result<(), TaskError>;
    async fn on_given_up(&self, payload: Value, error: &str);
}

#[async_trait]
impl<S: TaskSpec> TaskHandler for S {
    fn retry(&self) -> RetryPolicy {
        S::RETRY
    }

    fn title(&self, payload: &Value) -> String {
        let payload = serde_json::from_value(payload.clone());
        payload
            .map_or_else(|error| format!("its parameters can't be read: {error}"), |read| TaskSpec::title(self, &read))
    }

    async fn execute(&self, payload: Value) -> Result<(), TaskError> {
        let payload = serde_json::from_value(payload);
        let payload =
            payload.map_err(|error| TaskError::Permanent(format!("its parameters can't be read: {error}")))?;
        TaskSpec::execute(self, payload).await
    }

    async fn on_given_up(&self, payload: Value, error: &str) {
        // One that can't be read was never done.
        if let Ok(payload) = serde_json::from_value(payload) {
            TaskSpec::on_given_up(self, payload, error).await;
        }
    }
}

/// The kinds of tasks that the areas have registered.
#[derive(Default, Clone)]
pub struct TaskRegistry(std::collections::HashMap<&'static str, Arc<dyn TaskHandler>>);

impl TaskRegistry {
    /// Adds a kind of task.
    ///
    /// # Panics
    /// If the kind is registered already.
    #[must_use]
    pub fn with<S: TaskSpec>(mut self, spec: S) -> Self {
        let previous = self.0.insert(S::KIND, Arc::new(spec));
        assert!(previous.is_none(), "the task kind {} is registered twice", S::KIND);
        self
    }

    pub(super) fn handler(&self, kind: &str) -> Option<&Arc<dyn TaskHandler>> {
        self.0.get(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_until_it_is_given_up() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let policy = RetryPolicy { first: minutes(1), longest: minutes(60), give_up_after: minutes(5 * 24 * 60) };
        let (since, mut now) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        let mut pauses = Vec::new();
        let mut attempts = 1;
        while let Some(next) = policy.next(attempts, since, now) {
            pauses.push(next.duration_since(now).as_mins());
            (attempts, now) = (attempts + 1, next);
        }
        assert_eq!(pauses[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(now.duration_since(since).as_hours(), 119, "five days, less the last pause");
        assert_eq!(policy.next(u32::MAX, now, now), Some(now + SignedDuration::from_hours(1)));
    }
}
