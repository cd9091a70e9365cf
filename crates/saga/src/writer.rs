//! The executor's pen: appends under one epoch, and outlasts a log that is away for a while.
//!
//! An append that came back as unavailable may have happened. Appending it again would make a log
//! that no run can have written, so before each new try the writer reads what is there.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::{Epoch, Event, Log, LogError, Outcome, RunSignals};

/// Waits that double from 50 ms to 2 s. Without jitter: one executor, one log, and tests that
/// come out the same every time.
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
    control: RunSignals,
    written: usize,
}

impl Writer {
    /// Reads the log so far. `Err` is how the run ends.
    pub(crate) async fn open(
        log: Arc<dyn Log>,
        epoch: Epoch,
        control: RunSignals,
    ) -> Result<(Self, Vec<Event>), Outcome> {
        let mut writer = Self { log, epoch, control, written: 0 };
        let mut patience = writer.patience();
        loop {
            match writer.log.load().await {
                Ok(events) => {
                    writer.written = events.len();
                    return Ok((writer, events));
                }
                Err(error) => patience.wait(&writer.control, error).await?,
            }
        }
    }

    /// Appends all of `batch`, once. `Err` is how the run ends.
    pub(crate) async fn append(&mut self, batch: &[Event]) -> Result<(), Outcome> {
        let mut patience = self.patience();
        let mut rest = batch;
        while let Err(error) = self.log.append(self.epoch, rest).await {
            patience.wait(&self.control, error).await?;
            rest = loop {
                match self.missing(batch).await {
                    Ok(rest) => break rest,
                    Err(error) => patience.wait(&self.control, error).await?,
                }
            };
        }
        self.written += batch.len();
        Ok(())
    }

    /// What of `batch` is not in the log yet: all or nothing. Nothing is then appended too, for
    /// that proves the lease.
    async fn missing<'b>(&self, batch: &'b [Event]) -> Result<&'b [Event], LogError> {
        let events = self.log.load().await?;
        match events.get(self.written..) {
            Some([]) => Ok(batch),
            Some(tail) if tail == batch => Ok(&[]),
            // Only another executor can have written something else.
            Some(_) | None => Err(LogError::LeaseLost),
        }
    }

    fn patience(&self) -> Patience {
        Patience { until: Instant::now() + self.control.log_patience, backoff: Backoff::new() }
    }
}

struct Patience {
    until: Instant,
    backoff: Backoff,
}

impl Patience {
    /// Returns when the log may be tried again; `Err` is how the run ends.
    async fn wait(&mut self, control: &RunSignals, error: LogError) -> Result<(), Outcome> {
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
            () = control.stop.cancelled() => Err(Outcome::Interrupted),
            () = tokio::time::sleep_until(next) => Ok(()),
        }
    }
}
