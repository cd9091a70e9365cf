//! The product: what people can ask for, the sagas that do it, and the reconcilers that keep it so.
//!
//! [`Control`] is the one service layer under pages, API and command line. Every method takes the
//! context ([`RequestContext`]) of who asks; it begins with the permission and ends with the audit event, in
//! the same transaction as the change.

mod accounts;
pub mod blueprints;
mod certificates;
mod clock;
pub mod command;
pub mod context;
mod doctor;
mod domains;
pub mod error;
#[cfg(debug_assertions)]
mod faults;
mod files;
mod jobs;
pub mod keys;
pub mod password;
pub mod probe;
pub mod random;
mod reconcile;
pub mod sagas;
pub mod settings;
mod sites;
mod tasks;
pub mod throttle;
pub mod view;

use std::{
    collections::{HashMap, HashSet},
    ops::Deref,
    sync::Arc,
    time::Duration,
};

use stoa_db::Db;
use stoa_integrations::{mail::Mailer, resolver::Resolver};
use stoa_model::{
    account::Actor,
    id::{JobId, SiteId},
};
use stoa_provider::{dns::Dns, edge::Edge, engine::Engine};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

pub use clock::Clock;
pub use context::RequestContext;
pub use error::{Error, Result};
pub use reconcile::{Drift, Repair};
pub use settings::Settings;
pub use sites::MOST_LINES;

/// The longest that the end of a process waits for what the engine was told to make.
const SETTLE: Duration = Duration::from_secs(15);

/// What the binary wires together.
pub struct Parts {
    /// The operator's settings.
    pub settings: Settings,
    /// The database, migrated.
    pub db: Db,
    /// Where stacks run.
    pub engine: Arc<dyn Engine>,
    /// What routes hostnames to them.
    pub edge: Arc<dyn Edge>,
    /// Who keeps the records of the platform's own zone, if the platform may change them.
    pub dns: Option<Arc<dyn Dns>>,
    /// Looks names up as the world sees them.
    pub resolver: Resolver,
    /// How mail leaves.
    pub mailer: Mailer,
    /// Seals secrets.
    pub key: keys::MasterKey,
    /// What sites are made from.
    pub blueprints: blueprints::Blueprints,
    /// Tells the time.
    pub clock: Clock,
    /// Asks sites whether they answer.
    pub probe: Arc<dyn probe::Probe>,
}

/// The service layer. Cheap to clone.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

/// What all methods share.
pub struct Inner {
    pub(crate) settings: Settings,
    pub(crate) db: Db,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) edge: Arc<dyn Edge>,
    pub(crate) dns: Option<Arc<dyn Dns>>,
    pub(crate) resolver: Resolver,
    pub(crate) mailer: Mailer,
    pub(crate) key: keys::MasterKey,
    pub(crate) blueprints: blueprints::Blueprints,
    pub(crate) clock: Clock,
    pub(crate) probe: Arc<dyn probe::Probe>,
    pub(crate) hasher: password::Hasher,
    pub(crate) throttle: throttle::Throttle,
    pub(crate) machine: reconcile::Machine,
    pub(crate) routes: reconcile::Routing,
    pub(crate) counted: reconcile::Counted,
    pub(crate) shelf: certificates::Shelf,
    pub(crate) ordering: certificates::Ordering,
    pub(crate) authority: certificates::Authority,
    pub(crate) readdressed: domains::Readdressed,
    pub(crate) nudges: Nudges,
    /// Sites to be looked at before the next look at all of them.
    pub(crate) touched: std::sync::Mutex<HashSet<SiteId>>,
    /// Jobs that this process runs, and how to cancel them.
    pub(crate) running: std::sync::Mutex<HashMap<JobId, CancellationToken>>,
    /// Jobs that changed, for those who watch.
    pub(crate) changes: broadcast::Sender<JobId>,
}

/// Wakes what waits for work, so that nobody waits for a timer.
#[derive(Default)]
pub(crate) struct Nudges {
    pub jobs: Notify,
    pub tasks: Notify,
    pub power: Notify,
    pub touched: Notify,
    pub purge: Notify,
    pub certificates: Notify,
    pub domains: Notify,
    pub addresses: Notify,
    pub names: Notify,
}

impl Deref for Control {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Control {
    /// Puts the service layer together. Nothing runs yet: see [`Control::run`].
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            throttle: throttle::Throttle::new(&parts.settings.rates),
            settings: parts.settings,
            db: parts.db,
            engine: parts.engine,
            edge: parts.edge,
            dns: parts.dns,
            resolver: parts.resolver,
            mailer: parts.mailer,
            key: parts.key,
            blueprints: parts.blueprints,
            clock: parts.clock,
            probe: parts.probe,
            hasher: password::Hasher::default(),
            machine: reconcile::Machine::default(),
            routes: reconcile::Routing::default(),
            counted: reconcile::Counted::default(),
            shelf: certificates::Shelf::default(),
            ordering: certificates::Ordering::default(),
            authority: certificates::Authority::default(),
            readdressed: domains::Readdressed::default(),
            nudges: Nudges::default(),
            touched: std::sync::Mutex::default(),
            running: std::sync::Mutex::default(),
            changes: broadcast::channel(1024).0,
        }))
    }

    /// The operator's settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The database, for the command line's own verbs and for tests.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// The context of a command that `actor` gives now.
    pub fn request_context(
        &self,
        actor: Actor,
        address: Option<std::net::IpAddr>,
        request_id: String,
    ) -> RequestContext {
        RequestContext { actor, address, request_id, now: self.clock.now() }
    }

    /// The platform's own context, for a verb named `what`.
    pub fn system_context(&self, what: &str) -> RequestContext {
        RequestContext::system(self.clock.now(), what)
    }

    /// Says which jobs change, as they do; read them anew with [`Control::job_get`].
    pub fn job_changes(&self) -> broadcast::Receiver<JobId> {
        self.changes.subscribe()
    }

    /// Works until `stop`: jobs, tasks and reconcilers. What is under way then is left where it
    /// stands, for the next process to go on with.
    pub async fn run(&self, stop: CancellationToken) {
        if let Err(error) = self.shelf_reload().await {
            tracing::error!(%error, "the certificates could not be loaded; trying again");
        }
        if let Err(error) = self.routes_reload().await {
            tracing::error!(%error, "the routes could not be loaded; trying again");
        }
        tokio::join!(
            jobs::work(self.clone(), stop.clone()),
            tasks::work(self.clone(), stop.clone()),
            reconcile::run(self.clone(), stop),
        );
        // Those that were given up too, else the next process would look while they go on.
        let _ = tokio::time::timeout(SETTLE, self.engine.settled()).await;
    }
}
