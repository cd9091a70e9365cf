//! Why a name server or a DNS API did not do something; the caller adds what that was.

/// A failure, with what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What went wrong.
    pub reason: String,
    /// Whether the same call may work later without anybody doing anything.
    pub transient: bool,
}

impl Failure {
    /// Somebody has to fix something first.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), transient: false }
    }

    /// The same call may work later.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), transient: true }
    }
}
