//! A value that is costly to compute and may be some seconds old, such as what a page for staff sums up.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::Result;

/// A cached value. Whoever asks when it is too old gets the old one at once, while it is computed again; only the first
/// one waits. Cheap to clone.
pub struct Cached<T>(Arc<Inner<T>>);

struct Inner<T> {
    max_age: SignedDuration,
    value: ArcSwapOption<(T, Timestamp)>,
    computing: Arc<Mutex<()>>,
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone + Send + Sync + 'static> Cached<T> {
    /// Nothing yet.
    pub fn new(max_age: SignedDuration) -> Self {
        Self(Arc::new(Inner { max_age, value: ArcSwapOption::empty(), computing: Arc::default() }))
    }

    /// The value, as old as it may be at `now`.
    ///
    /// # Errors
    /// Those of `compute`, if there is no value yet.
    pub async fn get<F>(&self, now: Timestamp, compute: impl FnOnce() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        match self.0.value.load_full() {
            Some(cached) if now.duration_since(cached.1).abs() < self.0.max_age => Ok(cached.0.clone()),
            Some(cached) => {
                if let Ok(guard) = self.0.computing.clone().try_lock_owned() {
                    let (inner, computed) = (self.0.clone(), compute());
                    tokio::spawn(async move {
                        match computed.await {
                            Ok(value) => inner.value.store(Some(Arc::new((value, now)))),
                            Err(error) => {
                                tracing::warn!(error = error.for_operator(), "cannot compute a cached value again");
                            }
                        }
                        drop(guard);
                    });
                }
                Ok(cached.0.clone())
            }
            None => {
                let _first = self.0.computing.lock().await;
                if let Some(cached) = self.0.value.load_full() {
                    return Ok(cached.0.clone());
                }
                let value = compute().await?;
                self.0.value.store(Some(Arc::new((value.clone(), now))));
                Ok(value)
            }
        }
    }
}
