//! Why an engine did not do what it was asked.

use stoa_model::stack::VolumeName;

/// Why an engine did not do what it was asked. Messages name the thing and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine can't be reached or is overloaded; trying again later makes sense.
    #[error("the container engine does not answer while {doing}: {reason}")]
    Unavailable {
        /// What was being done, to what.
        doing: String,
        /// What the engine or the system said.
        reason: String,
    },
    /// An image is not on the engine.
    #[error("the image {image} is not on the engine: build it with `make images` or pull it")]
    ImageMissing {
        /// Its reference, and the content it is pinned to.
        image: String,
    },
    /// A volume that holds the site's data is gone. Nothing was created.
    #[error(
        "the volume {volume} is missing, but holds the site's data: restore it from a backup before deploying; \
         nothing was created"
    )]
    DataMissing {
        /// Which volume.
        volume: VolumeName,
    },
    /// Something else on the engine uses the site's lease, for example its addresses.
    #[error("{lease} is in use by something else on the engine: {reason}")]
    LeaseInUse {
        /// What the lease stands for.
        lease: String,
        /// What the engine said.
        reason: String,
    },
    /// No room on the engine's disk.
    #[error("the engine's disk is full while {doing}: {reason}")]
    DiskFull {
        /// What was being done, to what.
        doing: String,
        /// What the engine said.
        reason: String,
    },
    /// The service, volume or other object does not exist.
    #[error("{what} does not exist")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// It took longer than the caller allowed.
    #[error("{doing} took longer than {seconds} s")]
    Timeout {
        /// What was being done, to what.
        doing: String,
        /// The allowed time.
        seconds: u64,
    },
    /// The engine refused; trying the same again will not help.
    #[error("the engine refused {doing}: {reason}")]
    Refused {
        /// What was being done, to what.
        doing: String,
        /// What the engine said.
        reason: String,
    },
    /// The engine lacks the capability.
    #[error("the engine {engine} can't {what}")]
    Unsupported {
        /// The engine's name.
        engine: String,
        /// What was asked, as a verb with its object.
        what: &'static str,
    },
}

impl EngineError {
    /// Whether the same call may succeed later with nothing else changed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Timeout { .. })
    }
}
