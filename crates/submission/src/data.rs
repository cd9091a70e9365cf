//! Receives the lines of a message.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::AsyncRead,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    Reply,
    limits::MAX_LINE_BYTES,
    line_reader::{LineError, LineReader},
};

/// Memory is taken from the budget in blocks of this size.
const BLOCK_BYTES: usize = 64 << 10;
/// The unit of the budget's semaphores.
const UNIT_BYTES: usize = 1 << 10;

/// Memory for messages: of all clients, and of one network.
#[derive(Clone)]
pub(crate) struct MemoryBudget {
    all: Arc<Semaphore>,
    network: Arc<Semaphore>,
    timeout: Duration,
}

/// A semaphore over this much memory.
pub(crate) fn memory(bytes: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(bytes / UNIT_BYTES))
}

impl MemoryBudget {
    pub(crate) fn new(all: Arc<Semaphore>, network: Arc<Semaphore>, timeout: Duration) -> Self {
        Self { all, network, timeout }
    }

    async fn take_block(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let units = (BLOCK_BYTES / UNIT_BYTES) as u32;
        let both = async {
            let network = self.network.clone().acquire_many_owned(units).await.ok()?;
            Some([network, self.all.clone().acquire_many_owned(units).await.ok()?])
        };
        timeout(self.timeout, both).await.ok().flatten()
    }
}

/// A message that was received, and the memory that it holds.
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    _memory: Vec<[OwnedSemaphorePermit; 2]>,
}

/// Receives up to the line with the final dot.
///
/// # Errors
/// `Ok(Err(_))` if the message is refused and the connection can go on; the line error if it can't.
pub(crate) async fn receive<R: AsyncRead + Unpin>(
    reader: &mut LineReader<R>,
    budget: &MemoryBudget,
    max_bytes: usize,
) -> Result<Result<Received, Reply>, LineError> {
    let mut received = Received { bytes: Vec::new(), _memory: Vec::new() };
    let mut refused = None;
    loop {
        let line = match reader.read_line(MAX_LINE_BYTES).await {
            Ok(b".") => return Ok(refused.map_or(Ok(received), Err)),
            // Transparency (RFC 5321, section 4.5.2).
            Ok(line) => line.strip_prefix(b".").unwrap_or(line),
            Err(LineError::TooLong) => {
                refused.get_or_insert_with(|| Reply::new(550, "5.6.0", "A line is longer than 998 characters"));
                continue;
            }
            Err(error) => return Err(error),
        };
        if refused.is_some() {
            continue;
        }
        refused = if line.contains(&0) {
            Some(Reply::new(550, "5.6.0", "The message contains a NUL character"))
        } else if received.bytes.len() + line.len() + 2 > max_bytes {
            Some(too_large(max_bytes))
        } else if !received.grow(line.len() + 2, budget).await {
            Some(Reply::new(451, "4.3.1", "Too many messages are being received; try again later"))
        } else {
            received.bytes.extend_from_slice(line);
            received.bytes.extend_from_slice(b"\r\n");
            None
        };
        if refused.is_some() {
            received = Received { bytes: Vec::new(), _memory: Vec::new() };
        }
    }
}

impl Received {
    /// Makes room for so many bytes more; `false` if the budget is used up.
    async fn grow(&mut self, more: usize, budget: &MemoryBudget) -> bool {
        while self._memory.len() * BLOCK_BYTES < self.bytes.len() + more {
            let Some(block) = budget.take_block().await else { return false };
            self._memory.push(block);
            // Not more than was taken: a vector doubles otherwise.
            self.bytes.reserve_exact(self._memory.len() * BLOCK_BYTES - self.bytes.len());
        }
        true
    }
}

/// The reply to a message of more than this.
pub(crate) fn too_large(max_bytes: usize) -> Reply {
    Reply::new(552, "5.3.4", format!("The message is larger than {max_bytes} bytes"))
}
