//! What is wrong with a field that somebody filled in.

/// A refused value: which field, and a sentence that tells the person what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{field}: {message}")]
pub struct Invalid {
    /// Name of the form field or JSON member.
    pub field: &'static str,
    /// A whole sentence, in words for the person who typed the value.
    pub message: String,
}

impl Invalid {
    /// Refuses `field` for the reason `message`.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}
