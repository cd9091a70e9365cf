//! A stack: a blueprint rendered for one site, the full desired state on an engine.
//!
//! Invariants:
//! - Every field is typed and final. An engine passes the values on as they are; nothing in a stack
//!   is a template, a command line for a shell or text to be parsed again.
//! - A stack says *what* runs, never *where*: addresses, networks and object names are the engine's
//!   and live in its [`Placement`](crate::placement::Placement).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    time::Duration,
};

use crate::{
    id::SiteId,
    image::{ImageId, ImageRef},
    limits::{Bytes, Limits},
};

/// The name that ties all parts of a stack together on the engine; also Compose's project name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ProjectName(String);

impl ProjectName {
    /// The project of a site: readable for a person at the machine, and unique even when a deleted
    /// site's subdomain is used again.
    pub fn of(site: SiteId, label: &str) -> Self {
        let label: String =
            label.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-').take(40).collect();
        let hex = site.uuid().simple().to_string();
        Self(format!("stoa-{label}-{}", &hex[hex.len() - 10..]))
    }

    /// A project name that was stored or read from an engine's label.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The full desired state of one site on an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Ties the parts together.
    pub project: ProjectName,
    /// The site that the stack belongs to.
    pub site: SiteId,
    /// The site's directory, where the engine's manifests are written.
    pub directory: PathBuf,
    /// Named volumes, by their name in the blueprint.
    pub volumes: Vec<VolumeName>,
    /// What runs, in the blueprint's order.
    pub services: Vec<Service>,
}

impl Stack {
    /// The service with this name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|s| s.name.0 == name)
    }

    /// The services in the order of their starts: each group depends on none but those before it.
    pub fn start_order(&self) -> Vec<Vec<&Service>> {
        let (mut groups, mut left): (Vec<Vec<&Service>>, Vec<&Service>) = (Vec::new(), self.services.iter().collect());
        while !left.is_empty() {
            let waits = |service: &Service| {
                service.depends_on.iter().any(|dependency| left.iter().any(|other| other.name == dependency.service))
            };
            let (waiting, group): (Vec<&Service>, Vec<&Service>) = left.iter().partition(|service| waits(service));
            // A blueprint has no circles; a stack that has one starts all the same.
            let (group, waiting) = if group.is_empty() { (waiting, Vec::new()) } else { (group, waiting) };
            groups.push(group);
            left = waiting;
        }
        groups
    }

    /// The volumes, each once, including those that only a mount names: an engine may create such a
    /// volume without labels, and then nothing finds it again.
    pub fn volume_names(&self) -> BTreeSet<&VolumeName> {
        let mounted = self.services.iter().flat_map(|s| &s.mounts).map(|m| &m.volume);
        self.volumes.iter().chain(mounted).collect()
    }
}

/// A service's name in its blueprint: `[a-z0-9][a-z0-9_-]*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ServiceName(pub String);

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A volume's name in its blueprint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct VolumeName(pub String);

impl fmt::Display for VolumeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a deployment replaces a service whose configuration has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplaceStrategy {
    /// Stop the old instance, then start the new one: two never write to one volume.
    #[default]
    Recreate,
    /// Start the new instance beside the old one, which stays until the old revision is retired.
    /// Only for services without volume mounts.
    StartFirst,
}

/// A service that another one waits for before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Which one.
    pub service: ServiceName,
    /// What must hold for it.
    pub condition: Condition,
}

impl Dependency {
    /// A service that must have been started.
    pub const fn started(service: ServiceName) -> Self {
        Self { service, condition: Condition::Started }
    }
}

/// What must hold for a service before those that depend on it start; named as in Compose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// `service_started`.
    Started,
    /// `service_healthy`: its health check passes.
    Healthy,
    /// `service_completed_successfully`: its program has ended with code 0.
    Completed,
}

impl Condition {
    /// Its name in a Compose file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "service_started",
            Self::Healthy => "service_healthy",
            Self::Completed => "service_completed_successfully",
        }
    }

    /// The condition of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Started, Self::Healthy, Self::Completed].into_iter().find(|condition| condition.as_str() == name)
    }
}

/// One service: one instance, or two while a new revision takes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Name inside the stack, and its hostname on the stack's network.
    pub name: ServiceName,
    /// The image's readable reference.
    pub image: ImageRef,
    /// The content that the image is pinned to; `None` runs whatever the reference points to.
    pub image_id: Option<ImageId>,
    /// Replaces the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's command; an argument list, never a shell line.
    pub command: Option<Vec<String>>,
    /// Environment variables by name.
    pub environment: BTreeMap<String, EnvValue>,
    /// Named volumes and where they are mounted.
    pub mounts: Vec<Mount>,
    /// Memory-backed directories.
    pub tmpfs: Vec<Tmpfs>,
    /// Hard limits.
    pub limits: Limits,
    /// `user[:group]` to run as, instead of the image's.
    pub user: Option<String>,
    /// Capabilities kept; all others are dropped.
    pub cap_add: Vec<String>,
    /// Whether the root file system can't be written.
    pub read_only: bool,
    /// The engine's own health check.
    pub health: Option<Health>,
    /// Time between SIGTERM and SIGKILL.
    pub stop_grace: Duration,
    /// What must hold before this one starts.
    pub depends_on: Vec<Dependency>,
    /// Whether it ends by design, as a migration does: others wait for its end, and it is not started again.
    pub runs_once: bool,
    /// How a changed configuration replaces the running instance.
    pub replace: ReplaceStrategy,
}

/// An environment variable's value. It may be secret, so `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvValue(pub String);

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A volume in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Which volume of the stack.
    pub volume: VolumeName,
    /// Absolute path inside the container.
    pub path: String,
    /// Whether the container can only read it.
    pub read_only: bool,
}

/// A memory-backed directory in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tmpfs {
    /// Absolute path inside the container.
    pub path: String,
    /// Largest size; counts as the container's memory.
    pub size: Bytes,
    /// Unix mode of the directory.
    pub mode: u32,
}

/// A health check that the engine runs inside the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Compose's form: `["CMD", …]` or `["CMD-SHELL", line]` as the blueprint's author wrote it.
    pub test: Vec<String>,
    /// Between two checks.
    pub interval: Duration,
    /// For one check.
    pub timeout: Duration,
    /// Failures in a row until unhealthy.
    pub retries: u32,
    /// Failures during this time after the start don't count.
    pub start_period: Duration,
}
