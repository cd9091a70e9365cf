//! The foundation of all areas: request contexts and permissions, the audit trail, the clock, keys, jobs, tasks,
//! reconcilers, rate limits and settings.
//!
//! Areas (accounts, sites, domains, …) depend on this crate, never the reverse. Areas register what it runs for
//! them: see [`jobs::JobSpec`].

mod alerts;
pub mod audit;
pub mod audit_chain;
pub mod bus;
pub mod cached;
pub mod clock;
pub mod context;
pub mod doctor;
pub mod email;
pub mod error;
pub mod item_backoff;
pub mod jobs;
pub mod keys;
pub mod mail_limits;
pub mod mail_log;
pub mod permissions;
pub mod process_leases;
pub mod random;
pub mod rate_limits;
pub mod reconciler;
pub mod refusals;
pub mod relay;
pub mod security_log;
pub mod settings;
pub mod staff_reads;
pub mod tasks;
pub mod view;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use stoa_db::Db;
use stoa_model::account::Actor;

pub use bus::{Bus, Wakeup};
pub use clock::Clock;
pub use context::{Credential, RequestContext, SessionCredential};
pub use error::{Error, Result};
pub use keys::MasterKey;
pub use process_leases::ProcessLeases;
pub use settings::Settings;

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
    /// Wakes workers and reconcilers.
    pub bus: Arc<Bus>,
    /// What this process does for all of them.
    pub leases: ProcessLeases,
    /// Whether a certificate covers the portal's name.
    portal_is_covered: Arc<AtomicBool>,
    /// Refused requests that were noted lately.
    pub refusals: Arc<refusals::RecentRefusals>,
    /// Reads of customers' data by staff that were noted lately.
    pub staff_reads: Arc<staff_reads::RecentReads>,
    /// The audit trail as a file.
    pub security_log: Arc<security_log::SecurityLog>,
}

impl Core {
    /// Combines these parts.
    pub fn new(settings: Settings, db: Db, clock: Clock, key: MasterKey) -> Self {
        let db = db.with_audit_key(audit_chain::audit_key(&key));
        Self {
            security_log: Arc::new(security_log::SecurityLog::new(&settings.data_dir)),
            leases: ProcessLeases::new(db.clone(), clock.clone(), settings.lease),
            settings: Arc::new(settings),
            db,
            clock,
            key: Arc::new(key),
            bus: Arc::default(),
            portal_is_covered: Arc::default(),
            refusals: Arc::default(),
            staff_reads: Arc::default(),
        }
    }

    /// The portal's address as it works now: over HTTPS from when a certificate covers its name.
    pub fn portal_url(&self) -> String {
        self.settings.portal_url_now(self.portal_is_covered.load(Ordering::Relaxed))
    }

    /// Notes whether a certificate covers the portal's name; the area `domains` does whenever its certificates change.
    pub fn set_portal_covered(&self, is_covered: bool) {
        self.portal_is_covered.store(is_covered, Ordering::Relaxed);
    }

    /// The context of a command that `actor` sends now.
    pub fn request_context(
        &self,
        actor: Actor,
        address: Option<std::net::IpAddr>,
        request_id: String,
    ) -> RequestContext {
        RequestContext::new(actor, address, request_id, self.clock.now())
    }

    /// The platform's own context; `what` names the command or reconciler in the audit trail.
    pub fn system_context(&self, what: &str) -> RequestContext {
        RequestContext::system(self.clock.now(), what)
    }
}
