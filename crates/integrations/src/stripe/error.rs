//! Why Stripe did not do something.

use std::fmt;

/// What can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StripeFailure {
    /// The same call may work later: Stripe was not reached, is busy, or has failed itself.
    Temporary,
    /// There is no such object.
    NotFound,
    /// Our key is refused: only the operator can mend it.
    Key,
    /// Stripe refuses this call, now and later.
    Refused,
    /// The answer has not the shape of the pinned version.
    Shape,
}

/// A failed call, with its cause in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeError {
    /// What can be done about it.
    pub failure: StripeFailure,
    /// Stripe's code, such as `resource_missing`.
    pub code: Option<String>,
    /// Method, path, and what was answered. Never a secret.
    pub text: String,
}

impl fmt::Display for StripeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for StripeError {}

impl StripeError {
    /// Whether the same call may work later.
    pub fn is_temporary(&self) -> bool {
        self.failure == StripeFailure::Temporary
    }
}
