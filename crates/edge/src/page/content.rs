//! The text of each page. It says what is the case and what the reader can do; it never says why a
//! customer's site is suspended, or what runs behind it.

use http::StatusCode;
use stoa_model::route::Notice;

use crate::{host::BadHost, limits::Refusal};

/// Why the edge answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    BadHost(BadHost),
    UnknownHost,
    /// `CONNECT`: the edge is not a forward proxy.
    NoTunnels,
    /// A request-target whose form the method does not allow.
    BadTarget,
    /// A transfer coding other than one `chunked`.
    BadCoding,
    /// More header fields than the edge accepts.
    TooManyFields,
    /// A larger head than the edge accepts.
    HeadTooLarge,
    /// A longer request-target than the edge accepts.
    TargetTooLong,
    /// Not HTTP.
    Malformed,
    /// The name is not this connection's: its certificate is for another (RFC 9110 15.5.20).
    Misdirected,
    TooLarge,
    BadBody,
    Unreachable,
    TimedOut,
    /// More than the site's limits allow.
    Refused(Refusal),
    Notice(Notice),
}

/// The text of a page.
pub(super) struct PageText {
    pub(super) status: StatusCode,
    /// A stable code for programs.
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    /// One or two sentences that say what to do next.
    pub(super) detail: &'static str,
    /// When to try again, in seconds; `None` if that is unknown.
    pub(super) retry_after: Option<u32>,
}

impl Page {
    /// All of them.
    pub(super) const ALL: [Self; 24] = [
        Self::BadHost(BadHost::Missing),
        Self::BadHost(BadHost::Several),
        Self::BadHost(BadHost::Contradictory),
        Self::BadHost(BadHost::Malformed),
        Self::UnknownHost,
        Self::NoTunnels,
        Self::BadTarget,
        Self::BadCoding,
        Self::TooManyFields,
        Self::HeadTooLarge,
        Self::TargetTooLong,
        Self::Malformed,
        Self::Misdirected,
        Self::TooLarge,
        Self::BadBody,
        Self::Unreachable,
        Self::TimedOut,
        Self::Refused(Refusal::Rate),
        Self::Refused(Refusal::Busy),
        Self::Notice(Notice::Starting),
        Self::Notice(Notice::Stopped),
        Self::Notice(Notice::Suspended),
        Self::Notice(Notice::Maintenance),
        Self::Notice(Notice::OverQuota),
    ];

    pub(super) fn text(self) -> PageText {
        let (status, code, title, detail) = match self {
            Self::Notice(notice) => notice_text(notice),
            Self::BadHost(why) => (StatusCode::BAD_REQUEST, "bad_host", "Bad request", why.explain()),
            Self::UnknownHost => (
                StatusCode::NOT_FOUND,
                "unknown_host",
                "This site doesn't exist",
                "There is no site at this address. Check the spelling, or ask whoever gave it to you. If it is yours, sign in to your account and add it to your site.",
            ),
            Self::NoTunnels => (
                StatusCode::METHOD_NOT_ALLOWED,
                "no_tunnels",
                "Method not allowed",
                "This server does not open tunnels to other hosts.",
            ),
            Self::BadTarget => (
                StatusCode::BAD_REQUEST,
                "bad_target",
                "Bad request",
                "The request's address has a form that its method does not allow.",
            ),
            Self::BadCoding => (
                StatusCode::NOT_IMPLEMENTED,
                "bad_coding",
                "Not supported",
                "This server understands no transfer coding but a single chunked.",
            ),
            Self::TooManyFields => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "too_many_fields",
                "Too many headers",
                "The request has more header fields than this server takes. Delete this site's cookies and try again.",
            ),
            Self::HeadTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "head_too_large",
                "Headers too large",
                "The browser sent more cookies or other headers than this server takes. Delete this site's cookies and try again.",
            ),
            Self::TargetTooLong => (
                StatusCode::URI_TOO_LONG,
                "target_too_long",
                "Address too long",
                "The address of this page is longer than this server takes. Shorten it, or go back and try again.",
            ),
            Self::Malformed => (
                StatusCode::BAD_REQUEST,
                "malformed",
                "Bad request",
                "This server did not understand the request, as it is not valid HTTP. Reload the page, or try another browser.",
            ),
            Self::Misdirected => (
                StatusCode::MISDIRECTED_REQUEST,
                "misdirected",
                "Wrong connection",
                "This site is not served over this connection. Reload the page, or open it in a new window.",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "Too large",
                "The upload is larger than this site accepts now. Try a smaller file. If small ones fail too, the storage of this site is full.",
            ),
            Self::BadBody => (
                StatusCode::BAD_REQUEST,
                "bad_body",
                "Bad request",
                "The body of the request ended early or was malformed. Send it again.",
            ),
            Self::Unreachable => (
                StatusCode::BAD_GATEWAY,
                "unreachable",
                "This site isn't responding",
                "We're looking into it. Please try again in a few minutes.",
            ),
            Self::TimedOut => (
                StatusCode::GATEWAY_TIMEOUT,
                "timed_out",
                "This site took too long to respond",
                "Please try again in a few minutes.",
            ),
            Self::Refused(Refusal::Rate) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "This site is very busy",
                "This site is very busy. Try again in a moment.",
            ),
            Self::Refused(Refusal::Busy) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too_busy",
                "Very busy right now",
                "This site is very busy. Try again in a moment.",
            ),
        };
        PageText { status, code, title, detail, retry_after: self.retry_after() }
    }

    /// Whether the request was so ambiguous that what follows on the connection may not be a
    /// request (RFC 9112 6.3 and 11.2).
    pub(crate) fn ends_connection(self) -> bool {
        matches!(self, Self::BadHost(_) | Self::BadTarget | Self::BadCoding | Self::BadBody | Self::NoTunnels)
    }

    pub(crate) fn retry_after(self) -> Option<u32> {
        match self {
            Self::Unreachable => Some(10),
            // Never more, whatever the limits; see `Refusal`.
            Self::Refused(_) => Some(1),
            Self::Notice(Notice::Starting) => Some(2),
            Self::Notice(Notice::Maintenance) => Some(30),
            Self::Notice(Notice::OverQuota) => Some(3600),
            _ => None,
        }
    }
}

/// Status, code, title and detail of a site that does not run.
fn notice_text(notice: Notice) -> (StatusCode, &'static str, &'static str, &'static str) {
    let (code, title, detail) = match notice {
        Notice::Starting => ("starting", "Starting up", "This site is starting. This page will load automatically."),
        Notice::Stopped => ("stopped", "This site is temporarily offline", "Please come back later."),
        Notice::Suspended => {
            ("suspended", "This site is not available", "Is this your site? Log in to your account to see why.")
        }
        Notice::Maintenance => {
            ("maintenance", "Back in a moment", "This site is being maintained. Please try again in a few minutes.")
        }
        Notice::OverQuota => (
            "over_quota",
            "This site has reached its limit",
            "It has used up its traffic for this month. Is this your site? Log in to your account to raise the limit.",
        ),
    };
    (StatusCode::SERVICE_UNAVAILABLE, code, title, detail)
}
