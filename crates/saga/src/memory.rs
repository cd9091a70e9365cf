//! A log in memory, for tests and for runs that don't have to survive the process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{Entry, Epoch, Event, Log, LogError};

/// A [`Log`] in memory. Its clock starts at zero and follows tokio's.
#[derive(Debug)]
pub struct MemoryLog {
    created: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    epoch: Epoch,
    entries: Vec<Entry>,
    notes: Vec<(String, String)>,
}

impl MemoryLog {
    /// An empty log without a lease.
    pub fn new() -> Self {
        let inner = Inner { epoch: Epoch(0), entries: Vec::new(), notes: Vec::new() };
        Self { created: Instant::now(), inner: Mutex::new(inner) }
    }

    /// Takes the lease from its holder.
    pub fn lease(&self) -> Epoch {
        let mut inner = self.inner();
        inner.epoch.0 += 1;
        inner.epoch
    }

    /// The appended events with their times.
    pub fn entries(&self) -> Vec<Entry> {
        self.inner().entries.clone()
    }

    /// The appended events.
    pub fn events(&self) -> Vec<Event> {
        self.inner().entries.iter().map(|entry| entry.event.clone()).collect()
    }

    /// The live log, as step and line.
    pub fn notes(&self) -> Vec<(String, String)> {
        self.inner().notes.clone()
    }

    /// Appends without a lease, as a person's command does while no executor runs.
    pub fn push(&self, event: Event) {
        self.inner().push(self.created, event);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change is a single push, so a panic can't have left it incomplete.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn push(&mut self, created: Instant, event: Event) {
        let seq = i64::try_from(self.entries.len()).unwrap_or(i64::MAX);
        let at_ms = i64::try_from(created.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.entries.push(Entry { seq, at_ms, event });
    }
}

#[async_trait]
impl Log for MemoryLog {
    async fn append(&self, epoch: Epoch, events: &[Event]) -> Result<(), LogError> {
        let mut inner = self.inner();
        if epoch != inner.epoch {
            return Err(LogError::LeaseLost);
        }
        for event in events {
            inner.push(self.created, event.clone());
        }
        Ok(())
    }

    async fn load(&self) -> Result<Vec<Event>, LogError> {
        Ok(self.events())
    }

    async fn note(&self, step: &str, line: &str) {
        self.inner().notes.push((step.to_owned(), line.to_owned()));
    }
}
