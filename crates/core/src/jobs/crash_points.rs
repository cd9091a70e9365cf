//! Crash points, for tests that abort the process exactly between two steps: with `STOA_FAULT=before:3` it
//! aborts just before its third write to a job's log, with `after:3` right after that write is committed. The
//! guarantees of sagas are about these points, and a signal from outside can't hit them. Not compiled into
//! release builds.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use stoa_saga::{Epoch, Event, Log, LogError};

/// Wraps the log so that the process aborts at the write that `STOA_FAULT` names.
pub(super) fn with_crash_point(log: Arc<dyn Log>) -> Arc<dyn Log> {
    let setting = std::env::var("STOA_FAULT").ok();
    let parsed = setting
        .as_deref()
        .and_then(|text| text.split_once(':'))
        .and_then(|(w, n)| Some((w == "before", n.parse().ok()?)));
    match parsed {
        Some((before, write)) => Arc::new(CrashingLog { log, before, write }),
        None => log,
    }
}

struct CrashingLog {
    log: Arc<dyn Log>,
    before: bool,
    write: u32,
}

/// Writes of this process to all logs.
static WRITE_COUNT: AtomicU32 = AtomicU32::new(0);

#[async_trait]
impl Log for CrashingLog {
    async fn append(&self, epoch: Epoch, events: &[Event]) -> Result<(), LogError> {
        // An empty append only checks the lease.
        let due = !events.is_empty() && WRITE_COUNT.fetch_add(1, Ordering::SeqCst) + 1 == self.write;
        if due && self.before {
            std::process::abort();
        }
        self.log.append(epoch, events).await?;
        if due {
            std::process::abort();
        }
        Ok(())
    }

    async fn load(&self) -> Result<Vec<Event>, LogError> {
        self.log.load().await
    }

    async fn note(&self, step: &str, line: &str) {
        self.log.note(step, line).await;
    }
}
