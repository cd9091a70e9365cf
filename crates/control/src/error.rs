//! The one error of the service layer: closed kinds, each with words for the person who asked.
//!
//! What went wrong inside ([`Error::Internal`]) is logged once, where it is turned into an answer,
//! and never shown. Another customer's object is *not found*, never *forbidden*.

use std::time::Duration;

use stoa_model::{field::Invalid, site::IllegalMove};

/// Why a command was not carried out. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields that must be mended.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Invalid>),
    /// Nobody is logged in, or the credentials are wrong.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The actor may not do this to anything.
    #[error("You may not do this: it needs the role {0}.")]
    Forbidden(&'static str),
    /// There is no such thing within the actor's reach.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// The thing is in a state that doesn't allow it.
    #[error("{0}")]
    Conflict(String),
    /// The platform has no room for it.
    #[error("{0}")]
    Capacity(String),
    /// Too many tries.
    #[error("Too many attempts. Please try again in {} seconds.", .0.as_secs().max(1))]
    RateLimited(Duration),
    /// Something that the platform needs does not answer; trying again later makes sense.
    #[error("{message}")]
    Unavailable {
        /// For the person who asked.
        message: String,
        /// For the operator.
        source: Source,
    },
    /// A defect or a broken invariant.
    #[error("Something went wrong on our side. We have noted it; please try again.")]
    Internal(Source),
}

/// The cause of an error, for the operator's log.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// Wraps a cause that should not have happened.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::Internal(source.into())
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(vec![invalid])
    }
}

impl From<IllegalMove> for Error {
    fn from(illegal: IllegalMove) -> Self {
        Self::Conflict(format!("The site is {}; this is not possible now.", illegal.from))
    }
}

/// Result of a command.
pub type Result<T> = std::result::Result<T, Error>;
