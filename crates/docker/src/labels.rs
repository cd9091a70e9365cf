//! The labels on everything created: those by which `docker compose` finds its objects, and Stoa's own.

use std::collections::HashMap;

use stoa_model::{
    id::{JobId, SiteId},
    stack::{ProjectName, Service, ServiceName, Stack, VolumeName},
};
use stoa_provider::engine::{Revision, spec};

/// Labels as Docker takes and returns them.
pub(crate) type Labels = HashMap<String, String>;

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const INSTANCE: &str = "com.docker.compose.container-number";
const VOLUME: &str = "com.docker.compose.volume";
pub(crate) const INSTALLATION: &str = "stoa.installation";
const SITE: &str = "stoa.site";
const OPERATION: &str = "stoa.operation";
const REVISION: &str = "stoa.revision";
/// Marks a container that only gives access to a volume and is never started.
const HELPER: &str = "stoa.helper";
/// Hash of a container's whole request as the releases before `stoa.spec-hash` compute it.
pub(crate) const CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// Hash of the service's configuration, see [`spec`].
pub(crate) const SPEC_HASH: &str = "stoa.spec-hash";
/// The version of [`spec`] that was hashed.
pub(crate) const RENDER_VERSION: &str = "stoa.render-version";
/// The image's reference; the container itself may be created from a content id.
pub(crate) const IMAGE: &str = "stoa.image";

/// Who creates objects: goes onto all of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) installation: &'a str,
    pub(crate) operation: JobId,
    pub(crate) revision: Revision,
}

/// The hashes of a container's configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hashes<'a> {
    pub(crate) spec: &'a str,
    pub(crate) config: &'a str,
}

impl Origin<'_> {
    fn on(self, stack: &Stack, more: &[(&str, &str)]) -> Labels {
        let own = [
            (PROJECT, stack.project.to_string()),
            ("com.docker.compose.version", concat!("stoa-", env!("CARGO_PKG_VERSION")).to_owned()),
            (INSTALLATION, self.installation.to_owned()),
            (SITE, stack.site.to_string()),
            (OPERATION, self.operation.to_string()),
        ];
        let more = more.iter().map(|(k, v)| (*k, (*v).to_owned()));
        own.into_iter().chain(more).map(|(k, v)| (k.to_owned(), v)).collect()
    }

    /// Labels of a stack's network.
    pub(crate) fn on_network(self, stack: &Stack) -> Labels {
        self.on(stack, &[("com.docker.compose.network", "default")])
    }

    /// Labels of one of a stack's volumes.
    pub(crate) fn on_volume(self, stack: &Stack, volume: &VolumeName) -> Labels {
        self.on(stack, &[(VOLUME, &volume.0)])
    }

    /// Labels of a service's container.
    pub(crate) fn on_container(self, stack: &Stack, service: &Service, instance: u32, hashes: Hashes<'_>) -> Labels {
        self.on(
            stack,
            &[
                (SERVICE, &service.name.0),
                (INSTANCE, &instance.to_string()),
                ("com.docker.compose.oneoff", "False"),
                ("com.docker.compose.project.working_dir", &stack.directory.to_string_lossy()),
                ("com.docker.compose.project.config_files", &stack.directory.join("compose.yaml").to_string_lossy()),
                (CONFIG_HASH, hashes.config),
                (SPEC_HASH, hashes.spec),
                (RENDER_VERSION, &spec::VERSION.to_string()),
                (REVISION, &self.revision.to_string()),
                (IMAGE, service.image.as_str()),
            ],
        )
    }
}

/// Labels of a container that only gives access to a volume.
pub(crate) fn on_helper(installation: &str, project: &ProjectName) -> Labels {
    let own = [(INSTALLATION, installation), (PROJECT, project.as_str()), (HELPER, "volume")];
    own.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Labels of an image that was built here.
pub(crate) fn on_image(installation: &str) -> Labels {
    HashMap::from([(INSTALLATION.to_owned(), installation.to_owned())])
}

/// A filter for Docker's lists: this installation's objects, narrowed down.
pub(crate) fn filter(
    installation: &str,
    project: Option<&ProjectName>,
    service: Option<&ServiceName>,
    operation: Option<JobId>,
) -> HashMap<String, Vec<String>> {
    let wanted = [
        Some(format!("{INSTALLATION}={installation}")),
        project.map(|project| format!("{PROJECT}={project}")),
        service.map(|service| format!("{SERVICE}={service}")),
        operation.map(|operation| format!("{OPERATION}={operation}")),
    ];
    HashMap::from([("label".to_owned(), wanted.into_iter().flatten().collect())])
}

/// A filter for the containers that give access to a project's volumes.
pub(crate) fn helper_filter(installation: &str, project: &ProjectName) -> HashMap<String, Vec<String>> {
    let wanted = [format!("{INSTALLATION}={installation}"), format!("{PROJECT}={project}"), HELPER.to_owned()];
    HashMap::from([("label".to_owned(), wanted.into())])
}

/// Whether an object is this installation's and belongs to the project.
pub(crate) fn is_of(labels: &Labels, installation: &str, project: &ProjectName) -> bool {
    labels.get(INSTALLATION).is_some_and(|i| i == installation)
        && labels.get(PROJECT).is_some_and(|p| p == project.as_str())
}

pub(crate) fn project(labels: &Labels) -> Option<ProjectName> {
    labels.get(PROJECT).cloned().map(ProjectName::from_stored)
}

pub(crate) fn service(labels: &Labels) -> Option<ServiceName> {
    labels.get(SERVICE).cloned().map(ServiceName)
}

pub(crate) fn volume(labels: &Labels) -> Option<VolumeName> {
    labels.get(VOLUME).cloned().map(VolumeName)
}

pub(crate) fn site(labels: &Labels) -> Option<SiteId> {
    labels.get(SITE)?.parse().ok()
}

pub(crate) fn operation(labels: &Labels) -> Option<JobId> {
    labels.get(OPERATION)?.parse().ok()
}

pub(crate) fn instance(labels: &Labels) -> u32 {
    labels.get(INSTANCE).and_then(|number| number.parse().ok()).unwrap_or(1)
}

/// Containers of releases without revisions count as revision 0.
pub(crate) fn revision(labels: &Labels) -> Revision {
    Revision(labels.get(REVISION).and_then(|number| number.parse().ok()).unwrap_or(0))
}
