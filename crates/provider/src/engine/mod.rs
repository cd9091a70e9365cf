//! What runs stacks: Docker or Kubernetes. The seam is the *stack*, never the container.
//!
//! [`conformance`] is what every maker must do, [`fake`] a maker in memory for everyone's tests.

pub mod conformance;
pub mod fake;

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use stoa_model::{
    id::{JobId, SiteId},
    image::ImageRef,
    net::Subnet,
    secret::SecretString,
    stack::{ProjectName, ServiceName, Stack},
};

/// A maker of running stacks. All methods are idempotent and may be cancelled at any await: a change
/// that has begun then goes on to its end, and the next change of the project waits for it.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Who answers there, and what it can do.
    async fn describe(&self) -> Result<EngineInfo, EngineError>;

    /// Looks an image up on the engine; `None` if it is not there.
    async fn image(&self, image: &ImageRef) -> Result<Option<ImageInfo>, EngineError>;

    /// Creates what is missing of the stack and starts it: network, volumes and containers side by
    /// side where they don't need one another. Everything new carries `operation` as its label.
    /// What exists already is left as it is, whoever made it. Returns when all containers are
    /// started, not when they are healthy.
    async fn apply(&self, stack: &Stack, operation: JobId) -> Result<(), EngineError>;

    /// What there is of a project now; empty when there is nothing.
    async fn observe(&self, project: &ProjectName) -> Result<Observed, EngineError>;

    /// Everything on the engine that carries this installation's label, by project.
    async fn list(&self) -> Result<Vec<Observed>, EngineError>;

    /// Starts all containers of a project; a project without any is [`EngineError::NotFound`].
    async fn start(&self, project: &ProjectName) -> Result<(), EngineError>;

    /// Stops all containers of a project, gracefully; data stays. Nothing to stop is fine.
    async fn stop(&self, project: &ProjectName) -> Result<(), EngineError>;

    /// Removes containers, network and volumes within `scope`, and nothing else; what is gone
    /// already is fine. After a failure the rest is still tried.
    async fn remove(&self, project: &ProjectName, scope: Scope) -> Result<(), EngineError>;

    /// Runs a program inside a running service and waits for its end. A program that can't be
    /// started answers with code 126 or 127, as in a shell. After the deadline the program may still
    /// run: Docker can't end it.
    async fn exec(&self, project: &ProjectName, service: &ServiceName, exec: Exec) -> Result<ExecOutput, EngineError>;

    /// The last `tail` lines of a service's output, oldest first; of each service, merged by time,
    /// when `None`.
    async fn logs(
        &self,
        project: &ProjectName,
        service: Option<&ServiceName>,
        tail: u32,
    ) -> Result<Vec<LogLine>, EngineError>;

    /// What each running service uses at this moment.
    async fn stats(&self, project: &ProjectName) -> Result<Vec<ServiceStats>, EngineError>;

    /// Changes of this installation's containers as they happen. The stream ends with an error when
    /// the engine goes away; the caller asks again.
    async fn events(&self) -> Result<BoxStream<'static, Result<EngineEvent, EngineError>>, EngineError>;

    /// Waits for the changes that are under way, whoever began them and waits for them no more. A
    /// process calls it before it ends: what the engine goes on making alone, the next process may not
    /// see yet when it looks.
    async fn settled(&self) {}
}

/// What [`Engine::remove`] may remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Only what this operation made. Older things stay, so that no undo can touch older data.
    CreatedBy(JobId),
    /// All of the project, volumes included: the purge after deletion.
    Everything,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct EngineInfo {
    /// `docker` or `kubernetes`.
    pub kind: &'static str,
    /// Its version.
    pub version: String,
    /// Processor cores it can use.
    pub cores: u32,
    /// Memory it can use, in bytes.
    pub memory: u64,
    /// Directory where it keeps its data, to watch the disk's room; `None` if not on this machine.
    pub data_directory: Option<String>,
    /// Networks that exist there, to find collisions with the address pool.
    pub subnets: Vec<(String, Subnet)>,
}

