//! Appends events under one epoch, and waits for a log that is unavailable for a while.
//!
//! An append that failed as unavailable may have happened. Repeating it would corrupt the log, so the
//! writer reads the log before each retry.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::{Epoch, Event, Log, LogError, Outcome, RunSignals};

/// Delays that double from 50 ms to 2 s. Without jitter: there is one executor per log, and tests stay
/// deterministic.
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(Duration::from_millis(50))
    }

    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(Duration::from_secs(2));
        wait
    }
}

pub(crate) struct Writer {
    log: Arc<dyn Log>,
    epoch: Epoch,
    signals: RunSignals,
    written: usize,
}

impl Writer {
    /// Reads the log. `Err` is how the run ends.
    pub(crate) async fn open(
        log: Arc<dyn Log>,
        epoch: Epoch,
        signals: RunSignals,
    ) -> Result<(Self, Vec<Event>), Outcome> {
        let mut writer = Self { log, epoch, signals, written: 0 };
        let mut retry_budget = writer.retry_budget();
        loop {
            match writer.log.load().await {
                Ok(events) => {
                    writer.written = events.len();
                    return Ok((writer, events));
                }
                Err(error) => retry_budget.wait(&writer.signals, error).await?,
            }
        }
    }

    /// Appends all of `batch`, once. `Err` is how the run ends.
    pub(crate) async fn append(&mut self, batch: &[Event]) -> Result<(), Outcome> {
        let mut retry_budget = self.retry_budget();
        let mut rest = batch;
        while let Err(error) = self.log.append(self.epoch, rest).await {
            retry_budget.wait(&self.signals, error).await?;
            rest = loop {
                match self.unwritten(batch).await {
                    Ok(rest) => break rest,
                    Err(error) => retry_budget.wait(&self.signals, error).await?,
                }
            };
        }
        self.written += batch.len();
        Ok(())
    }

    /// The part of `batch` that is not in the log yet: all or nothing. Even nothing is appended, because
    /// that proves the lease.
    async fn unwritten<'b>(&self, batch: &'b [Event]) -> Result<&'b [Event], LogError> {
        let events = self.log.load().await?;
        match events.get(self.written..) {
            Some([]) => Ok(batch),
            Some(tail) if tail == batch => Ok(&[]),
            // Only another executor can have written anything else.
            Some(_) | None => Err(LogError::LeaseLost),
        }
    }

    fn retry_budget(&self) -> RetryBudget {
        RetryBudget { until: Instant::now() + self.signals.log_patience, backoff: Backoff::new() }
    }
}

struct RetryBudget {
    until: Instant,
    backoff: Backoff,
}

impl RetryBudget {
    /// Waits before the next attempt; `Err` is how the run ends.
    async fn wait(&mut self, signals: &RunSignals, error: LogError) -> Result<(), Outcome> {
        match error {
            LogError::LeaseLost => return Err(Outcome::LeaseLost),
            LogError::Unreadable(reason) => return Err(Outcome::Stuck { step: None, reason }),
            LogError::Unavailable(reason) => warn!(reason, "the saga's log is unavailable"),
        }
        let next = Instant::now() + self.backoff.next();
        if next > self.until {
            return Err(Outcome::Interrupted);
        }
        tokio::select! {
            biased;
            () = signals.stop.cancelled() => Err(Outcome::Interrupted),
            () = tokio::time::sleep_until(next) => Ok(()),
        }
    }
}
