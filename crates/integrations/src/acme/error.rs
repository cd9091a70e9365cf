//! Why there is no certificate, by what the caller has to do about it.

use std::{fmt, time::Duration};

use stoa_model::host::Hostname;

/// Why a call to the CA failed. `detail` is for the operator and may quote the CA;
/// [`AcmeError::customer_text`] is for the customer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcmeError {
    /// No response, a broken connection, or a server error (5xx). The call may or may not have had an
    /// effect; repeating it is safe.
    #[error("{detail}; if this lasts, check the connection to the certificate authority and its status page")]
    Unreachable {
        /// What was being done, and what happened.
        detail: String,
    },
    /// A response that is not ACME: a wrong directory URL, or a proxy or login page in between.
    #[error("{detail}; check that the directory URL is the one that the certificate authority publishes")]
    Garbage {
        /// What was being done, and what the response was.
        detail: String,
    },
    /// The CA demands fewer requests (RFC 8555 6.6).
    #[error("rate limit: {detail}; {}", match retry_after {
        Some(wait) => format!("not before {} seconds from now", wait.as_secs()),
        None => "wait an hour or more before the next attempt".into(),
    })]
    RateLimited {
        /// How long to wait, if the CA said so; at most 7 days.
        retry_after: Option<Duration>,
        /// What was being done, and which limit it is.
        detail: String,
    },
    /// The CA refuses a certificate for a name. The order is lost; once the cause is fixed, a new order
    /// is needed.
    #[error("refused{}, {kind}: {detail}", name.as_ref().map(|name| format!(" for {name}")).unwrap_or_default())]
    Refused {
        /// The name, if the CA said which.
        name: Option<Hostname>,
        /// The CA's reason.
        kind: ProblemKind,
        /// What was being done, and the CA's explanation.
        detail: String,
    },
    /// The account can't be used; only the operator can fix it. Except where the CA no longer knows the
    /// account: drop this [`super::Acme`], and the next [`super::Acme::open`] registers another.
    #[error("{detail}; check the ACME settings: terms, contact, external account, roots")]
    Account {
        /// What was being done, and what is wrong.
        detail: String,
    },
    /// The order is over: expired, or for another key. Place a new one with [`super::Acme::order`].
    #[error("{detail}; a new order is needed")]
    Gone {
        /// What was being done, and what the CA said.
        detail: String,
    },
}

/// The CA's reason for a refusal (RFC 8555 6.7).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The name could not be resolved.
    Dns,
    /// The name's server could not be reached.
    Connection,
    /// The name's server gave another answer than ours, or does not know the name.
    Unauthorized,
    /// The domain's CAA records forbid this CA (RFC 8659).
    Caa,
    /// The name's server broke the TLS connection.
    Tls,
    /// The CA issues no certificates for such a name.
    RejectedIdentifier,
    /// The answer was there, but wrong.
    IncorrectResponse,
    /// Any other kind, as the CA names it, without the common prefix.
    Other(String),
}

impl ProblemKind {
    /// The prefix of all problem types of ACME.
    pub(super) const PREFIX: &str = "urn:ietf:params:acme:error:";

    /// The kind with this name, which is a problem type without the prefix.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "dns" => Self::Dns,
            "connection" => Self::Connection,
            "unauthorized" => Self::Unauthorized,
            "caa" => Self::Caa,
            "tls" => Self::Tls,
            "rejectedIdentifier" => Self::RejectedIdentifier,
            "incorrectResponse" => Self::IncorrectResponse,
            other => Self::Other(other.chars().filter(|c| !c.is_control()).take(60).collect()),
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "dns",
            Self::Connection => "connection",
            Self::Unauthorized => "unauthorized",
            Self::Caa => "caa",
            Self::Tls => "tls",
            Self::RejectedIdentifier => "rejectedIdentifier",
            Self::IncorrectResponse => "incorrectResponse",
            Self::Other(name) => name,
        })
    }
}

impl AcmeError {
    pub(super) fn unreachable(detail: impl Into<String>) -> Self {
        Self::Unreachable { detail: detail.into() }
    }

    pub(super) fn garbage(detail: impl Into<String>) -> Self {
        Self::Garbage { detail: detail.into() }
    }

    pub(super) fn gone(detail: impl Into<String>) -> Self {
        Self::Gone { detail: detail.into() }
    }

    /// Something on our side that only the operator can fix.
    pub(super) fn local(detail: impl Into<String>) -> Self {
        Self::Account { detail: detail.into() }
    }

    /// Whether the same call may work later without anybody doing anything.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Garbage { .. } | Self::RateLimited { .. })
    }

    /// For the operator: what was being done, and what went wrong.
    pub fn detail(&self) -> &str {
        match self {
            Self::Unreachable { detail }
            | Self::Garbage { detail }
            | Self::RateLimited { detail, .. }
            | Self::Refused { detail, .. }
            | Self::Account { detail }
            | Self::Gone { detail } => detail,
        }
    }

    /// Puts what was being done before the detail.
    pub(super) fn during(mut self, doing: &str) -> Self {
        match &mut self {
            Self::Unreachable { detail }
            | Self::Garbage { detail }
            | Self::RateLimited { detail, .. }
            | Self::Refused { detail, .. }
            | Self::Account { detail }
            | Self::Gone { detail } => detail.insert_str(0, &format!("{doing}: ")),
        }
        self
    }
}
