//! A log in memory, for tests and for runs that need not outlive the process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{Entry, Epoch, Event, Log, LogError};

/// A [`Log`] that keeps everything in memory. Its clock begins at zero and follows tokio's.
#[derive(Debug)]
pub struct MemoryLog {
    born: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    epoch: Epoch,
    entries: Vec<Entry>,
    notes: Vec<(String, String)>,
}

impl MemoryLog {
    /// An empty log; nobody holds the lease.
    pub fn new() -> Self {
        let inner = Inner { epoch: Epoch(0), entries: Vec::new(), notes: Vec::new() };
        Self { born: Instant::now(), inner: Mutex::new(inner) }
    }

    /// Takes the lease from whoever has it.
    pub fn lease(&self) -> Epoch {
        let mut inner = self.inner();
        inner.epoch.0 += 1;
        inner.epoch
    }

    /// What was appended, with its times.
    pub fn entries(&self) -> Vec<Entry> {
        self.inner().entries.clone()
    }

    /// What was appended.
    pub fn events(&self) -> Vec<Event> {
        self.inner().entries.iter().map(|entry| entry.event.clone()).collect()
    }

    /// The live log: step and line.
    pub fn notes(&self) -> Vec<(String, String)> {
        self.inner().notes.clone()
    }

    /// Appends without a lease, as a person's command does to a saga that nobody runs.
    pub fn push(&self, event: Event) {
        self.inner().push(self.born, event);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change is one push, so a panic elsewhere can't have left it half made.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn push(&mut self, born: Instant, event: Event) {
        let seq = i64::try_from(self.entries.len()).unwrap_or(i64::MAX);
        let at_ms = i64::try_from(born.elapsed().as_millis()).unwrap_or(i64::MAX);
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
            inner.push(self.born, event.clone());
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
