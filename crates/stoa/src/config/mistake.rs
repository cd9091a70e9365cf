//! A setting that can't be used.

use std::{error::Error, fmt};

use super::source::Source;

/// A setting that can't be used. The text never contains the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The setting, like `acme.directory`.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
    /// Where its value was set, unless it is the default.
    pub source: Option<Source>,
}

impl Mistake {
    /// A mistake in the setting `key`.
    pub fn new(key: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self { key: key.into(), problem: problem.to_string(), source: None }
    }

    /// The same, with the place where the value was set.
    pub fn at(self, source: Option<&Source>) -> Self {
        Self { source: source.cloned(), ..self }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)?;
        self.source.as_ref().map_or(Ok(()), |source| write!(f, " ({source})"))
    }
}

impl Error for Mistake {}
