//! The error type of the service layer: a closed set of kinds, each with a message for the user.
//!
//! The cause of an [`Error::Internal`] is logged once, where the error becomes a response, and never shown.
//! Another customer's object is *not found*, never *forbidden*.

use std::time::Duration;

use stoa_model::{ability::Ability, field::Invalid, site::IllegalMove};

/// Why a command failed. A failed command changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields with invalid values.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Invalid>),
    /// Nobody is logged in, or the credentials are wrong.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The actor lacks the role for this command.
    #[error("You may not do this: it needs the role {0}.")]
    Forbidden(&'static str),
    /// The API token lacks the ability for this command.
    #[error("This token lacks the ability \"{0}\". Create a token that has it under Account, API tokens.")]
    MissingAbility(Ability),
    /// API tokens can't do this, whatever their abilities.
    #[error("API tokens can't do this. Log in to the portal with your password and do it there.")]
    NotWithToken,
    /// Staff who view the portal as a customer can't do what only the customer may do.
    #[error("You are viewing the portal as this customer, and only they can do this. End the view first.")]
    ViewingAsCustomer,
    /// The person's role in their organization does not allow it.
    #[error("Your role in this organization ({0}) doesn't allow this. Ask an owner or admin to change your role.")]
    MemberRole(&'static str),
    /// The object does not exist, or the actor may not see it.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// The state of the object doesn't allow it.
    #[error("{0}")]
    Conflict(String),
    /// The platform has no capacity for it.
    #[error("{0}")]
    Capacity(String),
    /// Too many attempts; the time until the next one is allowed.
    #[error("Too many attempts. Please try again in {} seconds.", .0.as_secs().max(1))]
    RateLimited(Duration),
    /// A dependency of the platform is unavailable; the command may succeed later.
    #[error("{message}")]
    Unavailable {
        /// For the user.
        message: String,
        /// For the operator.
        source: Source,
    },
    /// A bug or a broken invariant.
    #[error("Something went wrong on our side. We have noted it; please try again.")]
    Internal(Source),
}

/// The cause of an error, for the operator's log.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// The error with all its causes. Not to be shown to customers.
    pub fn for_operator(&self) -> String {
        match self {
            Self::Unavailable { source, .. } | Self::Internal(source) => {
                format!("{self} ({})", stoa_util::error_chain(source.as_ref()))
            }
            other => other.to_string(),
        }
    }

    /// Wraps an unexpected cause.
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
                message: "The database is unavailable. Please try again in a minute.".into(),
                source: error.into(),
            },
            DbError::Full(_) => Self::Unavailable {
                message: "The platform can't save anything right now. We have been notified; please try again later."
                    .into(),
                source: error.into(),
            },
            DbError::Conflict(Constraint::Hostname) => {
                Invalid::new("subdomain", "This address is taken. Please choose another one.").into()
            }
            DbError::Conflict(Constraint::CustomerEmail | Constraint::UserEmail | Constraint::StaffEmail) => {
                Invalid::new("email", "You already have an account with this email. Log in instead.").into()
            }
            DbError::Conflict(Constraint::ActiveJob) => {
                conflict("Another job is working on this site. Wait for it, or cancel it.")
            }
            DbError::Conflict(Constraint::PlanSlug) => {
                Invalid::new("slug", "Another plan has this short name. Choose another one.").into()
            }
            DbError::Conflict(Constraint::SiteSubscription) => conflict("This site has a subscription already."),
            DbError::Conflict(Constraint::IdempotencyKey) => conflict("This idempotency key was used a moment ago."),
            DbError::StaleWrite { .. } => conflict("The site has changed in the meantime. Reload it and try again."),
            DbError::Illegal(illegal) => illegal.into(),
            DbError::Exhausted => {
                Self::Capacity("There is no room for another site right now. We have been notified.".into())
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
    struct WriteFailed(#[source] std::io::Error);

    #[test]
    fn operators_see_all_causes_and_customers_none() {
        let error = Error::internal(WriteFailed(std::io::Error::other("no space left on device")));
        assert!(error.for_operator().ends_with("(writing the site's file: no space left on device)"));
        assert!(!error.to_string().contains("site's file"));
    }
}
