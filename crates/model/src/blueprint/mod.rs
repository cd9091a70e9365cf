//! Blueprints: what sites are created from.
//!
//! A blueprint is a folder with `compose.yaml`: an ordinary Compose file that `docker compose
//! config` accepts, plus an `x-stoa` block for what Compose cannot say. It is read in one direction
//! only: text → YAML nodes with their positions → these types → a [`Stack`] for one site.
//!
//! Rules, and why:
//! - **Values are put into typed fields after parsing**, never into text: a shop's title can be
//!   YAML, a shell line or `${X}`, and stays a title.
//! - **The subset is closed.** A key that Stoa does not honor is an error with its line: ignoring a
//!   misspelled `read_only` would be a hole that nobody sees.
//! - **A blueprint cannot reach out of the site's sandbox**: no host paths, no published ports, no
//!   foreign networks, no privileges. An operator can use a stranger's blueprint and only has to
//!   trust its images.
//! - **All problems are reported at once**, each with file, line, column and path.

mod generate;
mod hook;
mod problem;
mod read;
mod render;
mod service;
mod template;
mod variable;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use hook::{Hook, HookName};
pub use problem::Problem;
pub use render::{RenderError, RenderInputs};
pub use service::ServiceSpec;
pub use template::{Fallback, Part, Template};
pub use variable::{Charset, Fact, Generator, Origin, Variable};

use crate::stack::{Condition, Dependency, ReplaceStrategy, ServiceName, Stack, VolumeName};

/// A parsed blueprint; every name in it refers to something that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blueprint {
    /// Its folder's name, which plans and sites refer to.
    pub name: String,
    /// The name that people read.
    pub title: String,
    /// A sentence or two for the people who choose.
    pub description: String,
    /// What it is for.
    pub kind: Kind,
    /// Where the site's requests go.
    pub route: Entry,
    /// The service that a plan's limits are for, in no profile: the routed one, unless the file names another.
    pub main_service: ServiceName,
    /// Path polled on the routed service itself until it answers 200.
    pub health: String,
    /// Path requested through the edge, as a visitor would; 200 is expected.
    pub front: String,
    /// Everything that `${…}` may refer to, by name.
    pub variables: BTreeMap<String, Variable>,
    /// Logins that the customer may reveal, in the order shown.
    pub credentials: Vec<Credential>,
    /// Commands run inside the site's own services.
    pub hooks: BTreeMap<HookName, Hook>,
    /// What a snapshot contains.
    pub backup: Backup,
    /// Whether an idle site may be put to sleep.
    pub sleep_allowed: bool,
    /// Facts about images that people must know.
    pub notices: Vec<ImageNotice>,
    /// What its owner does once the site is ready, in this order.
    pub next_steps: Vec<NextStep>,
    /// Named volumes.
    pub volumes: Vec<VolumeName>,
    /// All services, including those of optional profiles, in the file's order.
    pub services: Vec<ServiceSpec>,
}

/// What a blueprint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An online shop.
    Store,
    /// Any other website.
    Site,
}

/// The service and port that the edge leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// A service that is in no profile.
    pub service: ServiceName,
    /// TCP port it listens on.
    pub port: u16,
}

/// A login that the customer may reveal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// What it opens.
    pub label: String,
    /// Path on the site where it is used.
    pub url: String,
    /// Name of the variable with the user's name.
    pub user: String,
    /// Name of the variable with the password.
    pub password: String,
}

/// What a snapshot contains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backup {
    /// Volumes saved as files.
    pub volumes: Vec<VolumeName>,
    /// Whether the hooks `dump` and `restore` are part of it.
    pub database: bool,
}

/// A fact about an image that people must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageNotice {
    /// The service that runs the image.
    pub service: ServiceName,
    /// The image's label that is compared.
    pub label: String,
    /// The value that raises the notice. `None`, written `absent`, means that the label is missing,
    /// empty, or itself says `absent`, as build scripts can hardly leave a label out.
    pub equals: Option<String>,
    /// The text that people read.
    pub message: String,
}

/// Something that the owner of a new site does first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStep {
    /// What to do, as a command: "Add your first product".
    pub title: String,
    /// Where in the application. The one-click login leads there, if there is one.
    pub path: String,
    /// The service and the label of its image without which the step makes no sense.
    pub needs: Option<(ServiceName, String)>,
}

impl ImageNotice {
    /// Whether an image with these labels raises the notice.
    pub fn applies(&self, labels: &BTreeMap<String, String>) -> bool {
        let label = labels.get(&self.label).map_or("", String::as_str);
        match &self.equals {
            Some(value) => label == value,
            None => label.is_empty() || label == "absent",
        }
    }
}

impl Blueprint {
    /// Largest file read; a blueprint is a page or two.
    pub const MAX_FILE: usize = 1 << 20;

    /// Reads a blueprint; `file_name` is only used in problems.
    ///
    /// # Errors
    /// All problems that could be found at once, in the file's order.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Vec<Problem>> {
        read::blueprint(file_name, text)
    }

    /// The full desired state of one site: every value in its typed field, verbatim.
    ///
    /// # Errors
    /// If a value is missing, or can't be used where the blueprint uses it.
    pub fn render(&self, inputs: &RenderInputs) -> Result<Stack, RenderError> {
        render::render(self, inputs)
    }

    /// An example of the stack as a Compose file, with placeholders for values.
    ///
    /// # Errors
    /// If a default in the file is not an image reference; `parse` finds that first.
    pub fn check_report(&self) -> Result<String, RenderError> {
        render::check_report(self)
    }

    /// How a changed configuration of this service takes over: beside the old instance if it is the
    /// routed service, keeps no data and no other service depends on it.
    pub fn replace_strategy(&self, spec: &ServiceSpec) -> ReplaceStrategy {
        let depended_on = self.services.iter().any(|other| other.depends_on.iter().any(|d| d.service == spec.name));
        if spec.name == self.route.service && spec.mounts.is_empty() && !depended_on {
            ReplaceStrategy::StartFirst
        } else {
            ReplaceStrategy::Recreate
        }
    }

    /// All services in the file's order, including those of optional profiles: what an engine needs
    /// to know when it chooses a site's placement.
    pub fn service_names(&self) -> Vec<ServiceName> {
        self.services.iter().map(|spec| spec.name.clone()).collect()
    }

    /// The services that [start first](ReplaceStrategy::StartFirst).
    pub fn start_first_names(&self) -> Vec<ServiceName> {
        let start_first = |spec: &&ServiceSpec| self.replace_strategy(spec) == ReplaceStrategy::StartFirst;
        self.services.iter().filter(start_first).map(|spec| spec.name.clone()).collect()
    }

    /// The hook with this name.
    pub fn hook(&self, name: HookName) -> Option<&Hook> {
        self.hooks.get(&name)
    }

    /// All variables by name: where each value comes from.
    pub fn variables(&self) -> &BTreeMap<String, Variable> {
        &self.variables
    }

    /// The service with this name, even if its profile is off.
    pub fn service(&self, name: &ServiceName) -> Option<&ServiceSpec> {
        self.services.iter().find(|s| s.name == *name)
    }

    /// Whether a service ends by design: another one waits for its end.
    pub fn runs_once(&self, name: &ServiceName) -> bool {
        let waits = |d: &Dependency| d.service == *name && d.condition == Condition::Completed;
        self.services.iter().flat_map(|service| &service.depends_on).any(waits)
    }

    /// The profiles that a site can be rendered with.
    pub fn profiles(&self) -> BTreeSet<&str> {
        self.services.iter().flat_map(|s| &s.profiles).map(String::as_str).collect()
    }
}
