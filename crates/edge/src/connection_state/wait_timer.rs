//! A timer for one kind of wait of a stream.

use std::{sync::Arc, task::Context, time::Duration};

use super::{stream_state::StreamState, timers::Deadline};

/// Starts and stops again and again. Dropping it stops it, so a connection never times out because of a
/// request that is gone.
#[derive(Debug)]
pub(crate) struct WaitTimer {
    stream: Arc<StreamState>,
    deadline: fn(&StreamState) -> &Deadline,
    limit: Duration,
    /// Identifies the current wait; 0 if there is none.
    until: u64,
}

impl WaitTimer {
    /// A timer that is not running.
    pub(crate) fn new(stream: &Arc<StreamState>, deadline: fn(&StreamState) -> &Deadline, limit: Duration) -> Self {
        Self { stream: Arc::clone(stream), deadline, limit, until: 0 }
    }

    /// Starts waiting, unless it already does.
    pub(crate) fn start(&mut self) {
        if self.until == 0 {
            self.until = (self.deadline)(&self.stream).start(&self.stream.clock, self.limit);
        }
    }

    /// Wakes the task of `cx` when the client has taken some bytes.
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
