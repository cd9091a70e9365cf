//! Sites: what they are created from, ordering them, what runs, and what may be done with them.

mod address_cooldown;
pub mod blueprints;
mod capacity;
mod change_terms;
mod cleanup;
pub mod command;
mod delete;
mod deletion_reminders;
mod dirty_sites;
mod doctor;
mod engine_cache;
mod engine_events;
mod inspect;
mod kernel_limits;
mod limits;
mod list;
mod login;
mod mail;
mod main_address;
mod offer;
mod order;
mod outage_notices;
mod pinned;
mod power;
mod programs;
mod purge;
mod register;
mod runtime;
pub mod sagas;
pub mod site_mail;
mod storage;
mod suspension;
pub mod terms;
mod traffic;
mod update;
pub mod view;

use std::{ops::Deref, sync::Arc};

use stoa_accounts::Accounts;
use stoa_core::{Core, item_backoff::ItemBackoff, jobs::JobRegistry};
use stoa_domains::Domains;
use stoa_integrations::{mail_relay::MailRelay, probe::Probe};
use stoa_model::id::SiteId;
use stoa_provider::{edge::Edge, engine::Engines};
use stoa_util::concurrency::ConcurrencyLimit;

pub use inspect::{MAX_LOG_LINES, SiteLog};
pub use register::Registered;
pub use runtime::{DATA_MISSING, Drift, Repair};

/// What the sites service is made of.
pub struct Parts {
    /// What all areas share.
    pub core: Core,
    /// Whose sites they are.
    pub accounts: Accounts,
    /// Their names, routes and certificates.
    pub domains: Domains,
    /// Where their stacks run.
    pub engines: Engines,
    /// Counts their traffic, if this process runs an edge.
    pub edge: Option<Arc<dyn Edge>>,
    /// Asks them whether they answer.
    pub probe: Arc<dyn Probe>,
    /// What they are created from.
    pub blueprints: blueprints::Blueprints,
    /// Where their mail goes.
    pub relay: Arc<dyn MailRelay>,
}

/// The sites service. Cheap to clone.
#[derive(Clone)]
pub struct Sites(Arc<Inner>);

/// What all methods share.
pub struct Inner {
    core: Core,
    accounts: Accounts,
    domains: Domains,
    engines: Engines,
    edge: Option<Arc<dyn Edge>>,
    probe: Arc<dyn Probe>,
    blueprints: blueprints::Blueprints,
    relay: Arc<dyn MailRelay>,
    blueprint_cache: pinned::BlueprintCache,
    engine_cache: engine_cache::EngineCache,
    traffic_baseline: traffic::TrafficBaseline,
    address_cooldown: address_cooldown::AddressCooldown,
    measurement_pace: storage::MeasurementPace,
    log_limit: ConcurrencyLimit<String>,
    programs: programs::ProgramLimits,
    /// Sites whose repair failed or did not last.
    repair_backoff: ItemBackoff<SiteId>,
    /// Sites whose environment could not be changed, each with the hostnames that it was to get.
    environment_backoff: ItemBackoff<(SiteId, String)>,
}

impl Deref for Sites {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Sites {
    /// A service of these parts. Nothing runs yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { core, accounts, domains, engines, edge, probe, blueprints, relay } = parts;
        Self(Arc::new(Inner {
            core,
            accounts,
            domains,
            engines,
            edge,
            probe,
            blueprints,
            relay,
            blueprint_cache: pinned::BlueprintCache::default(),
            engine_cache: engine_cache::EngineCache::default(),
            traffic_baseline: traffic::TrafficBaseline::default(),
            address_cooldown: address_cooldown::AddressCooldown::default(),
            measurement_pace: storage::MeasurementPace::default(),
            log_limit: inspect::log_limit(),
            programs: programs::ProgramLimits::default(),
            repair_backoff: ItemBackoff::default(),
            environment_backoff: ItemBackoff::default(),
        }))
    }

    /// What the steps of this area's jobs may touch.
    pub fn step_context(&self) -> sagas::StepContext {
        sagas::StepContext {
            core: self.core.clone(),
            engines: self.engines.clone(),
            domains: self.domains.clone(),
            probe: self.probe.clone(),
            programs: self.programs.clone(),
        }
    }

    /// Adds this area's kinds of jobs.
    pub fn register_jobs(&self, registry: JobRegistry) -> JobRegistry {
        let context = self.step_context();
        registry
            .with(sagas::CreateSite(context.clone()))
            .with(sagas::StartSite(context.clone()))
            .with(sagas::StopSite(context.clone()))
            .with(sagas::RestartSite(context.clone()))
            .with(sagas::UpdateSite(context.clone()))
            .with(sagas::ChangeDomain(context))
    }
}
