//! What can be seen of running stacks.

use std::{collections::BTreeMap, net::SocketAddr};

use stoa_model::{
    id::{JobId, SiteId},
    image::ImageId,
    stack::{ProjectName, ServiceName, VolumeName},
};

use super::Revision;

/// What there is of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The project.
    pub project: ProjectName,
    /// The site named by the labels.
    pub site: Option<SiteId>,
    /// Its instances, by service and number.
    pub services: Vec<ObservedService>,
    /// Its volumes, by their names in the blueprint.
    pub volumes: Vec<VolumeName>,
    /// Whether it has a network of its own.
    pub has_network: bool,
}

impl Observed {
    /// A project of which nothing is there.
    pub fn nothing(project: ProjectName) -> Self {
        Self { project, site: None, services: Vec::new(), volumes: Vec::new(), has_network: false }
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.volumes.is_empty() && !self.has_network
    }

    /// Whether at least one instance is there and all of them run.
    pub fn all_running(&self) -> bool {
        !self.services.is_empty() && self.services.iter().all(|s| s.state == RunState::Running)
    }
}

/// One instance of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedService {
    /// The service.
    pub service: ServiceName,
    /// Tells instances of one service apart, counted from 1.
    pub instance: u32,
    /// The revision that created it; later revisions may have left it as it is.
    pub revision: Revision,
    /// The operation that created it, if its label is readable.
    pub operation: Option<JobId>,
    /// The image that it runs, if the engine says.
    pub image: Option<ImageId>,
    /// Hash of the configuration that it was created with; see [`spec`](super::spec).
    pub spec_hash: Option<String>,
    /// Running or not.
    pub state: RunState,
    /// The result of the engine's health check; `None` without a check.
    pub readiness: Option<Readiness>,
    /// Exit code, if it has exited.
    pub exit_code: Option<i64>,
    /// How often its program has ended, and was started again by the engine, since it was last started on purpose.
    /// 0 in [`Engine::list`](super::Engine::list), which does not count.
    pub exits: u32,
    /// Why it does not run or is not ready, for people.
    pub reason: Option<String>,
}

impl ObservedService {
    /// Whether its program has ended as it should.
    pub fn has_completed(&self) -> bool {
        self.state == RunState::Exited && self.exit_code == Some(0)
    }
}

/// What the engine's health check says of an instance that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It was started, and the check has neither passed nor failed often enough yet.
    Starting,
    /// It passes.
    Passing,
    /// It fails.
    Failing,
}

/// Whether an instance runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Created, not yet started.
    Created,
    /// Running.
    Running,
    /// Frozen, with its memory kept.
    Paused,
    /// It ended, and the engine is about to start it again.
    Restarting,
    /// Ended, or being removed.
    Exited,
}

impl RunState {
    /// Whether it runs.
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Running)
    }
}

/// Where the edge reaches a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A fixed address.
    Address(SocketAddr),
    /// A name that must be resolved for each connection.
    Host {
        /// A DNS name.
        host: String,
        /// A TCP port.
        port: u16,
    },
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

/// What a project stores on the engine's disk, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The project.
    pub project: ProjectName,
    /// Its volumes, as far as they could be measured.
    pub volumes: BTreeMap<VolumeName, u64>,
    /// What its services have written outside of volumes.
    pub elsewhere: u64,
}

impl Stored {
    /// A project that stores nothing.
    pub const fn nothing(project: ProjectName) -> Self {
        Self { project, volumes: BTreeMap::new(), elsewhere: 0 }
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.volumes.values().fold(self.elsewhere, |sum, bytes| sum.saturating_add(*bytes))
    }
}

/// Something happened to an instance of this installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEvent {
    /// Its project.
    pub project: ProjectName,
    /// Its service.
    pub service: ServiceName,
    /// What happened.
    pub kind: EngineEventKind,
}

/// What happened to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineEventKind {
    /// It started.
    Started,
    /// It ended, for whatever reason.
    Died,
    /// The kernel killed one of its processes because its memory limit was reached.
    OutOfMemory,
    /// Its health check changed to healthy.
    Healthy,
    /// Its health check changed to unhealthy.
    Unhealthy,
    /// It was removed.
    Removed,
}

/// The instance that serves a revision: the newest one created in or before it, else the oldest.
/// A service that a revision does not change keeps the instance of an earlier one.
pub fn newest_at<T>(
    instances: impl IntoIterator<Item = T>,
    revision: Revision,
    of: impl Fn(&T) -> Revision,
) -> Option<T> {
    let (before, after): (Vec<T>, Vec<T>) = instances.into_iter().partition(|instance| of(instance) <= revision);
    before.into_iter().max_by_key(&of).or_else(|| after.into_iter().min_by_key(&of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_served_by_the_newest_instance_that_is_not_newer() {
        let serving = |revisions: &[u32], at| newest_at(revisions.to_vec(), Revision(at), |r| Revision(*r));
        assert_eq!(serving(&[1, 3, 7], 5), Some(3));
        assert_eq!(serving(&[1, 3, 7], 7), Some(7));
        assert_eq!(serving(&[4, 3], 2), Some(3), "created again after the revision was left");
        assert_eq!(serving(&[], 2), None);
    }
}
