//! What steps may touch.

use std::sync::Arc;

use stoa_core::Core;
use stoa_domains::Domains;
use stoa_integrations::probe::Probe;
use stoa_provider::engine::Engine;

/// What the steps of jobs on sites get: not the services, only what they act with.
#[derive(Clone)]
pub struct StepContext {
    /// Settings, database, clock, keys, wakeups.
    pub core: Core,
    /// Where stacks run.
    pub engine: Arc<dyn Engine>,
    /// Routes, certificates and DNS records.
    pub domains: Domains,
    /// Asks sites whether they answer.
    pub probe: Arc<dyn Probe>,
}
