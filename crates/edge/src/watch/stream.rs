//! What one request and its response wait for. In HTTP/2 each has a stream of its own, and a verdict
//! over one is none over the others: they may be of other sites, which have other limits. In HTTP/1
//! all that a connection carries is one stream.
//!
//! An error of the body would not do for a verdict: while the client takes nothing, hyper waits for
//! the window and asks the body for nothing. So the task that serves the stream is ended from
//! outside. It drops what h2 has of the stream, and h2 resets it with CANCEL (RFC 9113 5.4.2).

use std::sync::{Arc, OnceLock};

use futures_util::task::AtomicWaker;
use tokio::task::AbortHandle;

use super::{Clock, Due};

/// The notes of one stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(super) clock: Arc<Clock>,
    /// The client owes us a piece of the request body.
    pub(crate) body: Due,
    /// The client does not ask for the next piece of a response: HTTP/2 without window updates.
    pub(crate) taking: Due,
    /// The upstream owes us a piece of the response body, or does not take the request's. How long
    /// it may is its site's own matter.
    pub(crate) upstream: Due,
    /// Who holds small pieces back until the client takes those before.
    pub(super) room: AtomicWaker,
    /// What serves it; in HTTP/1 the connection itself does.
    task: OnceLock<AbortHandle>,
}

impl Stream {
    pub(super) fn new(clock: &Arc<Clock>) -> Self {
        Self {
            clock: Arc::clone(clock),
            body: Due::default(),
            taking: Due::default(),
            upstream: Due::default(),
            room: AtomicWaker::new(),
            task: OnceLock::new(),
        }
    }

    /// This task serves it, and nothing else.
    pub(super) fn is_served_by(&self, task: AbortHandle) {
        // Only the first can be: hyper spawns one for each.
        let _ = self.task.set(task);
    }

    pub(super) fn has_task(&self) -> bool {
        self.task.get().is_some()
    }

    /// Ends it if it stands; whether its connection has to end for that.
    pub(super) fn judge(&self, now: u64) -> bool {
        if !(self.body.passed(now) || self.taking.passed(now) || self.upstream.passed(now)) {
            return false;
        }
        self.task.get().map(AbortHandle::abort).is_none()
    }
}
