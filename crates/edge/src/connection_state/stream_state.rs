//! What one request and its response wait for. In HTTP/2 each has its own stream, which times out by
//! itself: the others may belong to other sites with other limits. In HTTP/1 the whole connection is
//! one stream.
//!
//! An error of the body can't end a stream: while the client takes nothing, hyper waits for the window
//! and does not poll the body. So the task that serves the stream is aborted from outside. It drops
//! h2's part of the stream, and h2 resets it with CANCEL (RFC 9113 5.4.2).

use std::sync::{Arc, OnceLock};

use futures_util::task::AtomicWaker;
use tokio::task::AbortHandle;

use super::timers::{Clock, Deadline};

/// The state of one stream.
#[derive(Debug)]
pub(crate) struct StreamState {
    pub(super) clock: Arc<Clock>,
    /// Waiting for the client to send a piece of the request body.
    pub(crate) body: Deadline,
    /// Waiting for the client to take the next piece of the response: HTTP/2 without window updates.
    pub(crate) send: Deadline,
    /// Waiting for the upstream to send a piece of the response body or to take one of the request's, for as
    /// long as its site allows.
    pub(crate) upstream: Deadline,
    /// The task that holds small pieces back until the client takes those before.
    pub(super) send_waker: AtomicWaker,
    /// The task that serves it; in HTTP/1 the connection itself does.
    task: OnceLock<AbortHandle>,
}

impl StreamState {
    pub(super) fn new(clock: &Arc<Clock>) -> Self {
        Self {
            clock: Arc::clone(clock),
            body: Deadline::default(),
            send: Deadline::default(),
            upstream: Deadline::default(),
            send_waker: AtomicWaker::new(),
            task: OnceLock::new(),
        }
    }

    /// This task serves it, and nothing else.
    pub(super) fn set_task(&self, task: AbortHandle) {
        // Only the first can be: hyper spawns one for each.
        let _ = self.task.set(task);
    }

    pub(super) fn has_task(&self) -> bool {
        self.task.get().is_some()
    }

    /// Aborts the stream if it is stalled, and returns whether its connection has to be closed for that.
    pub(super) fn check_timeouts(&self, now: u64) -> bool {
        if !(self.body.is_past(now) || self.send.is_past(now) || self.upstream.is_past(now)) {
            return false;
        }
        self.task.get().map(AbortHandle::abort).is_none()
    }
}
