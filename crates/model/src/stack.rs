//! A stack: a blueprint rendered for one site, the full desired state on an engine.
//!
//! Every field is typed and final. An engine passes the values on as they are; nothing in a stack
//! is a template, a command line for a shell or text to be parsed again.

use std::{collections::BTreeMap, fmt, net::Ipv4Addr, path::PathBuf, time::Duration};

use crate::{
    id::SiteId,
    image::ImageRef,
    limits::{Bytes, Limits},
    net::Subnet,
};

/// The name that ties all parts of a stack together on the engine; also Compose's project name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ProjectName(String);

impl ProjectName {
    /// The project of a site: readable for a person at the machine, and unique even when an address
    /// is used again after a deletion.
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
    /// Whose stack it is.
    pub site: SiteId,
    /// The site's directory; the rendered Compose file lies in it as `compose.yaml`.
    pub directory: PathBuf,
    /// The site's private network.
    pub subnet: Subnet,
    /// Named volumes, by their name in the blueprint.
    pub volumes: Vec<VolumeName>,
    /// What runs, in the blueprint's order.
    pub services: Vec<Service>,
}

impl Stack {
    /// The engine's name of a volume, as Compose would name it.
    pub fn engine_volume(&self, volume: &VolumeName) -> String {
        format!("{}_{}", self.project, volume.0)
    }

    /// The engine's name of the network, as Compose would name it.
    pub fn engine_network(&self) -> String {
        format!("{}_default", self.project)
    }

    /// The engine's name of a service's container, as Compose would name it.
    pub fn engine_container(&self, service: &Service) -> String {
        format!("{}-{}-1", self.project, service.name)
    }

    /// The service with this name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|s| s.name.0 == name)
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

/// One service: exactly one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Name inside the stack, and its hostname on the stack's network.
    pub name: ServiceName,
    /// What it runs.
    pub image: ImageRef,
    /// Replaces the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's command; an argument list, never a shell line.
    pub command: Option<Vec<String>>,
    /// Environment; values may be secret and don't print.
    pub environment: BTreeMap<String, EnvValue>,
    /// Its fixed address in the stack's subnet.
    pub address: Ipv4Addr,
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
    /// Services that `docker compose` should start before this one.
    pub depends_on: Vec<ServiceName>,
}

/// A value of the environment that may be secret: it doesn't print.
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
    /// Failures in the first so long don't count.
    pub start_period: Duration,
}
