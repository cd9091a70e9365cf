//! A stream's part in what is waited for.

use std::{sync::Arc, task::Context, time::Duration};

use super::{stream_state::StreamState, timers::Deadline};

/// A wait that begins and ends again and again; it ends for good when this is dropped, so nothing is
/// held against a connection for a request that is gone.
#[derive(Debug)]
pub(crate) struct WaitTimer {
    stream: Arc<StreamState>,
    deadline: fn(&StreamState) -> &Deadline,
    limit: Duration,
    /// What was noted; nothing is waited for if 0.
    until: u64,
}

impl WaitTimer {
    /// Waits for nothing yet.
    pub(crate) fn new(stream: &Arc<StreamState>, deadline: fn(&StreamState) -> &Deadline, limit: Duration) -> Self {
        Self { stream: Arc::clone(stream), deadline, limit, until: 0 }
    }

    /// Waiting begins, unless it already has.
    pub(crate) fn start(&mut self) {
        if self.until == 0 {
            self.until = (self.deadline)(&self.stream).start(&self.stream.clock, self.limit);
        }
    }

    /// The task of `cx` goes on when the client has taken something.
    pub(crate) fn wake_when_sent(&self, cx: &Context<'_>) {
        self.stream.send_waker.register(cx.waker());
    }

    pub(crate) fn stop(&mut self) {
        if self.until != 0 {
            (self.deadline)(&self.stream).stop(std::mem::take(&mut self.until));
        }
    }
}

impl Drop for WaitTimer {
    fn drop(&mut self) {
        self.stop();
    }
}
