//! Whether a container is what its service wants.

use stoa_model::stack::Service;
use stoa_provider::engine::{RunState, spec};

use crate::{
    containers::{self, DockerLimits, Target},
    inventory::Container,
    labels,
    legacy::Legacy,
};

/// A container with what only an inspection tells.
#[derive(Debug, Clone)]
pub(crate) struct Inspected {
    pub(crate) container: Container,
    pub(crate) limits: DockerLimits,
    /// Only of containers without `stoa.spec-hash`, while their image is there.
    pub(crate) legacy: Option<Box<Legacy>>,
    /// Where volumes are mounted that only the image declares. They have no name that a new container
    /// could find them by.
    pub(crate) unnamed_volumes: Vec<String>,
}

/// What is to be done about a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    UpToDate,
    /// Why, in words.
    LimitsDiffer(String),
    /// Why, in words.
    Differs(String),
}

impl Inspected {
    pub(crate) fn is_running(&self) -> bool {
        self.container.state == RunState::Running
    }

    /// Compares a container with its service. `revision_differs` says whether the container was
    /// created by another revision than the one that is wanted.
    pub(crate) fn verdict(&self, target: Target<'_>, service: &Service, revision_differs: bool) -> Verdict {
        if let Some(cause) = self.image_differs(service) {
            return Verdict::Differs(cause);
        }
        if !self.spec_equals(target, service, revision_differs) {
            return Verdict::Differs("the configuration differs".into());
        }
        let wanted = DockerLimits::from(service.limits);
        if self.limits == wanted {
            Verdict::UpToDate
        } else {
            Verdict::LimitsDiffer(limits_differ(self.limits, wanted))
        }
    }

    /// A pinned image is compared by content. Without a pin only the reference counts: what it points
    /// to may have moved, and that alone restarts nothing.
    fn image_differs(&self, service: &Service) -> Option<String> {
        if let Some(wanted) = &service.image_id {
            let runs = self.container.image.as_ref();
            let differs = runs != Some(wanted);
            let runs = runs.map_or("unknown", |id| id.short());
            return differs.then(|| format!("the image of {} is {}, not {runs}", service.image, wanted.short()));
        }
        let runs = self.container.labels.get(labels::IMAGE)?;
        (runs != service.image.as_str()).then(|| format!("the image is {}, not {runs}", service.image))
    }

    fn spec_equals(&self, target: Target<'_>, service: &Service, revision_differs: bool) -> bool {
        let labels = &self.container.labels;
        let version = labels.get(labels::RENDER_VERSION).and_then(|version| version.parse::<u32>().ok());
        match (labels.get(labels::SPEC_HASH), version) {
            (Some(hash), Some(spec::VERSION)) => *hash == containers::spec_hash(service),
            // A release that we can't compare with. One revision has one configuration.
            (Some(_), _) => !revision_differs,
            (None, _) => {
                let Some(address) = target.placement.address(&service.name, self.container.instance) else {
                    return false;
                };
                let hash = containers::config_hash_with(target.stack, service, address, self.limits);
                // The hash says nothing once the limits were changed in place.
                labels.get(labels::CONFIG_HASH) == Some(&hash)
                    || self.legacy.as_ref().is_some_and(|found| found.equals(target.stack, service, address))
            }
        }
    }
}

fn limits_differ(has: DockerLimits, wanted: DockerLimits) -> String {
    let mut parts = Vec::new();
    if has.memory != wanted.memory {
        parts.push(format!("memory {} MiB, not {}", wanted.memory >> 20, has.memory >> 20));
    }
    if has.nano_cpus != wanted.nano_cpus {
        let milli = |nanos: i64| nanos / 1_000_000;
        parts.push(format!("processor {} m, not {}", milli(wanted.nano_cpus), milli(has.nano_cpus)));
    }
    if has.pids != wanted.pids {
        parts.push(format!("processes {}, not {}", wanted.pids, has.pids));
    }
    format!("limits: {}", parts.join("; "))
}
