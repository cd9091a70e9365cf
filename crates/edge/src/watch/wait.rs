//! A stream's part in what is waited for.

use std::{sync::Arc, task::Context, time::Duration};

use super::{Due, Stream};

/// A wait that begins and ends again and again; it ends for good when this is dropped, so nothing is
/// held against a connection for a request that is gone.
#[derive(Debug)]
pub(crate) struct Wait {
    stream: Arc<Stream>,
    of: fn(&Stream) -> &Due,
    limit: Duration,
    /// What was noted; nothing is waited for if 0.
    until: u64,
}

impl Wait {
    /// Waits for nothing yet.
    pub(crate) fn new(stream: &Arc<Stream>, of: fn(&Stream) -> &Due, limit: Duration) -> Self {
        Self { stream: Arc::clone(stream), of, limit, until: 0 }
    }

    /// Waiting begins, unless it already has.
    pub(crate) fn start(&mut self) {
        if self.until == 0 {
            self.until = (self.of)(&self.stream).start(&self.stream.clock, self.limit);
        }
    }

    /// The task of `cx` goes on when the client has taken something.
    pub(crate) fn wake_with_room(&self, cx: &Context<'_>) {
        self.stream.room.register(cx.waker());
    }

    pub(crate) fn stop(&mut self) {
        if self.until != 0 {
            (self.of)(&self.stream).stop(std::mem::take(&mut self.until));
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.stop();
    }
}
