//! The plan of a job: every choice, made and saved before the first effect. A crash, a retry or
//! an undo finds the same names, addresses and secrets again.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};
use stoa_model::{
    blueprint::{Blueprint, Fact, Origin, RenderInputs},
    host::Hostname,
    id::{CustomerId, JobId, SiteId},
    limits::Limits,
    net::Subnet,
    secret::{ExposeSecret, Sealed},
    site::Site,
    stack::{ProjectName, Stack},
};

use crate::blueprints::Loaded;
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
    /// Its network.
    pub subnet: Subnet,
    /// Its hostname.
    pub hostname: Hostname,
    /// What its application is told, or knows, as its address.
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
    /// What it is told.
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

/// A plan that can't be carried out: it was damaged, or made by another version.
#[derive(Debug, thiserror::Error)]
#[error("the plan of {job} can't be used: {reason}")]
pub struct BadPlan {
    job: JobId,
    reason: String,
}

impl SitePlan {
    /// A plan for a site with these secrets; `url` is what its application is or was told.
    pub fn of(
        site: &Site,
        job: JobId,
        subnet: Subnet,
        loaded: &Loaded,
        settings: &Settings,
        url: &str,
        secrets: BTreeMap<String, Sealed>,
    ) -> Self {
        Self {
            job,
            site: site.id,
            customer: site.customer,
            project: site.project.clone(),
            directory: settings.site_directory(site.customer, site.id),
            subnet,
            hostname: site.hostname.clone(),
            url: url.to_owned(),
            blueprint: loaded.source.clone(),
            profiles: site.profiles.clone(),
            main_limits: site.limits,
            facts: facts(site, &loaded.blueprint, url),
            secrets,
        }
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

    /// The same, with another address of the site: for what the application is told anew.
    ///
    /// # Errors
    /// As [`SitePlan::values`], and if the plan is damaged.
    pub fn values_at(&self, key: &MasterKey, url: &str) -> Result<BTreeMap<String, String>, BadPlan> {
        let mut values = self.values(key)?;
        for (name, variable) in self.blueprint()?.variables() {
            if variable.origin == Origin::Fact(Fact::SiteUrl) {
                values.insert(name.clone(), url.to_owned());
            }
        }
        Ok(values)
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
            subnet: self.subnet,
            main_limits: Some(self.main_limits),
            profiles: self.profiles.clone(),
            values: self.values(key)?,
        };
        self.blueprint()?.render(&inputs).map_err(|e| self.bad(e))
    }

    /// Where the edge finds the site.
    ///
    /// # Errors
    /// If the plan is damaged.
    pub fn upstream(&self) -> Result<SocketAddr, BadPlan> {
        self.blueprint()?.upstream(&self.subnet).ok_or_else(|| self.bad("the network is too small"))
    }

    pub(super) fn bad(&self, reason: impl ToString) -> BadPlan {
        BadPlan { job: self.job, reason: reason.to_string() }
    }
}

/// Makes all secrets of a new site and seals them.
pub fn fresh_secrets(site: SiteId, blueprint: &Blueprint, key: &MasterKey) -> BTreeMap<String, Sealed> {
    let mut secrets = BTreeMap::new();
    for (name, variable) in blueprint.variables() {
        if let Origin::Secret(generator) = &variable.origin {
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

fn facts(site: &Site, blueprint: &Blueprint, url: &str) -> BTreeMap<String, String> {
    let value = |origin: &Origin| match origin {
        Origin::Secret(_) => None,
        Origin::Default(text) => Some(text.clone()),
        Origin::Fact(fact) => Some(match fact {
            Fact::SiteId => site.id.to_string(),
            Fact::SiteTitle => site.title.as_str().to_owned(),
            Fact::SiteUrl => url.to_owned(),
            Fact::SiteHostname | Fact::SiteHostnames => site.hostname.to_string(),
            Fact::AdminUser => site.admin_user.as_str().to_owned(),
            Fact::AdminEmail => site.admin_email.as_str().to_owned(),
        }),
    };
    blueprint.variables().iter().filter_map(|(name, variable)| Some((name.clone(), value(&variable.origin)?))).collect()
}
