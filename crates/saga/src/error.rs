//! A step's errors, with one text for the customer and one for the operator.
//!
//! The customer reads `public`: a whole sentence that names what failed, never a hostname, a path or a
//! secret. The operator reads `source`: the chain of errors behind it.

use std::error::Error;

use stoa_util::error_chain;

/// An error or a text for the operator.
type Source = Box<dyn Error + Send + Sync>;

/// Why something failed, for both readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A sentence for the customer.
    pub public: String,
    /// The chain of errors, for the operator; may be empty.
    pub source: String,
}

impl Reason {
    /// `public` for the customer, and the whole chain of `source` for the operator.
    pub fn new(public: impl Into<String>, source: impl Into<Source>) -> Self {
        Self { public: public.into(), source: error_chain(source.into().as_ref()) }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.public)?;
        if self.source.is_empty() { Ok(()) } else { write!(f, " ({})", self.source) }
    }
}

/// Why `act` failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepError {
    /// Transient, such as an unavailable Docker. Retried until the step's deadline.
    Retry(Reason),
    /// Final. All started steps are undone.
    Fail(Reason),
    /// Only a person can decide. The saga is stuck immediately, and nothing is undone.
    AskOperator(Reason),
    /// The step's token was cancelled, and it returned early.
    Cancelled,
}

/// Whether a failure that usually passes can't pass here: some file may not be written, whoever tries again.
fn is_permanent(source: &(dyn Error + Send + Sync + 'static)) -> bool {
    let mut error: Option<&(dyn Error + 'static)> = Some(source);
    while let Some(current) = error {
        if current.downcast_ref::<std::io::Error>().is_some_and(stoa_util::io_error::is_permanent) {
            return true;
        }
        error = current.source();
    }
    false
}

impl StepError {
    /// A transient failure; a final one if its cause is a file that may not be written.
    pub fn retry(public: impl Into<String>, source: impl Into<Source>) -> Self {
        let source = source.into();
        if is_permanent(&*source) { Self::fail(public, source) } else { Self::Retry(Reason::new(public, source)) }
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

/// Why `undo` failed, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoError {
    /// Transient. Retried until the step's undo deadline.
    Retry(String),
    /// Final. The saga is stuck.
    Fail(String),
}

impl UndoError {
    /// A transient failure while `doing` ("removing the stack"); a final one if its cause is a file that may not be
    /// written.
    pub fn retry(doing: &str, source: impl Into<Source>) -> Self {
        let source = source.into();
        let reason = format!("{doing}: {}", error_chain(source.as_ref()));
        if is_permanent(&*source) { Self::Fail(reason) } else { Self::Retry(reason) }
    }

    /// A final failure while `doing`.
    pub fn fail(doing: &str, source: impl Into<Source>) -> Self {
        Self::Fail(format!("{doing}: {}", error_chain(source.into().as_ref())))
    }
}

/// Lets `undo` use the helpers of `act`. `Cancelled` becomes a retry: an undo is only interrupted when the
/// process stops.
impl From<StepError> for UndoError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Retry(reason) => Self::Retry(reason.to_string()),
            StepError::Fail(reason) | StepError::AskOperator(reason) => Self::Fail(reason.to_string()),
            StepError::Cancelled => Self::Retry("interrupted".to_owned()),
        }
    }
}

/// Turns errors into those of a step, where the text for the customer is known.
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
