//! The labels on everything made: those that `docker compose` finds its things by, and Stoa's own.

use std::collections::HashMap;

use stoa_model::{
    id::{JobId, SiteId},
    stack::{ProjectName, Service, ServiceName, Stack, VolumeName},
};

/// Labels as Docker takes and gives them.
pub(crate) type Labels = HashMap<String, String>;

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const INSTALLATION: &str = "stoa.installation";
const SITE: &str = "stoa.site";
const OPERATION: &str = "stoa.operation";

/// Who makes things: goes onto all of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) installation: &'a str,
    pub(crate) operation: JobId,
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
        self.on(stack, &[("com.docker.compose.volume", &volume.0)])
    }

    /// Labels of a service's container; `hash` stands for its whole configuration.
    pub(crate) fn on_container(self, stack: &Stack, service: &Service, hash: &str) -> Labels {
        self.on(
            stack,
            &[
                (SERVICE, &service.name.0),
                ("com.docker.compose.container-number", "1"),
                ("com.docker.compose.oneoff", "False"),
                ("com.docker.compose.project.working_dir", &stack.directory.to_string_lossy()),
                ("com.docker.compose.project.config_files", &stack.directory.join("compose.yaml").to_string_lossy()),
                ("com.docker.compose.config-hash", hash),
            ],
        )
    }
}

/// A filter for Docker's lists: this installation's things, narrowed down.
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

/// Whether a thing is this installation's and belongs to the project.
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

pub(crate) fn site(labels: &Labels) -> Option<SiteId> {
    labels.get(SITE)?.parse().ok()
}

pub(crate) fn operation(labels: &Labels) -> Option<JobId> {
    labels.get(OPERATION)?.parse().ok()
}
