//! What a step says when it did not work, and who is to read which part of it.
//!
//! The customer reads `public`: a whole sentence that names what did not work, never a host name,
//! a path or a secret. The operator reads `source`: the chain of errors beneath it.

use std::error::Error;

/// Anything that can be told to the operator: an error, or a text.
type Source = Box<dyn Error + Send + Sync>;

/// Why something did not work, told twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A sentence for the customer.
    pub public: String,
    /// The chain of errors, for the operator; may be empty.
    pub source: String,
}

impl Reason {
    /// Tells `public` to the customer and the whole chain of `source` to the operator.
    pub fn new(public: impl Into<String>, source: impl Into<Source>) -> Self {
        Self { public: public.into(), source: chain(source.into().as_ref()) }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.public)?;
        if self.source.is_empty() { Ok(()) } else { write!(f, " ({})", self.source) }
    }
}

/// Why `act` returned without having done it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepError {
    /// It may work in a moment (Docker is down). Tried again until the step's deadline.
    Retry(Reason),
    /// It will not work. Everything started is undone.
    Fail(Reason),
    /// Only a person can decide. The saga is stuck at once, and nothing is undone.
    AskOperator(Reason),
    /// The step heard its token and returned early.
    Cancelled,
}

impl StepError {
    /// A transient failure.
    pub fn retry(public: impl Into<String>, source: impl Into<Source>) -> Self {
        Self::Retry(Reason::new(public, source))
    }

    /// A final failure.
    pub fn fail(public: impl Into<String>, source: impl Into<Source>) -> Self {
        Self::Fail(Reason::new(public, source))
    }

    /// A question to a person.
    pub fn ask_operator(public: impl Into<String>, source: impl Into<Source>) -> Self {
        Self::AskOperator(Reason::new(public, source))
    }
}

/// Why `undo` returned without having undone it. For the operator's eyes only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoError {
    /// It may work in a moment. Tried again until the step's undo deadline.
    Retry(String),
    /// It will not work. The saga is stuck.
    Fail(String),
}

impl UndoError {
    /// A transient failure while `doing` ("removing the stack").
    pub fn retry(doing: &str, source: impl Into<Source>) -> Self {
        Self::Retry(format!("{doing}: {}", chain(source.into().as_ref())))
    }

    /// A final failure while `doing`.
    pub fn fail(doing: &str, source: impl Into<Source>) -> Self {
        Self::Fail(format!("{doing}: {}", chain(source.into().as_ref())))
    }
}

/// So that `undo` can use the same helpers as `act`. Cancelled is worth another try: an undo is only
/// ever interrupted by the process stopping.
impl From<StepError> for UndoError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Retry(reason) => Self::Retry(reason.to_string()),
            StepError::Fail(reason) | StepError::AskOperator(reason) => Self::Fail(reason.to_string()),
            StepError::Cancelled => Self::Retry("interrupted".to_owned()),
        }
    }
}

/// Turns the errors of others into a step's, at the point where the words for it are known.
pub trait ResultExt<T> {
    /// A transient failure, see [`StepError::Retry`].
    fn or_retry(self, public: &str) -> Result<T, StepError>;
    /// A final failure, see [`StepError::Fail`].
    fn or_fail(self, public: &str) -> Result<T, StepError>;
    /// A question to a person, see [`StepError::AskOperator`].
    fn or_ask_operator(self, public: &str) -> Result<T, StepError>;
    /// A transient failure of an undo, see [`UndoError::Retry`].
    fn or_undo_retry(self, doing: &str) -> Result<T, UndoError>;
    /// A final failure of an undo, see [`UndoError::Fail`].
    fn or_undo_fail(self, doing: &str) -> Result<T, UndoError>;
}

impl<T, E: Into<Source>> ResultExt<T> for Result<T, E> {
    fn or_retry(self, public: &str) -> Result<T, StepError> {
        self.map_err(|source| StepError::retry(public, source))
    }

    fn or_fail(self, public: &str) -> Result<T, StepError> {
        self.map_err(|source| StepError::fail(public, source))
    }

    fn or_ask_operator(self, public: &str) -> Result<T, StepError> {
        self.map_err(|source| StepError::ask_operator(public, source))
    }

    fn or_undo_retry(self, doing: &str) -> Result<T, UndoError> {
        self.map_err(|source| UndoError::retry(doing, source))
    }

    fn or_undo_fail(self, doing: &str) -> Result<T, UndoError> {
        self.map_err(|source| UndoError::fail(doing, source))
    }
}

/// The error and its causes in one line. A cause that its parent already printed is left out.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}
