//! The plan of a job: every choice, made and saved before the first effect. A crash, a retry or
//! an undo finds the same names, addresses and secrets again.

use std::{collections::BTreeMap, net::Ipv4Addr, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};
use stoa_model::{
    blueprint::{Blueprint, Fact, Origin, RenderInputs},
    host::Hostname,
    id::{CustomerId, JobId, SiteId},
    image::ImageId,
    limits::Limits,
    placement::Placement,
    secret::{ExposeSecret, Sealed},
    site::Site,
    stack::{ProjectName, ServiceName, Stack},
};

use crate::{blueprints::Loaded, site_mail::SmtpFacts};
use stoa_core::{MasterKey, random, settings::Settings};

/// What every job on a site needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SitePlan {
    /// The job; also the label on everything that it makes.
    pub job: JobId,
    /// The site.
    pub site: SiteId,
    /// Its owner.
    pub customer: CustomerId,
    /// Ties its parts together on the engine.
    pub project: ProjectName,
    /// Its directory.
    pub directory: PathBuf,
    /// The engine that it runs on.
    #[serde(default = "docker")]
    pub engine: String,
    /// Where it lies there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Plans of earlier releases name the site's network instead.
    #[serde(default, skip_serializing)]
    subnet: Option<String>,
    /// The revision that the job deploys.
    #[serde(default)]
    pub revision: u32,
    /// The blueprint's content hash; empty in plans of earlier releases.
    #[serde(default)]
    pub blueprint_version: String,
    /// What each service's image is pinned to.
    #[serde(default)]
    pub images: BTreeMap<ServiceName, ImageId>,
    /// Whether the site's volumes hold data: a missing one is an error then, not created again.
    #[serde(default)]
    pub holds_data: bool,
    /// Its hostname.
    pub hostname: Hostname,
    /// The address that its application knows, or learns from this job.
    #[serde(default)]
    pub url: String,
    /// Text of its `compose.yaml`.
    pub blueprint: String,
    /// Optional services that are on.
    pub profiles: Vec<String>,
    /// Limits of its main service.
    pub main_limits: Limits,
    /// Plain values of the blueprint's variables.
    pub facts: BTreeMap<String, String>,
    /// Secret values of the blueprint's variables, sealed.
    pub secrets: BTreeMap<String, Sealed>,
}

/// A main address: a name, and how the application writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The name.
    pub hostname: Hostname,
    /// As visitors type it.
    pub url: String,
}

/// From one main address to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// What the application knows before.
    pub from: Address,
    /// What it learns.
    pub to: Address,
}

/// A plan of a job on one site.
pub trait OnSite: Serialize + serde::de::DeserializeOwned + Send + Sync + 'static {
    /// What it says of the site.
    fn site(&self) -> &SitePlan;

    /// The main address that the site is to have from this job on, if the job changes it.
    fn new_address(&self) -> Option<&Address> {
        None
    }
}

macro_rules! site_plans {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub SitePlan);

        impl OnSite for $name {
            fn site(&self) -> &SitePlan {
                &self.0
            }
        }
    )*};
}

site_plans! {
    /// The plan of a job that makes a site.
    CreatePlan;
    /// The plan of a job that starts, stops or restarts a site.
    PowerPlan;
}

/// The plan of a job that gives a site another main address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeDomainPlan {
    /// The site; its hostname is the new one.
    #[serde(flatten)]
    pub site: SitePlan,
    /// From which address to which.
    #[serde(rename = "move")]
    pub change: Move,
}

impl OnSite for ChangeDomainPlan {
    fn site(&self) -> &SitePlan {
        &self.site
    }

    fn new_address(&self) -> Option<&Address> {
        Some(&self.change.to)
    }
}

/// What a site is to be made of, and where.
pub struct Target {
    /// The blueprint.
    pub pinned: Arc<Loaded>,
    /// Where it lies.
    pub placement: Placement,
    /// Its number.
    pub revision: u32,
    /// What each service's image is pinned to.
    pub images: BTreeMap<ServiceName, ImageId>,
    /// Whether its volumes hold data.
    pub holds_data: bool,
    /// The address that the application knows, or learns from this job.
    pub url: String,
    /// All names of the site, the main one first.
    pub hostnames: Vec<Hostname>,
    /// How it sends mail.
    pub smtp: SmtpFacts,
}

fn docker() -> String {
    "docker".to_owned()
}

/// The plan of a job that moves a site to another revision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UpdatePlan {
    /// What the site becomes.
    #[serde(flatten)]
    pub to: SitePlan,
    /// What it is.
    pub from: SitePlan,
    /// Secrets that it does not have yet, sealed; they are part of `to`.
    pub new_secrets: BTreeMap<String, Sealed>,
}

impl OnSite for UpdatePlan {
    fn site(&self) -> &SitePlan {
        &self.to
    }
}

/// A plan that can't be carried out: it was damaged, or made by another version.
#[derive(Debug, thiserror::Error)]
#[error("the plan of {job} can't be used: {reason}")]
pub struct BadPlan {
    job: JobId,
    reason: String,
}

impl SitePlan {
    /// A plan of a job on this site.
    pub fn of(site: &Site, job: JobId, settings: &Settings, target: Target, secrets: BTreeMap<String, Sealed>) -> Self {
        let Target { pinned, placement, revision, images, holds_data, url, hostnames, smtp } = target;
        Self {
            job,
            site: site.id,
            customer: site.customer,
            project: site.project.clone(),
            directory: settings.site_directory(site.customer, site.id),
            engine: placement.engine.clone(),
            placement: Some(placement),
            subnet: None,
            revision,
            blueprint_version: pinned.version.clone(),
            images,
            holds_data,
            hostname: site.hostname.clone(),
            blueprint: pinned.source.clone(),
            profiles: site.profiles.clone(),
            main_limits: site.limits,
            facts: facts(site, &pinned.blueprint, &url, &hostnames, &smtp),
            url,
            secrets,
        }
    }

