//! Names of objects on Docker, as Compose would choose them.

use stoa_model::stack::{ProjectName, ServiceName, VolumeName};

/// A volume's name.
pub(crate) fn volume(project: &ProjectName, volume: &VolumeName) -> String {
    format!("{project}_{volume}")
}

/// What the names of all volumes of a project begin with.
pub(crate) fn volume_prefix(project: &ProjectName) -> String {
    format!("{project}_")
}

/// The name of a project's network.
pub(crate) fn network(project: &ProjectName) -> String {
    format!("{project}_default")
}

/// The name of a service's container.
pub(crate) fn container(project: &ProjectName, service: &ServiceName, instance: u32) -> String {
    format!("{project}-{service}-{instance}")
}

/// A service's instance, for errors and causes.
pub(crate) fn instance(service: &ServiceName, instance: u32) -> String {
    if instance == 1 { service.to_string() } else { format!("{service} (instance {instance})") }
}
