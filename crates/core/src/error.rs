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
    /// The error with all its causes, which customers are not shown.
    pub fn for_operator(&self) -> String {
        match self {
            Self::Unavailable { source, .. } | Self::Internal(source) => {
                format!("{self} ({})", stoa_saga::chain(source.as_ref()))
            }
            other => other.to_string(),
        }
    }

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

impl From<stoa_db::DbError> for Error {
    fn from(error: stoa_db::DbError) -> Self {
        use stoa_db::{Constraint, DbError};
        let conflict = |text: &str| Self::Conflict(text.into());
        match error {
            DbError::Busy(_) | DbError::Unavailable(_) => Self::Unavailable {
                message: "The platform's records can't be reached at this moment. Please try again in a minute.".into(),
                source: error.into(),
            },
            DbError::Full(_) => Self::Unavailable {
                message: "The platform can't save anything at this moment. We have been told; please try again later."
                    .into(),
                source: error.into(),
            },
            DbError::Conflict(Constraint::Hostname) => {
                Invalid::new("subdomain", "This address is taken. Please choose another one.").into()
            }
            DbError::Conflict(Constraint::CustomerEmail | Constraint::StaffEmail) => {
                Invalid::new("email", "There is an account with this address already. Please log in instead.").into()
            }
            DbError::Conflict(Constraint::ActiveJob) => {
                conflict("Another job is working on this site. Wait for it, or cancel it.")
            }
            DbError::Conflict(Constraint::IdempotencyKey) => conflict("This idempotency key was used a moment ago."),
            DbError::StaleWrite { .. } => conflict("The site has changed in the meantime. Please look at it again."),
            DbError::Illegal(illegal) => illegal.into(),
            DbError::Exhausted => {
                Self::Capacity("There is no room for another site at this moment. We have been told.".into())
            }
            DbError::Conflict(_)
            | DbError::Corrupt { .. }
            | DbError::Missing(_)
            | DbError::LeaseLost
            | DbError::Other(_) => Self::internal(error),
        }
    }
}

impl stoa_db::Retry for Error {
    fn is_busy(&self) -> bool {
        matches!(self, Self::Unavailable { source, .. }
            if source.downcast_ref::<stoa_db::DbError>().is_some_and(stoa_db::Retry::is_busy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("writing the site's file")]
    struct Writing(#[source] std::io::Error);

    #[test]
    fn the_operator_is_told_all_causes_and_the_customer_none() {
        let error = Error::internal(Writing(std::io::Error::other("no space left on device")));
        assert!(error.for_operator().ends_with("(writing the site's file: no space left on device)"));
        assert!(!error.to_string().contains("site's file"));
    }
}
