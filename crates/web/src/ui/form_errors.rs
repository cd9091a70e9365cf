//! A form that was refused for something the person can mend: it is shown again, with the words
//! of the service layer and what was typed. Everything else gets the ordinary error page.

use std::time::Duration;

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use stoa_control::Error;

use super::field::Problems;
use crate::fault::Fault;

/// Why a form comes back.
#[derive(Default)]
pub struct Refusal {
    status: StatusCode,
    retry_after: Option<Duration>,
    /// What to mend.
    pub problems: Problems,
}

impl Refusal {
    /// What an error means for the form.
    ///
    /// # Errors
    /// If nothing in the form can mend it.
    pub fn of(error: Error) -> Result<Self, Fault> {
        let words = error.to_string();
        let general = |status| Self { status, problems: Problems::general(words), retry_after: None };
        match error {
            Error::Invalid(fields) => {
                let (status, problems) = (StatusCode::UNPROCESSABLE_ENTITY, Problems::of_fields(fields));
                Ok(Self { status, problems, retry_after: None })
            }
            Error::Unauthenticated(_) => Ok(general(StatusCode::UNAUTHORIZED)),
            Error::Conflict(_) => Ok(general(StatusCode::CONFLICT)),
            Error::Capacity(_) => Ok(general(StatusCode::SERVICE_UNAVAILABLE)),
            Error::RateLimited(wait) => Ok(Self { retry_after: Some(wait), ..general(StatusCode::TOO_MANY_REQUESTS) }),
            error => Err(error.into()),
        }
    }

    /// What the form's response must say beside its page.
    pub const fn reply(&self) -> Reply {
        Reply { status: self.status, retry_after: self.retry_after }
    }
}

/// Status and waiting time of a form's page.
#[derive(Clone, Copy)]
pub struct Reply {
    status: StatusCode,
    retry_after: Option<Duration>,
}

impl Reply {
    /// The page, with them.
    pub fn page(self, template: &impl Template) -> Response {
        let mut response = super::page(self.status, template);
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        response
    }
}
