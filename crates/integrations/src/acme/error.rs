//! Why no certificate came, in kinds that the caller acts on differently.

use std::{fmt, time::Duration};

use stoa_model::host::Hostname;

/// Why a call to the CA failed. The `detail` is for the operator: it may quote the CA.
/// [`AcmeError::words`] has the sentences for the customer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcmeError {
    /// No answer, a broken connection, or a CA in trouble (5xx). Whether the call had an effect is
    /// not known; repeating it is safe.
    #[error("{detail}; check the way to the certificate authority and its status page if this lasts")]
    Unreachable {
        /// What was being done, and what happened.
        detail: String,
    },
    /// An answer that is not ACME: a wrong directory URL, a proxy or a login page in between.
    #[error("{detail}; check that the directory URL is the one that the certificate authority publishes")]
    Garbage {
        /// What was being done, and what came.
        detail: String,
    },
    /// The CA wants fewer requests (RFC 8555 6.6).
    #[error("rate limit: {detail}; {}", match retry_after {
        Some(wait) => format!("not before {} seconds from now", wait.as_secs()),
        None => "wait an hour or more before the next attempt".into(),
    })]
    RateLimited {
        /// Not before this time from now, if the CA said it; at most 7 days.
        retry_after: Option<Duration>,
        /// What was being done, and which limit it is.
        detail: String,
    },
    /// The CA won't give a certificate for a name. The order is lost; after the cause is mended a
    /// new one is needed.
    #[error("refused{}, {kind}: {detail}", name.as_ref().map(|name| format!(" for {name}")).unwrap_or_default())]
    Refused {
        /// Which name, if the CA said it.
        name: Option<Hostname>,
        /// The CA's reason.
        kind: ProblemKind,
        /// What was being done, and the CA's explanation.
        detail: String,
    },
    /// The account can't be used; only the operator can mend it. But a CA that merely forgot the
    /// account takes another: drop this [`super::Acme`], and the next [`super::Acme::open`] registers it.
    #[error("{detail}; look at the ACME settings: terms, contact, external account, roots")]
    Account {
        /// What was being done, and what is wrong.
        detail: String,
    },
    /// The order is over: expired, or for another key. Begin anew with [`super::Acme::order`].
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
    /// The name's server gave another answer than ours, or none of that name.
    Unauthorized,
    /// The domain's CAA records forbid this CA (RFC 8659).
    Caa,
    /// The name's server broke the TLS connection.
    Tls,
    /// The CA gives no certificates for such a name.
    RejectedIdentifier,
    /// The answer was there, but wrong.
    IncorrectResponse,
    /// Any other, as the CA names it, without the common prefix.
    Other(String),
}

impl ProblemKind {
    /// What all problem types of ACME begin with.
    pub(super) const PREFIX: &str = "urn:ietf:params:acme:error:";

    /// Reads the last part of a problem's type.
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

    /// Something on our side that only the operator can mend.
    pub(super) fn local(detail: impl Into<String>) -> Self {
        Self::Account { detail: detail.into() }
    }

    /// Whether the same call may work later with nobody doing anything.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Garbage { .. } | Self::RateLimited { .. })
    }

    /// For the operator: what was being done, and what the CA or the network said.
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

    /// Adds what was being done.
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
