//! A log that injects a fault at one of its writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::faults::Faults;
use crate::memory::MemoryLog;
use crate::{Epoch, Event, Log, LogError};

/// What goes wrong with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteFault {
    /// The process dies before it.
    DieBefore,
    /// It happens, and then the process dies.
    DieAfter,
    /// The log is unavailable for one attempt.
    Away,
    /// It happens, and the response is lost.
    LostReply,
}

/// One executor's connection to the log, which survives the executor.
pub(super) struct FaultyLog {
    pub(super) inner: Arc<MemoryLog>,
    pub(super) fault: Option<(usize, WriteFault)>,
    pub(super) faults: Arc<Faults>,
    /// How many writes were attempted.
    pub(super) writes: AtomicUsize,
}

#[async_trait]
impl Log for FaultyLog {
    async fn append(&self, epoch: Epoch, events: &[Event]) -> Result<(), LogError> {
        let nth = self.writes.fetch_add(1, Ordering::SeqCst);
        let fault = self.fault.filter(|(at, _)| *at == nth).map(|(_, fault)| fault);
        match fault {
            None => self.inner.append(epoch, events).await,
            Some(WriteFault::DieBefore) => self.faults.die().await,
            Some(WriteFault::DieAfter) => {
                self.inner.append(epoch, events).await?;
                self.faults.die().await
            }
            Some(WriteFault::Away) => Err(LogError::Unavailable("away".to_owned())),
            Some(WriteFault::LostReply) => {
                self.inner.append(epoch, events).await?;
                Err(LogError::Unavailable("the answer was lost".to_owned()))
            }
        }
    }

    async fn load(&self) -> Result<Vec<Event>, LogError> {
        self.inner.load().await
    }

    async fn note(&self, step: &str, line: &str) {
        self.inner.note(step, line).await;
    }
}
