//! What one request and its response wait for. In HTTP/2 each has a stream of its own, and a signal
//! over one is none over the others: they may be of other sites, which have other limits. In HTTP/1
//! all that a connection carries is one stream.
//!
//! An error of the body would not do for a signal: while the client takes nothing, hyper waits for
//! the window and asks the body for nothing. So the task that serves the stream is ended from
//! outside. It drops what h2 has of the stream, and h2 resets it with CANCEL (RFC 9113 5.4.2).

use std::sync::{Arc, OnceLock};

use futures_util::task::AtomicWaker;
use tokio::task::AbortHandle;

use super::timers::{Clock, Deadline};

/// The notes of one stream.
#[derive(Debug)]
pub(crate) struct StreamState {
    pub(super) clock: Arc<Clock>,
    /// The client owes us a piece of the request body.
    pub(crate) body: Deadline,
    /// The client does not ask for the next piece of a response: HTTP/2 without window updates.
    pub(crate) send: Deadline,
    /// The upstream owes us a piece of the response body, or does not take the request's. How long
    /// it may is its site's own matter.
    pub(crate) upstream: Deadline,
    /// Who holds small pieces back until the client takes those before.
    pub(super) send_waker: AtomicWaker,
    /// What serves it; in HTTP/1 the connection itself does.
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

    /// Ends it if it stands; whether its connection has to end for that.
    pub(super) fn check_timeouts(&self, now: u64) -> bool {
        if !(self.body.is_past(now) || self.send.is_past(now) || self.upstream.is_past(now)) {
            return false;
        }
        self.task.get().map(AbortHandle::abort).is_none()
    }
}
