//! Error responses.
//!
//! A handler only returns *what* went wrong; [`crate::middleware::errors`] decides *how* it is rendered: as a
//! page, or as problem details (RFC 9457) under `/api`. So no handler can send HTML to an API client, and every
//! error carries the request id. [`HttpError::status`] is the only mapping of kinds to statuses.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use stoa_core::Error;
use stoa_model::{ability::Ability, field::Invalid};
use stoa_util::error_chain;

/// An error response.
#[derive(Debug, Clone)]
pub struct HttpError {
    /// Kind of error.
    pub kind: ErrorKind,
    /// A sentence for the person or client.
    pub detail: String,
    /// Rejected fields.
    pub fields: Vec<Invalid>,
    /// When to retry.
    pub retry_after: Option<Duration>,
    /// The ability that an API token lacks.
    pub ability: Option<Ability>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $status:ident, $slug:literal, $title:literal, $advice:literal;)*) => {
        /// Kinds of errors, a closed list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorKind { $($(#[$doc])* $kind,)* }

        impl ErrorKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The HTTP status.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status),* }
            }

            /// The last part of the problem's type URI.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$kind => $slug),* }
            }

            /// Heading of the page, title of the problem.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title),* }
            }

            /// What to do next.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$kind => $advice),* }
            }
        }
    };
}

kinds! {
    /// The request can't be parsed.
    BadRequest = BAD_REQUEST, "bad-request", "We couldn’t read this request",
        "Go back and try again.";
    /// The browser sent one of the portal's cookies twice: a site on a subdomain has set it too.
    DuplicateCookies = BAD_REQUEST, "duplicate-cookies", "Another site has set our cookie",
        "We have told your browser to forget it. Reload the page and log in again. If you see this page once more, delete the cookies of this site in your browser.";
    /// Not logged in.
    Unauthenticated = UNAUTHORIZED, "unauthenticated", "Please log in",
        "Log in and try again.";
    /// Not allowed for this role.
    Forbidden = FORBIDDEN, "forbidden", "You don’t have access to this",
        "Contact support if you think this is a mistake.";
    /// The API token lacks an ability.
    MissingAbility = FORBIDDEN, "missing-ability", "This token can’t do that",
        "Use a token that has the ability.";
    /// CSRF protection rejected the form.
    FormRejected = FORBIDDEN, "foreign-form", "This form has expired",
        "Reload the page and try again.";
    /// No such resource.
    NotFound = NOT_FOUND, "not-found", "Page not found",
        "Check the address, or go back to your dashboard.";
    /// The method is not allowed.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "This page doesn’t work like that",
        "Go back and use the buttons on the page.";
    /// Took too long.
    Timeout = GATEWAY_TIMEOUT, "timeout", "This is taking too long",
        "Your request may still complete. Reload the page in a moment.";
    /// The body arrived too slowly.
    RequestTimeout = REQUEST_TIMEOUT, "request-timeout", "Your request arrived too slowly",
        "Check your connection and send it again.";
    /// The resource is in a state that doesn't allow the operation.
    Conflict = CONFLICT, "conflict", "This isn’t possible right now",
        "Reload the page and try again.";
    /// The body is too large.
    PayloadTooLarge = PAYLOAD_TOO_LARGE, "too-large", "That’s too large",
        "Shorten it and send it again.";
    /// The content type is not supported.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "We can’t read this format",
        "Send JSON with the header Content-Type: application/json.";
    /// Some fields are invalid.
    Invalid = UNPROCESSABLE_ENTITY, "invalid", "There’s a problem",
        "Go back, correct it, and try again.";
    /// Too many attempts.
    RateLimited = TOO_MANY_REQUESTS, "rate-limited", "Too many attempts",
        "Too many attempts in a short time. Wait a moment, then try again.";
    /// A bug, or a failure without a more specific kind.
    Internal = INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side",
        "We’ve logged the error. Try again. If it keeps happening, contact support with this reference.";
    /// A dependency does not answer, or there is no capacity.
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable",
        "Please try again in a few minutes.";
}

impl HttpError {
    /// An error of `kind` with its own message.
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), fields: Vec::new(), retry_after: None, ability: None }
    }

    /// The resource does not exist, or the caller can't see it.
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("There is no such {what}."))
    }

    /// The caller is not logged in.
    pub fn unauthenticated() -> Self {
        Self::new(ErrorKind::Unauthenticated, "Please log in.")
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// The error for a bare status, as the router and its layers produce.
    pub fn from_status(status: StatusCode) -> Self {
        let kind = ErrorKind::ALL.iter().copied().find(|k| {
            let is_special =
                matches!(k, ErrorKind::FormRejected | ErrorKind::DuplicateCookies | ErrorKind::MissingAbility);
            k.status() == status && !is_special
        });
        match kind {
            Some(ErrorKind::NotFound) => Self::new(ErrorKind::NotFound, "There's nothing at this address."),
            Some(kind) => Self::new(kind, kind.advice()),
            None if status.is_server_error() => Self::new(ErrorKind::Internal, ErrorKind::Internal.advice()),
            None => Self::new(ErrorKind::BadRequest, "The request can't be read."),
        }
    }
}

impl From<Error> for HttpError {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Invalid(fields) => Self { fields, ..Self::new(ErrorKind::Invalid, detail) },
            Error::Unauthenticated(_) => Self::new(ErrorKind::Unauthenticated, detail),
            Error::Forbidden(_) | Error::MemberRole(_) | Error::NotWithToken | Error::ViewingAsCustomer => {
                Self::new(ErrorKind::Forbidden, detail)
            }
            Error::MissingAbility(ability) => {
                Self { ability: Some(ability), ..Self::new(ErrorKind::MissingAbility, detail) }
            }
            Error::NotFound(_) => Self::new(ErrorKind::NotFound, detail),
            Error::Conflict(_) => Self::new(ErrorKind::Conflict, detail),
            Error::RateLimited(wait) => Self { retry_after: Some(wait), ..Self::new(ErrorKind::RateLimited, detail) },
            Error::Capacity(_) => Self::new(ErrorKind::Unavailable, detail),
            Error::Unavailable { source, .. } => {
                tracing::warn!(error = error_chain(&*source), "a dependency does not answer");
                Self { retry_after: Some(Duration::from_secs(30)), ..Self::new(ErrorKind::Unavailable, detail) }
            }
            Error::Internal(source) => {
                tracing::error!(error = error_chain(&*source), "internal error");
                Self::new(ErrorKind::Internal, detail)
            }
        }
    }
}

impl IntoResponse for HttpError {
    /// An empty response that carries the error; the middleware renders its body.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_not_shown() {
        let error = HttpError::from(Error::internal("password column is missing"));
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!error.detail.contains("column"));
    }

    #[test]
    fn a_rate_limit_says_when_to_retry() {
        let response = HttpError::from(Error::RateLimited(Duration::from_secs(42))).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "42");
    }

    #[test]
    fn bare_statuses_become_errors() {
        assert_eq!(HttpError::from_status(StatusCode::FORBIDDEN).kind, ErrorKind::Forbidden);
        assert_eq!(HttpError::from_status(StatusCode::NOT_FOUND).kind, ErrorKind::NotFound);
        assert_eq!(HttpError::from_status(StatusCode::URI_TOO_LONG).kind, ErrorKind::BadRequest);
        assert_eq!(HttpError::from_status(StatusCode::BAD_GATEWAY).kind, ErrorKind::Internal);
    }
}
