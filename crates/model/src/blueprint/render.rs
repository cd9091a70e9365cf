//! From a blueprint and one site's values to the site's stack.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::{Blueprint, Origin, ServiceSpec, Template, Variable};
use crate::{
    compose,
    id::SiteId,
    image::ImageId,
    limits::Limits,
    stack::{EnvValue, ProjectName, Service, ServiceName, Stack, VolumeName},
};

/// Everything decided about a site before its stack is rendered.
#[derive(Clone)]
pub struct RenderInputs {
    /// The site that the stack belongs to.
    pub site: SiteId,
    /// Ties its parts together on the engine.
    pub project: ProjectName,
    /// The site's directory.
    pub directory: PathBuf,
    /// The plan's limits for the routed service; `None` keeps the blueprint's.
    pub main_limits: Option<Limits>,
    /// Optional profiles that are on.
    pub profiles: Vec<String>,
    /// Values of the variables by name, secrets among them.
    pub values: BTreeMap<String, String>,
    /// The content that each service's image is pinned to. A service that is missing here runs
    /// whatever its reference points to.
    pub images: BTreeMap<ServiceName, ImageId>,
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
    /// A value contains a NUL character, which no environment can carry.
    #[error("the variable {variable} contains a NUL character, which an environment can't carry")]
    Nul {
        /// Which one.
        variable: String,
    },
    /// The operator's setting for an image is not an image reference.
    #[error("the image of service {service}: {reason}")]
    Image {
        /// The service that runs it.
        service: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The blueprint has no such profile.
    #[error("the blueprint has no profile {profile:?}")]
    Profile {
        /// The requested profile.
        profile: String,
    },
}

/// Renders a blueprint for one site.
pub(super) fn render(blueprint: &Blueprint, inputs: &RenderInputs) -> Result<Stack, RenderError> {
    check_inputs(blueprint, inputs)?;
    let enabled = blueprint.services.iter().filter(|spec| spec.is_on(&inputs.profiles));
    let services = enabled.map(|spec| service(blueprint, spec, inputs)).collect::<Result<Vec<_>, _>>()?;
    let mounted = |volume: &&VolumeName| services.iter().flat_map(|s| &s.mounts).any(|m| m.volume == **volume);
    Ok(Stack {
        project: inputs.project.clone(),
        site: inputs.site,
        directory: inputs.directory.clone(),
        volumes: blueprint.volumes.iter().filter(mounted).cloned().collect(),
        services,
    })
}

fn check_inputs(blueprint: &Blueprint, inputs: &RenderInputs) -> Result<(), RenderError> {
    if let Some(profile) = inputs.profiles.iter().find(|p| !blueprint.profiles().contains(p.as_str())) {
        return Err(RenderError::Profile { profile: profile.clone() });
    }
    let nul = |name: &&String| inputs.values.get(*name).is_some_and(|value| value.contains('\0'));
    match blueprint.variables.keys().find(nul) {
        Some(variable) => Err(RenderError::Nul { variable: variable.clone() }),
        None => Ok(()),
    }
}

fn service(blueprint: &Blueprint, spec: &ServiceSpec, inputs: &RenderInputs) -> Result<Service, RenderError> {
    let fill =
        |template: &Template| template.fill(&inputs.values).map_err(|variable| RenderError::Missing { variable });
    let image =
        fill(&spec.image)?.parse().map_err(|reason| RenderError::Image { service: spec.name.to_string(), reason })?;
    let environment = spec
        .environment
        .iter()
        .map(|(name, template)| Ok((name.clone(), EnvValue(fill(template)?))))
        .collect::<Result<_, RenderError>>()?;
    let main = inputs.main_limits.filter(|_| spec.name == blueprint.main_service);
    Ok(Service {
        name: spec.name.clone(),
        image,
        image_id: inputs.images.get(&spec.name).cloned(),
        entrypoint: spec.entrypoint.clone(),
        command: spec.command.clone(),
        environment,
        mounts: spec.mounts.clone(),
        tmpfs: spec.tmpfs.clone(),
        limits: main.unwrap_or(spec.limits),
        user: spec.user.clone(),
        cap_add: spec.cap_add.clone(),
        read_only: spec.read_only,
        health: spec.health.clone(),
        stop_grace: spec.stop_grace,
        depends_on: spec.depends_on.clone(),
        runs_once: blueprint.runs_once(&spec.name),
        replace: blueprint.replace_strategy(spec),
    })
}

/// Renders an example with all profiles on.
pub(super) fn check_report(blueprint: &Blueprint) -> Result<String, RenderError> {
    let site = SiteId::from_uuid(uuid::Uuid::nil());
    let example = |variable: &Variable| match &variable.origin {
        Origin::Fact(fact) => Some(fact.example().to_owned()),
        Origin::Secret(secret) => Some(format!("({} characters, {})", secret.length, secret.charset.as_str())),
        Origin::Default(_) => None,
    };
    let stack = render(
        blueprint,
        &RenderInputs {
            site,
            project: ProjectName::of(site, "example"),
            directory: PathBuf::from("/srv/stoa/sites/example"),
            main_limits: None,
            profiles: blueprint.profiles().into_iter().map(str::to_owned).collect(),
            values: blueprint.variables.values().filter_map(|v| Some((v.name.clone(), example(v)?))).collect(),
            images: BTreeMap::new(),
        },
    )?;
    Ok(compose::render(&stack, None))
}
