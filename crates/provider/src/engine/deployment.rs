//! What is deployed, and what deploying changed.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use stoa_model::{
    id::JobId,
    placement::Placement,
    stack::{ServiceName, Stack, VolumeName},
};

/// The number of a site's desired state, counted by the platform. Instances without one count as 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u32);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What [`Engine::place`](super::Engine::place) needs to know.
#[derive(Debug, Clone, Copy)]
pub struct PlacementRequest<'a> {
    /// The site's lease, if the engine has a lease pool.
    pub lease: Option<i64>,
    /// All services in the blueprint's order, including those of profiles that are off: switching a
    /// profile on then moves nothing.
    pub services: &'a [ServiceName],
    /// Those of them that may run two instances while one replaces the other.
    pub start_first: &'a [ServiceName],
    /// The site's placement so far.
    pub previous: Option<&'a Placement>,
}

/// A stack to be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// What is to run.
    pub stack: Stack,
    /// Where it lies.
    pub placement: Placement,
    /// The revision that the stack is.
    pub revision: Revision,
    /// The job that deploys it; the label of everything that it creates.
    pub operation: JobId,
    /// Volumes that hold data already. If one of them is missing nothing is created: an empty volume
    /// in its place would be served as an empty shop.
    pub claimed: BTreeSet<VolumeName>,
}

impl Deployment {
    /// The first deployment of a site: none of its volumes holds data yet.
    pub fn first(stack: Stack, placement: Placement, revision: Revision, operation: JobId) -> Self {
        Self { stack, placement, revision, operation, claimed: BTreeSet::new() }
    }

    /// The same deployment of a site whose volumes all hold data.
    #[must_use]
    pub fn with_all_claimed(mut self) -> Self {
        self.claimed = self.stack.volume_names().into_iter().cloned().collect();
        self
    }
}

/// What a deployment did, one entry per service of the stack, in the stack's order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// Each service, and what happened to it.
    pub changes: Vec<Change>,
}

impl Deployed {
    /// Whether everything was up to date and running.
    pub fn is_unchanged(&self) -> bool {
        self.changes.iter().all(|change| change.action == Action::Unchanged)
    }
}

/// What a deployment did to one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The service.
    pub service: ServiceName,
    /// What happened.
    pub action: Action,
    /// Why, for people. Contains no values of the configuration except limits and images.
    pub cause: String,
}

/// What happened to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It runs as desired already.
    Unchanged,
    /// It had no instance; one was created and started.
    Created,
    /// A new instance was created and started, instead of the old one or beside it.
    Replaced,
    /// It was as desired, but did not run.
    Started,
    /// Its limits were changed in place. It was started too if it did not run.
    LimitsChanged,
}

/// What [`Engine::remove`](super::Engine::remove) may remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Only what this operation created. Older objects stay, so that no undo touches older data.
    CreatedBy(JobId),
    /// The whole project, volumes included: the purge after deletion.
    Everything,
}

/// A file for a person at the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its name in the site's directory.
    pub name: String,
    /// Its content. It contains secrets.
    pub text: String,
}
