//! Why an exchange with an upstream failed.

use std::io;

/// Why an exchange with an upstream failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("too many connections to upstreams are in use")]
    Busy,
    #[error("connecting to the upstream: {0}")]
    Connect(io::Error),
    #[error("the upstream closed a connection that had been idle")]
    Stale,
    #[error("the upstream closed the connection in the middle of an exchange")]
    Closed,
    #[error("talking to the upstream: {0}")]
    Io(io::Error),
    #[error("the upstream's response is malformed: {0}")]
    Malformed(&'static str),
    #[error("the upstream did not answer in time")]
    Timeout,
    #[error("the request's body exceeds the limit of {0} bytes")]
    TooLarge(u64),
    #[error("the client broke off its request's body")]
    ClientLeft,
}
