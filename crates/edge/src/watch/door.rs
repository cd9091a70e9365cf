//! What is said against connections: against one, or against all that came through one listener.

use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

/// What a connection shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Verdict {
    /// Go on.
    Run = 0,
    /// Finish the request in flight, take no other.
    Drain = 1,
    /// Close at once.
    Kill = 2,
}

impl Verdict {
    pub(super) fn of(number: &AtomicU8) -> Self {
        match number.load(SeqCst) {
            0 => Self::Run,
            1 => Self::Drain,
            _ => Self::Kill,
        }
    }
}

/// What all connections of one listener share.
#[derive(Debug)]
pub(crate) struct Door {
    /// Where the platform's own handler runs: not on the threads that carry the sites' traffic.
    pub(crate) runtime: tokio::runtime::Handle,
    /// Whether what comes through it is TLS.
    pub(crate) secure: bool,
    pub(super) verdict: AtomicU8,
}

impl Door {
    pub(crate) fn new(runtime: tokio::runtime::Handle, secure: bool) -> Self {
        Self { runtime, secure, verdict: AtomicU8::new(Verdict::Run as u8) }
    }

    /// The scheme as the client sees it.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Sentences the connections that are yet to be watched.
    pub(crate) fn close(&self, verdict: Verdict) {
        self.verdict.fetch_max(verdict as u8, SeqCst);
    }
}
