//! Building images.

use std::{collections::BTreeMap, fmt, time::Duration};

use stoa_model::{
    image::{ImageId, ImageRef},
    limits::Limits,
};

use super::InputStream;

/// An image to build.
pub struct Build {
    /// The build context as a tar archive.
    pub context: InputStream,
    /// Path of the Dockerfile inside the context.
    pub dockerfile: String,
    /// The reference that the finished image gets.
    pub tag: ImageRef,
    /// Build arguments by name.
    pub args: BTreeMap<String, String>,
    /// What each step of the build may use. An engine enforces memory and processor time at least.
    pub limits: Limits,
    /// The build is cancelled after this time.
    pub timeout: Duration,
}

impl fmt::Debug for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Build").field("tag", &self.tag).field("dockerfile", &self.dockerfile).finish_non_exhaustive()
    }
}

/// What happened in a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildEvent {
    /// A line of output, without its newline.
    Log(String),
    /// The image is finished; the last event.
    Built(ImageId),
}
