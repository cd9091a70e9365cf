//! Docker's answers as [`EngineError`] kinds.
//!
//! Docker has few status codes and gives most reasons only in prose, so the prose is matched. What is
//! not recognized is *refused*: retrying something unknown could loop forever, while a person sees a
//! refusal.

use std::{fmt, time::Duration};

use bollard::errors::Error;
use stoa_provider::engine::EngineError;

use stoa_util::error_chain;

use crate::subnet::Subnet;

/// What is being done to which object: every call to Docker has one, for its error.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    verb: &'static str,
    thing: String,
}

impl Act {
    pub(crate) fn new(verb: &'static str, thing: impl Into<String>) -> Self {
        Self { verb, thing: thing.into() }
    }

    /// Maps an error of Docker or of the connection to it.
    pub(crate) fn failed(&self, error: Error) -> EngineError {
        match error {
            Error::DockerResponseServerError { status_code, message } => self.answered(status_code, message),
            // An error in the middle of a stream has no status.
            Error::DockerStreamError { error } => self.answered(500, error),
            Error::RequestTimeoutError
            | Error::SocketNotFoundError(_)
            | Error::IOError { .. }
            | Error::HyperResponseError { .. }
            | Error::HyperLegacyError { .. } => self.unavailable(error_chain(&error)),
            other => self.refused(format!("its answer could not be understood: {}", error_chain(&other))),
        }
    }

    /// The same for the creation of a network, where one refusal has a kind of its own.
    pub(crate) fn network_failed(&self, subnet: Subnet, error: Error) -> EngineError {
        match error {
            Error::DockerResponseServerError { message, .. } if overlaps(&message) => {
                EngineError::LeaseInUse { lease: format!("the subnet {subnet}"), reason: message }
            }
            other => self.failed(other),
        }
    }

    pub(crate) fn timed_out(&self, after: Duration) -> EngineError {
        EngineError::Timeout { doing: self.to_string(), seconds: after.as_secs_f64().ceil() as u64 }
    }

    pub(crate) fn unavailable(&self, reason: impl Into<String>) -> EngineError {
        EngineError::Unavailable { doing: self.to_string(), reason: reason.into() }
    }

    pub(crate) fn refused(&self, reason: impl Into<String>) -> EngineError {
        EngineError::Refused { doing: self.to_string(), reason: reason.into() }
    }

    pub(crate) fn not_found(&self) -> EngineError {
        EngineError::NotFound { what: self.thing.clone() }
    }

    fn answered(&self, status: u16, message: String) -> EngineError {
        if message.contains("no space left on device") {
            return EngineError::DiskFull { doing: self.to_string(), reason: message };
        }
        match status {
            404 => match message.split_once("No such image: ") {
                Some((_, image)) => EngineError::ImageMissing { image: image.trim().to_owned() },
                None => self.not_found(),
            },
            429 | 502..=504 => self.unavailable(message),
            409 | 500 if passing(&message) => self.unavailable(message),
            _ => self.refused(message),
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.thing)
    }
}

/// Whether Docker answered with this status and a message that contains `words`.
pub(crate) fn answered_with(error: &Error, status: u16, words: &str) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code, message }
        if *status_code == status && message.contains(words))
}

/// Whether a container can't be started because Docker or containerd holds on to a former run of it, as after a restart
/// of theirs (moby issues 36145, 37584, 38346, 50040).
pub(crate) fn is_stale_task(error: &Error) -> bool {
    let Error::DockerResponseServerError { status_code: 409 | 500, message } = error else { return false };
    let of_a_run = ["task ", "container ", "container\"", "id ", "shim"].iter().any(|thing| message.contains(thing));
    let exists = ["already exists", "already in use", "with id exists", "file exists"];
    of_a_run && exists.iter().any(|words| message.contains(words)) && !message.contains("name \"")
}

fn overlaps(message: &str) -> bool {
    message.contains("Pool overlaps with other one") || message.contains("networks have overlapping IPv4")
}

/// Whether the message is that of a Docker that is going down, or of an object that is being removed.
fn passing(message: &str) -> bool {
    [
        "shutting down",
        "context canceled",
        "context deadline exceeded",
        "connection refused",
        "transport is closing",
        "marked for removal",
        "is already in progress",
        // Of a container that is gone; Docker forgets it as it starts.
        "already exists in network",
        // containerd is being restarted.
        "ttrpc: closed",
        "error while dialing",
        "the client connection is closing",
        "unexpected EOF",
        "containerd.sock",
    ]
    .iter()
    .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status_code: u16, message: &str) -> EngineError {
        Act::new("making", "the network n").network_failed(
            "10.0.0.0/28".parse().unwrap(),
            Error::DockerResponseServerError { status_code, message: message.into() },
        )
    }

    #[test]
    fn dockers_prose_becomes_kinds() {
        use EngineError as E;
        assert!(matches!(answer(404, "No such image: a/b:1"), E::ImageMissing { image } if image == "a/b:1"));
        assert!(matches!(answer(404, "No such container: x"), E::NotFound { what } if what == "the network n"));
        assert!(matches!(answer(403, "Pool overlaps with other one on this address space"), E::LeaseInUse { .. }));
        assert!(matches!(answer(500, "write /x: no space left on device"), E::DiskFull { .. }));
        assert!(matches!(answer(500, "the daemon is shutting down"), E::Unavailable { .. }));
        assert!(matches!(answer(503, "later"), E::Unavailable { .. }));
        assert!(matches!(answer(409, "container is marked for removal and cannot be started"), E::Unavailable { .. }));
        assert!(matches!(answer(500, "OCI runtime create failed"), E::Refused { .. }));
        assert!(matches!(answer(400, "bad"), E::Refused { doing, .. } if doing == "making the network n"));
    }

    #[test]
    fn a_former_run_is_told_from_another_container() {
        let is_stale = |status_code, message: &str| {
            is_stale_task(&Error::DockerResponseServerError { status_code, message: message.into() })
        };
        let id = "5bf397a0ede7bb0eff9b3ca6";
        for message in [
            format!("task {id}: already exists"),
            format!("failed to create task for container: task {id}: already exists"),
            format!("container \"{id}\": already exists"),
            format!("id already in use: {id}"),
            format!("OCI runtime create failed: container with id exists: {id}: unknown"),
            format!(
                "failed to create task for container: failed to start shim: mkdir /run/containerd/{id}: file exists"
            ),
        ] {
            assert!(is_stale(500, &message), "{message}");
        }
        let taken = format!("Conflict. The container name \"/a\" is already in use by container \"{id}\".");
        assert!(!is_stale(409, &taken));
        assert!(!is_stale(500, "endpoint with name a already exists in network b"));
        assert!(!is_stale(500, "OCI runtime create failed: exec: \"x\": no such file"));
    }

    #[test]
    fn a_lost_connection_is_unavailable() {
        let io = Error::IOError { err: std::io::ErrorKind::ConnectionReset.into() };
        let error = Act::new("listing", "containers").failed(io);
        assert!(error.is_transient(), "{error}");
    }
}
