//! Shutdown signals, and what the connections of a listener share.

use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

/// What a connection should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum ShutdownSignal {
    /// Continue.
    Run = 0,
    /// Another process accepts connections now: serve until the client has taken the hint to open a new one.
    Retire = 1,
    /// Finish the request in flight and accept no other.
    Drain = 2,
    /// Close at once.
    Kill = 3,
}

impl ShutdownSignal {
    pub(super) fn of(number: &AtomicU8) -> Self {
        match number.load(SeqCst) {
            0 => Self::Run,
            1 => Self::Retire,
            2 => Self::Drain,
            _ => Self::Kill,
        }
    }
}

/// What all connections of one listener share.
#[derive(Debug)]
pub(crate) struct ListenerState {
    /// Runs the platform's own handler, so not on the threads that carry the sites' traffic.
    pub(crate) runtime: tokio::runtime::Handle,
    /// Whether its connections use TLS.
    pub(crate) secure: bool,
    pub(super) signal: AtomicU8,
}

impl ListenerState {
    pub(crate) fn new(runtime: tokio::runtime::Handle, secure: bool) -> Self {
        Self { runtime, secure, signal: AtomicU8::new(ShutdownSignal::Run as u8) }
    }

    /// The scheme as the client sees it.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Signals the connections that are not in a registry yet.
    pub(crate) fn close(&self, signal: ShutdownSignal) {
        self.signal.fetch_max(signal as u8, SeqCst);
    }
}
