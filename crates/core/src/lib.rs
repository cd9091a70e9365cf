//! The foundation of all areas: request contexts and permissions, the audit trail, the clock, keys, jobs, tasks,
//! reconcilers, rate limits and settings.
//!
//! Areas (accounts, sites, domains, …) depend on this crate, never the reverse. Areas register what it runs for
//! them: see [`jobs::JobSpec`].

pub mod audit;
pub mod cached;
pub mod clock;
pub mod context;
pub mod doctor;
pub mod error;
pub mod item_backoff;
pub mod jobs;
pub mod keys;
pub mod permissions;
pub mod process_leases;
pub mod random;
pub mod rate_limits;
pub mod reconciler;
pub mod settings;
pub mod tasks;
pub mod view;
mod wakeups;

use std::sync::Arc;

use stoa_db::Db;
use stoa_model::account::Actor;

pub use clock::Clock;
pub use context::RequestContext;
pub use error::{Error, Result};
pub use keys::MasterKey;
pub use rate_limits::RateLimits;
pub use settings::Settings;
pub use wakeups::Wakeups;

/// The state that all areas share. Cheap to clone.
#[derive(Clone)]
pub struct Core {
    /// The operator's settings.
    pub settings: Arc<Settings>,
    /// The database, migrated.
    pub db: Db,
    /// The current time.
    pub clock: Clock,
    /// Seals secrets at rest.
    pub key: Arc<MasterKey>,
    /// Counts attempts per client.
    pub rate_limits: Arc<RateLimits>,
    /// Wakes workers and reconcilers.
    pub wakeups: Arc<Wakeups>,
}

impl Core {
    /// Combines these parts.
    pub fn new(settings: Settings, db: Db, clock: Clock, key: MasterKey) -> Self {
        Self {
            rate_limits: Arc::new(RateLimits::new(&settings.rates)),
            settings: Arc::new(settings),
            db,
            clock,
            key: Arc::new(key),
            wakeups: Arc::default(),
        }
    }

    /// The context of a command that `actor` sends now.
    pub fn request_context(
        &self,
        actor: Actor,
        address: Option<std::net::IpAddr>,
        request_id: String,
    ) -> RequestContext {
        RequestContext { actor, address, request_id, now: self.clock.now() }
    }

    /// The platform's own context; `what` names the command or reconciler in the audit trail.
    pub fn system_context(&self, what: &str) -> RequestContext {
        RequestContext::system(self.clock.now(), what)
    }
}
