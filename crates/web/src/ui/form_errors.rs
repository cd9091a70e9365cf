//! Errors that the person can fix in the form: it is shown again, with the service layer's messages and what
//! was typed. All other errors get the error page.

use std::time::Duration;

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use stoa_core::Error;

use super::field::Problems;
use crate::http_error::HttpError;

/// Why a form is shown again.
#[derive(Default)]
pub struct FormErrors {
    status: StatusCode,
    retry_after: Option<Duration>,
    /// What to fix.
    pub problems: Problems,
}

impl TryFrom<Error> for FormErrors {
    type Error = HttpError;

    /// Fails with errors that can't be fixed in the form.
    fn try_from(error: Error) -> Result<Self, HttpError> {
        let message = error.to_string();
        let general = |status| Self { status, problems: Problems::general(message), retry_after: None };
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
}

impl FormErrors {
    /// A form that was not carried out because something has changed since it was opened.
    pub const fn conflict(problems: Problems) -> Self {
        Self { status: StatusCode::CONFLICT, retry_after: None, problems }
    }

    /// Status and headers for the response that shows the form again.
    pub const fn response(&self) -> FormResponse {
        FormResponse { status: self.status, retry_after: self.retry_after }
    }
}

/// Status and `Retry-After` of the response that shows a form again.
#[derive(Clone, Copy)]
pub struct FormResponse {
    status: StatusCode,
    retry_after: Option<Duration>,
}

impl FormResponse {
    /// Renders the form's page.
    pub fn page(self, template: &impl Template) -> Response {
        let mut response = super::page(self.status, template);
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        response
    }
}
