//! One service of a blueprint: a stack's service before its values are known.

use std::{collections::BTreeMap, time::Duration};

use super::Template;
use crate::{
    limits::Limits,
    stack::{Dependency, Health, Mount, ServiceName, Tmpfs},
};

/// A service as the blueprint describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpec {
    /// Name inside the stack.
    pub name: ServiceName,
    /// Image; may name only variables that the operator sets.
    pub image: Template,
    /// On only if one of these is; always on if there are none.
    pub profiles: Vec<String>,
    /// Replaces the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's command.
    pub command: Option<Vec<String>>,
    /// Environment.
    pub environment: BTreeMap<String, Template>,
    /// Named volumes and where they are mounted.
    pub mounts: Vec<Mount>,
    /// Memory-backed directories.
    pub tmpfs: Vec<Tmpfs>,
    /// Hard limits.
    pub limits: Limits,
    /// `user[:group]` to run as.
    pub user: Option<String>,
    /// Capabilities kept.
    pub cap_add: Vec<String>,
    /// Whether the root file system can't be written.
    pub read_only: bool,
    /// The engine's own health check.
    pub health: Option<Health>,
    /// Time between SIGTERM and SIGKILL.
    pub stop_grace: Duration,
    /// What must hold before this one starts.
    pub depends_on: Vec<Dependency>,
}

impl ServiceSpec {
    /// Whether it runs where these profiles are on.
    pub fn is_on(&self, profiles: &[String]) -> bool {
        self.profiles.is_empty() || self.profiles.iter().any(|profile| profiles.contains(profile))
    }
}
