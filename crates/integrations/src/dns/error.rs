//! What can go wrong while talking to a name server or its API, before it is known for what.

/// A failure, in words that say what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// What went wrong.
    pub reason: String,
    /// Whether the same call may work in a moment.
    pub transient: bool,
}

impl Fault {
    /// Somebody has to change something first.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), transient: false }
    }

    /// It may work in a moment.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), transient: true }
    }
}