/// An image on the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageInfo {
    /// Content id.
    pub id: String,
    /// Its labels, for example the versions of what is inside.
    pub labels: BTreeMap<String, String>,
}

/// What there is of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The project.
    pub project: ProjectName,
    /// The site named by the labels.
    pub site: Option<SiteId>,
    /// Its containers, by service.
    pub services: Vec<ObservedService>,
    /// Engine names of its networks.
    pub networks: Vec<String>,
    /// Engine names of its volumes.
    pub volumes: Vec<String>,
}

impl Observed {
    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }

    /// Whether at least one container is there and all of them run.
    pub fn all_running(&self) -> bool {
        !self.services.is_empty() && self.services.iter().all(|s| s.state == RunState::Running)
    }
}

/// One container of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedService {
    /// Service name.
    pub service: ServiceName,
    /// The operation that made it, if its label is readable.
    pub operation: Option<JobId>,
    /// Running or not.
    pub state: RunState,
    /// The engine's health check's verdict; `None` without a check.
    pub healthy: Option<bool>,
    /// Exit code if exited.
    pub exit_code: Option<i64>,
}

/// Whether a container runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Made, not yet started.
    Created,
    /// Running.
    Running,
    /// Ended, paused, dead, being removed or restarting.
    Down,
}

/// A program to run inside a service: an argument list, never a shell line.
#[derive(Debug, Clone)]
pub struct Exec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Written to its standard input, then closed.
    pub stdin: Option<SecretString>,
    /// User inside the container, instead of the service's.
    pub user: Option<String>,
    /// The caller stops waiting after so long.
    pub deadline: Duration,
}

/// How a program ended. Each output is cut after 64 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// Exit code.
    pub code: i64,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A line of a service's output.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LogLine {
    /// Which service wrote it.
    pub service: String,
    /// When, RFC 3339, as the engine noted it.
    pub at: String,
    /// The line without its newline, invalid UTF-8 replaced.
    pub line: String,
}

/// What a service uses now.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ServiceStats {
    /// Service name.
    pub service: String,
    /// Thousandths of a core over the engine's last sample.
    pub cpu_milli: u32,
    /// Bytes in use, page cache left out.
    pub memory: u64,
    /// Its limit in bytes.
    pub memory_limit: u64,
    /// Processes and threads.
    pub pids: u32,
}

/// Something happened to a container of this installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEvent {
    /// Its project.
    pub project: ProjectName,
    /// Its service.
    pub service: ServiceName,
    /// What happened.
    pub kind: EngineEventKind,
}

/// What happened to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineEventKind {
    /// It started.
    Started,
    /// It ended, for whatever reason.
    Died,
    /// The kernel ended a process of it for want of memory.
    OutOfMemory,
    /// Its health check changed to healthy.
    Healthy,
    /// Its health check changed to unhealthy.
    Unhealthy,
    /// It was removed.
    Removed,
}

/// Why an engine did not do what it was asked. Messages name the thing and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine can't be reached or is overloaded; trying again later makes sense.
    #[error("the container engine does not answer while {doing}: {reason}")]
    Unavailable {
        /// What was being done, to what.
        doing: String,
        /// The engine's or the system's words.
        reason: String,
    },
    /// An image is not on the engine.
    #[error("the image {image} is not on the engine: build it with `make images` or pull it")]
    ImageMissing {
        /// Which image.
        image: String,
    },
    /// A network with these addresses exists already.
    #[error("the subnet {subnet} is in use by another network on the engine: {reason}")]
    SubnetInUse {
        /// Which subnet.
        subnet: Subnet,
        /// The engine's words.
        reason: String,
    },
    /// No room on the engine's disk.
    #[error("the engine's disk is full while {doing}: {reason}")]
    DiskFull {
        /// What was being done, to what.
        doing: String,
        /// The engine's words.
        reason: String,
    },
    /// The container, network or service is not there.
    #[error("{what} is not there")]
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
        /// The engine's words.
        reason: String,
    },
}

impl EngineError {
    /// Whether the same call may succeed later with nothing else changed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Timeout { .. })
    }
}
