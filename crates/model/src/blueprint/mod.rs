//! Blueprints: what sites are made from.
//!
//! A blueprint is a folder with `compose.yaml`: an ordinary Compose file that `docker compose
//! config` accepts, plus an `x-stoa` block that says what Compose has no words for. It is read in
//! one direction only: text → YAML nodes with their places → these types → a [`Stack`] for one site.
//!
//! Rules, and why:
//! - **Values are put into typed fields after parsing**, never into text: a shop's title can be
//!   YAML, a shell line or `${X}`, and stays a title.
//! - **The subset is closed.** A key that Stoa does not honour is an error with its line, as
//!   ignoring `read_only` misspelt would be a hole that nobody sees.
//! - **Nothing that leaves the site's own sandbox can be said**: no host paths, no published ports,
//!   no foreign networks, no privileges. An operator can take a stranger's blueprint and only has
//!   to trust its images.
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

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

pub use hook::{Hook, HookName};
pub use problem::Problem;
pub use render::{RenderError, RenderInputs};
pub use service::ServiceSpec;
pub use template::{Fallback, Part, Template};
pub use variable::{Charset, Fact, Generator, Origin, Variable};

use crate::{
    net::Subnet,
    stack::{ServiceName, Stack, VolumeName},
};

/// A parsed blueprint; every name in it refers to something that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blueprint {
    /// Its folder's name, and what plans and sites refer to.
    pub name: String,
    /// What people read.
    pub title: String,
    /// A sentence or two for the people who choose.
    pub description: String,
    /// What it is for.
    pub kind: Kind,
    /// Where the site's requests go.
    pub route: Entry,
    /// Path polled on the routed service itself until it answers 200.
    pub health: String,
    /// Path requested through the edge, as a visitor would; 200 is expected.
    pub front: String,
    /// Everything that `${…}` may refer to, by name.
    pub variables: BTreeMap<String, Variable>,
    /// What the customer may reveal, in the order shown.
    pub credentials: Vec<Credential>,
    /// Commands run inside the site's own services.
    pub hooks: BTreeMap<HookName, Hook>,
    /// What a snapshot holds.
    pub backup: Backup,
    /// Whether an idle site may be put to sleep.
    pub sleep_allowed: bool,
    /// Facts of an image that people must be told of.
    pub notices: Vec<ImageNotice>,
    /// Named volumes.
    pub volumes: Vec<VolumeName>,
    /// All services, those of optional profiles too, in the file's order, which also gives their
    /// addresses.
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

/// What a snapshot holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backup {
    /// Volumes saved as files.
    pub volumes: Vec<VolumeName>,
    /// Whether the hooks `dump` and `restore` are part of it.
    pub database: bool,
}

/// A fact of an image that people must be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageNotice {
    /// Whose image.
    pub service: ServiceName,
    /// Which label of the image.
    pub label: String,
    /// The value that raises the notice. `None`, written `absent`, means that the label is missing,
    /// empty, or itself says `absent`, as build scripts can hardly leave a label out.
    pub equals: Option<String>,
    /// What people are told.
    pub message: String,
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

    /// Reads a blueprint; `file_name` only goes into the problems.
    ///
    /// # Errors
    /// All problems that could be found at once, in the file's order.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Vec<Problem>> {
        read::blueprint(file_name, text)
    }

    /// The full desired state of one site: every value in its typed field, verbatim.
    ///
    /// # Errors
    /// If a value is missing or can't be used where it is used, or the subnet is too small.
    pub fn render(&self, inputs: &RenderInputs) -> Result<Stack, RenderError> {
        render::render(self, inputs)
    }

    /// An example of the stack in Compose's form, with placeholders for values.
    ///
    /// # Errors
    /// If a default in the file makes no image reference; `parse` finds that first.
    pub fn check_report(&self) -> Result<String, RenderError> {
        render::check_report(self)
    }

    /// Where the edge finds the site in its subnet; `None` if the subnet is too small.
    pub fn upstream(&self, subnet: &Subnet) -> Option<SocketAddr> {
        let index = self.services.iter().position(|s| s.name == self.route.service)?;
        Some(SocketAddr::from((subnet.service_address(index)?, self.route.port)))
    }

    /// The hook with this name.
    pub fn hook(&self, name: HookName) -> Option<&Hook> {
        self.hooks.get(&name)
    }

    /// All variables by name: where each value comes from.
    pub fn variables(&self) -> &BTreeMap<String, Variable> {
        &self.variables
    }

    /// The service with this name, whether its profile is on or not.
    pub fn service(&self, name: &ServiceName) -> Option<&ServiceSpec> {
        self.services.iter().find(|s| s.name == *name)
    }

    /// The profiles that a site can be rendered with.
    pub fn profiles(&self) -> BTreeSet<&str> {
        self.services.iter().flat_map(|s| &s.profiles).map(String::as_str).collect()
    }
}