    /// The lease of a plan that an earlier release made: the first address of its network.
    pub(crate) fn legacy_lease(&self) -> Option<i64> {
        let (address, _) = self.subnet.as_deref()?.split_once('/')?;
        Some(i64::from(u32::from(address.parse::<Ipv4Addr>().ok()?)))
    }

    /// The blueprint as it was when the plan was made.
    ///
    /// # Errors
    /// If this version of the platform can't read it.
    pub fn blueprint(&self) -> Result<Blueprint, BadPlan> {
        Blueprint::parse("compose.yaml", &self.blueprint)
            .map_err(|problems| self.bad(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))
    }

    /// All values of the blueprint's variables, secrets opened.
    ///
    /// # Errors
    /// If a secret doesn't open with this master key.
    pub fn values(&self, key: &MasterKey) -> Result<BTreeMap<String, String>, BadPlan> {
        let mut values = self.facts.clone();
        for (name, sealed) in &self.secrets {
            let secret = key.open(&secret_context(self.site, name), sealed).map_err(|e| self.bad(e))?;
            values.insert(name.clone(), secret.expose_secret().to_owned());
        }
        Ok(values)
    }

    /// The same plan with another main address: for the environment and the hooks of an application
    /// that is given one.
    ///
    /// # Errors
    /// If the plan is damaged.
    pub fn at_address(&self, address: &Address) -> Result<Self, BadPlan> {
        let mut plan = Self { url: address.url.clone(), hostname: address.hostname.clone(), ..self.clone() };
        for (name, variable) in self.blueprint()?.variables() {
            let value = match variable.origin {
                Origin::Fact(Fact::SiteUrl) => address.url.clone(),
                Origin::Fact(Fact::SiteHostname) => address.hostname.to_string(),
                Origin::Fact(Fact::SiteHostnames) => {
                    let known = self.facts.get(name).map(String::as_str).unwrap_or_default();
                    main_first(&address.hostname, known)
                }
                _ => continue,
            };
            plan.facts.insert(name.clone(), value);
        }
        Ok(plan)
    }

    /// The full desired state on the engine.
    ///
    /// # Errors
    /// If the plan is damaged.
    pub fn stack(&self, key: &MasterKey) -> Result<Stack, BadPlan> {
        let inputs = RenderInputs {
            site: self.site,
            project: self.project.clone(),
            directory: self.directory.clone(),
            main_limits: Some(self.main_limits),
            profiles: self.profiles.clone(),
            values: self.values(key)?,
            images: self.images.clone(),
        };
        self.blueprint()?.render(&inputs).map_err(|e| self.bad(e))
    }

    pub(crate) fn bad(&self, reason: impl ToString) -> BadPlan {
        BadPlan { job: self.job, reason: reason.to_string() }
    }
}

/// Makes the secrets of a site that `known` does not have, and seals them.
pub fn fresh_secrets(
    site: SiteId,
    blueprint: &Blueprint,
    known: &BTreeMap<String, Sealed>,
    key: &MasterKey,
) -> BTreeMap<String, Sealed> {
    let mut secrets = BTreeMap::new();
    for (name, variable) in blueprint.variables() {
        if let Origin::Secret(generator) = &variable.origin
            && !known.contains_key(name)
        {
            let secret = generator.generate(&mut random::fill);
            secrets.insert(name.clone(), key.seal(&secret_context(site, name), &secret));
        }
    }
    secrets
}

/// What a secret of a site is sealed for.
pub fn secret_context(site: SiteId, name: &str) -> String {
    format!("{site}/{name}")
}

/// What a login's password is sealed for.
pub fn credential_context(site: SiteId, ordinal: u32) -> String {
    format!("{site}/credential/{ordinal}")
}

/// A list of names with this one at its head.
fn main_first(main: &Hostname, list: &str) -> String {
    let others = list.split(',').filter(|name| !name.is_empty() && *name != main.as_str());
    std::iter::once(main.as_str()).chain(others).collect::<Vec<_>>().join(",")
}

fn list(hostnames: &[Hostname]) -> String {
    hostnames.iter().map(Hostname::as_str).collect::<Vec<_>>().join(",")
}

/// The values of all variables that are no secrets.
pub(crate) fn facts(
    site: &Site,
    blueprint: &Blueprint,
    url: &str,
    hostnames: &[Hostname],
    smtp: &SmtpFacts,
) -> BTreeMap<String, String> {
    let value = |origin: &Origin| match origin {
        Origin::Secret(_) => None,
        Origin::Default(text) => Some(text.clone()),
        Origin::Fact(fact) => Some(match fact {
            Fact::SiteId => site.id.to_string(),
            Fact::SiteTitle => site.title.as_str().to_owned(),
            Fact::SiteUrl => url.to_owned(),
            Fact::SiteHostname => site.hostname.to_string(),
            Fact::SiteHostnames => list(hostnames),
            Fact::SiteMaxBody => site.edge.max_body.to_string(),
            Fact::SiteResponseSeconds => site.edge.response_seconds.to_string(),
            Fact::AdminUser => site.admin_user.as_str().to_owned(),
            Fact::AdminEmail => site.admin_email.as_str().to_owned(),
            Fact::SmtpHost => smtp.host.clone(),
            Fact::SmtpPort => smtp.port.clone(),
            Fact::SmtpUser => site.id.to_string(),
            Fact::SmtpFrom => smtp.from.clone(),
        }),
    };
    blueprint.variables().iter().filter_map(|(name, variable)| Some((name.clone(), value(&variable.origin)?))).collect()
}
