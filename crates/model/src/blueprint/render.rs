//! From a blueprint and one site's values to the site's stack.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::Blueprint;
use crate::{
    id::SiteId,
    limits::Limits,
    net::Subnet,
    stack::{ProjectName, Stack},
};

/// All that is decided about a site before it is rendered.
#[derive(Clone)]
pub struct RenderInputs {
    /// Whose stack it is.
    pub site: SiteId,
    /// Ties its parts together on the engine.
    pub project: ProjectName,
    /// The site's directory.
    pub directory: PathBuf,
    /// The site's private network.
    pub subnet: Subnet,
    /// The plan's limits for the routed service; `None` keeps the blueprint's.
    pub main_limits: Option<Limits>,
    /// Optional profiles that are on.
    pub profiles: Vec<String>,
    /// Values of the variables by name, secrets among them.
    pub values: BTreeMap<String, String>,
}

impl fmt::Debug for RenderInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenderInputs")
            .field("site", &self.site)
            .field("project", &self.project)
            .field("values", &self.values.keys())
            .finish_non_exhaustive()
    }
}

/// Why a blueprint can't be rendered with these inputs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A variable has neither value nor default.
    #[error("the variable {variable} has no value")]
    Missing {
        /// Which one.
        variable: String,
    },
    /// A value holds a NUL character, which no environment can carry.
    #[error("the variable {variable} holds a NUL character, which an environment can't carry")]
    Nul {
        /// Which one.
        variable: String,
    },
    /// The operator's setting for an image is no image reference.
    #[error("the image of service {service}: {reason}")]
    Image {
        /// Whose image.
        service: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The blueprint has no such profile.
    #[error("the blueprint has no profile {profile:?}")]
    Profile {
        /// What was asked for.
        profile: String,
    },
    /// The subnet has fewer addresses than the blueprint has services.
    #[error("the network {subnet} is too small for {services} services")]
    Subnet {
        /// The network.
        subnet: Subnet,
        /// How many services the blueprint has.
        services: usize,
    },
}

pub(super) fn render(blueprint: &Blueprint, inputs: &RenderInputs) -> Result<Stack, RenderError> {
    let _ = (blueprint, inputs);
    Err(RenderError::Missing { variable: String::new() })
}

pub(super) fn check_report(blueprint: &Blueprint) -> Result<String, RenderError> {
    let _ = blueprint;
    Ok(String::new())
}
