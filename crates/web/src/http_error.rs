//! Every answer that is not what was asked for.
//!
//! A handler only says *what* is wrong; [`crate::middleware::faults`] decides *how* it looks: a
//! page for people, problem details (RFC 9457) under `/api`. So no handler can send HTML to a
//! program, and each answer carries the request id. The table of kind → status is
//! [`Fault::status`], and there is no other.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use stoa_control::Error;
use stoa_model::field::Invalid;

/// What is wrong, in the words of the service layer and of HTTP.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its kind.
    pub kind: Kind,
    /// A sentence for the person who asked.
    pub detail: String,
    /// Refused fields.
    pub fields: Vec<Invalid>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $status:ident, $slug:literal, $title:literal, $advice:literal;)*) => {
        /// The closed list of kinds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The HTTP status.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status),* }
            }

            /// The word that ends the problem's type address.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$kind => $slug),* }
            }

            /// Heading for people, title for programs.
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
    /// The request itself can't be read.
    BadRequest = BAD_REQUEST, "bad-request", "We could not read this request",
        "Go back and try once more.";
    /// Nobody is logged in.
    Unauthenticated = UNAUTHORIZED, "unauthenticated", "Please log in",
        "Log in and try again.";
    /// Not with this role.
    Forbidden = FORBIDDEN, "forbidden", "This is not open to you",
        "If you think it should be, ask the person who runs this platform.";
    /// The form did not come from our page, or the page was too old.
    ForeignForm = FORBIDDEN, "foreign-form", "This form has expired",
        "For your safety we did not carry it out. Go back, reload the page and send it once more.";
    /// No such thing.
    NotFound = NOT_FOUND, "not-found", "There is nothing here",
        "The address may be mistyped, or the thing has been deleted.";
    /// Not with this method.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "That is not how this page is used",
        "Go back to the page you came from and use its buttons.";
    /// Took too long.
    Timeout = GATEWAY_TIMEOUT, "timeout", "This takes too long",
        "What you asked for may still be carried out. Look at the page again in a moment.";
    /// The thing is in another state.
    Conflict = CONFLICT, "conflict", "This is not possible right now",
        "Look at the current state and try again.";
    /// More than we take.
    TooLarge = PAYLOAD_TOO_LARGE, "too-large", "That is too much at once",
        "A form may hold up to 1 MB. Shorten the text and send it again.";
    /// Not a format that we read.
    MediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "We can't read this format",
        "Send JSON with the header Content-Type: application/json.";
    /// Fields to mend.
    Invalid = UNPROCESSABLE_ENTITY, "invalid", "Something needs mending",
        "Go back, mend what is named here, and send it again.";
    /// Too many tries.
    RateLimited = TOO_MANY_REQUESTS, "rate-limited", "One moment, please",
        "There were too many attempts in a short time. Wait, then try again.";
    /// A defect.
    Internal = INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side",
        "We have noted it. Please try again; if it happens once more, tell us the number below.";
    /// Something needed does not answer, or there is no room.
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "This is not available at the moment",
        "Please try again in a few minutes.";
}

impl Fault {
    /// A fault of `kind` with its own words.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), fields: Vec::new(), retry_after: None }
    }

    /// There is no such thing within reach.
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("There is no such {what}."))
    }

    /// Nobody is logged in.
    pub fn unauthenticated() -> Self {
        Self::new(Kind::Unauthenticated, "Please log in.")
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// What a plain response without our words means; the router and its layers make such.
    pub fn of_status(status: StatusCode) -> Self {
        let kind = Kind::ALL.iter().copied().find(|k| k.status() == status && *k != Kind::ForeignForm);
        match kind {
            Some(Kind::NotFound) => Self::new(Kind::NotFound, "There is nothing at this address."),
            Some(kind) => Self::new(kind, kind.advice()),
            None if status.is_server_error() => Self::new(Kind::Internal, Kind::Internal.advice()),
            None => Self::new(Kind::BadRequest, "The request can't be read."),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Invalid(fields) => Self { fields, ..Self::new(Kind::Invalid, detail) },
            Error::Unauthenticated(_) => Self::new(Kind::Unauthenticated, detail),
            Error::Forbidden(_) => Self::new(Kind::Forbidden, detail),
            Error::NotFound(_) => Self::new(Kind::NotFound, detail),
            Error::Conflict(_) => Self::new(Kind::Conflict, detail),
            Error::RateLimited(wait) => Self { retry_after: Some(wait), ..Self::new(Kind::RateLimited, detail) },
            Error::Capacity(_) => Self::new(Kind::Unavailable, detail),
            Error::Unavailable { source, .. } => {
                tracing::warn!(error = chain(&*source), "a part of the platform does not answer");
                Self { retry_after: Some(Duration::from_secs(30)), ..Self::new(Kind::Unavailable, detail) }
            }
            Error::Internal(source) => {
                tracing::error!(error = chain(&*source), "internal error");
                Self::new(Kind::Internal, detail)
            }
        }
    }
}

/// The whole chain of causes in one line, for the log.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl IntoResponse for Fault {
    /// An empty response that carries the fault; the middleware gives it a body.
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
    fn causes_never_reach_the_person() {
        let fault = Fault::from(Error::internal("password column is missing"));
        assert_eq!(fault.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!fault.detail.contains("column"));
    }

    #[test]
    fn a_limit_says_when_to_come_back() {
        let response = Fault::from(Error::RateLimited(Duration::from_secs(42))).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "42");
    }

    #[test]
    fn plain_statuses_get_words() {
        assert_eq!(Fault::of_status(StatusCode::FORBIDDEN).kind, Kind::Forbidden);
        assert_eq!(Fault::of_status(StatusCode::NOT_FOUND).kind, Kind::NotFound);
        assert_eq!(Fault::of_status(StatusCode::URI_TOO_LONG).kind, Kind::BadRequest);
        assert_eq!(Fault::of_status(StatusCode::BAD_GATEWAY).kind, Kind::Internal);
    }
}
