//! One stream's part in what its connection waits for.

use std::{sync::Arc, time::Duration};

use super::{Due, Watched};

/// A wait that begins and ends again and again; it ends for good when this is dropped, so nothing is
/// held against the connection for a stream that is gone.
#[derive(Debug)]
pub(crate) struct Wait {
    watched: Arc<Watched>,
    of: fn(&Watched) -> &Due,
    limit: Duration,
    on: bool,
}

impl Wait {
    /// Waits for nothing yet.
    pub(crate) fn new(watched: &Arc<Watched>, of: fn(&Watched) -> &Due, limit: Duration) -> Self {
        Self { watched: Arc::clone(watched), of, limit, on: false }
    }

    /// Waiting begins, unless it already has.
    pub(crate) fn start(&mut self) {
        if !std::mem::replace(&mut self.on, true) {
            (self.of)(&self.watched).enter(&self.watched.clock, self.limit);
        }
    }

    pub(crate) fn stop(&mut self) {
        if std::mem::replace(&mut self.on, false) {
            (self.of)(&self.watched).leave(&self.watched.clock, self.limit);
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.stop();
    }
}
