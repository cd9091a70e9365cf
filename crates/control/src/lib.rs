//! The platform as one value: the areas' services, wired together, and the reconcilers that keep what
//! they promise. It has no rules of its own; each lies in its area's crate.

mod closing;
mod doctor;
mod mail;
mod reconcilers;
mod retention;
pub mod search;

use std::{sync::Arc, time::Duration};

use stoa_accounts::{Accounts, mail::SendAccountMail};
use stoa_billing::{Billing, StripeAccount, stripe::SyncStripe};
use stoa_core::{
    Clock, Core, MasterKey, Result, Settings,
    jobs::{JobRegistry, Jobs},
    mail_log::MailLog,
    reconciler::Supervisor,
    relay,
    tasks::{TaskRegistry, Tasks, mail::SendMail},
};
use stoa_db::Db;
use stoa_domains::Domains;
use stoa_integrations::{mail::Mailer, mail_relay::MailRelay, probe::Probe, resolver::Resolver};
use stoa_provider::{dns::Dns, edge::Edge, engine::Engines};
use stoa_sites::{Sites, blueprints::Blueprints};
use tokio_util::sync::CancellationToken;

use crate::search::index::SearchIndex;

/// How long the end of a process waits for changes on the engine that are in progress.
const ENGINE_SETTLE_TIMEOUT: Duration = Duration::from_secs(15);

/// What a process does. By default all; on a database server, several processes can share it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Receives visitors.
    pub edge: bool,
    /// Serves the portal and the API.
    pub web: bool,
    /// Runs jobs, tasks and reconcilers.
    pub worker: bool,
}

impl Roles {
    /// Everything.
    pub const ALL: Self = Self { edge: true, web: true, worker: true };
}

/// What the binary wires together.
pub struct Parts {
    /// The operator's settings.
    pub settings: Settings,
    /// The database, migrated.
    pub db: Db,
    /// Where stacks run.
    pub engines: Engines,
    /// Routes hostnames to them, if this process runs an edge.
    pub edge: Option<Arc<dyn Edge>>,
    /// Keeps the records of the platform's own zone, if the platform may change them.
    pub dns: Option<Arc<dyn Dns>>,
    /// Resolves names as the world sees them.
    pub resolver: Resolver,
    /// How mail leaves.
    pub mailer: Mailer,
    /// How mail of sites leaves.
    pub relay: Arc<dyn MailRelay>,
    /// Seals secrets.
    pub key: MasterKey,
    /// What sites are created from.
    pub blueprints: Blueprints,
    /// Tells the time.
    pub clock: Clock,
    /// Asks sites whether they answer.
    pub probe: Arc<dyn Probe>,
    /// Who collects payments, if the operator has an account there.
    pub stripe: Option<StripeAccount>,
}

/// The areas' services. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    /// What all areas share.
    pub core: Core,
    /// Customers, staff, sessions, tokens.
    pub accounts: Accounts,
    /// Hostnames, domains, DNS records, certificates, routes.
    pub domains: Domains,
    /// Sites and what runs them.
    pub sites: Sites,
    /// Plans, subscriptions, payments.
    pub billing: Billing,
    /// Durable work on sites.
    pub jobs: Jobs,
    /// Single effects, done at least once: mail.
    pub tasks: Tasks,
    /// What became of each e-mail.
    pub mail_log: MailLog,
    /// Keep what the areas promise.
    pub reconcilers: Supervisor,
    mailer: Mailer,
    engines: Engines,
    search_index: SearchIndex,
}

impl Control {
    /// Wires the areas together. Nothing runs yet: see [`Control::run`].
    pub fn new(parts: Parts) -> Self {
        let Parts { settings, db, engines, edge, dns, resolver, mailer, relay, key, blueprints, clock, probe, stripe } =
            parts;
        let core = Core::new(settings, db, clock, key);
        let accounts = Accounts::new(core.clone(), mailer.delivers());
        let domains = Domains::new(stoa_domains::Parts {
            core: core.clone(),
            edge: edge.clone(),
            dns,
            resolver,
            probe: probe.clone(),
        });
        let sites = Sites::new(stoa_sites::Parts {
            core: core.clone(),
            accounts: accounts.clone(),
            domains: domains.clone(),
            engines: engines.clone(),
            edge,
            probe,
            blueprints,
            relay,
        });
        let billing = Billing::new(core.clone(), sites.clone(), stripe);
        let jobs = Jobs::new(core.clone(), sites.register_jobs(JobRegistry::default()));
        let account_mail = SendAccountMail::new(core.clone(), mailer.clone());
        let registry = TaskRegistry::default()
            .with(SendMail::new(core.clone(), mailer.clone()))
            .with(account_mail)
            .with(SyncStripe(billing.clone()));
        let tasks = Tasks::new(core.clone(), registry);
        let reconcilers = Supervisor::new(core.clone());
        let mail_log = MailLog::new(core.clone());
        Self {
            core,
            accounts,
            domains,
            sites,
            billing,
            jobs,
            tasks,
            mail_log,
            reconcilers,
            mailer,
            engines,
            search_index: SearchIndex::default(),
        }
    }

    /// The operator's settings.
    pub fn settings(&self) -> &Settings {
        &self.core.settings
    }

    /// Loads certificates and routes.
    ///
    /// # Errors
    /// If the database does not answer, or the edge refuses them. Their reconcilers try again.
    pub async fn load(&self) -> Result<()> {
        self.domains.load().await
    }

    /// Works until `retire`: jobs, tasks and reconcilers. What is in progress then is left where it stands, for the next
    /// process to continue. What this process needs to serve its open connections is maintained until `stop`.
    pub async fn run(&self, roles: Roles, retire: CancellationToken, stop: CancellationToken) {
        let work = async {
            if roles.worker {
                tokio::join!(
                    self.jobs.work(retire.clone()),
                    self.tasks.work(retire.clone()),
                    self.sites.deliver_mail(&retire)
                );
            }
        };
        tokio::join!(work, relay::run(&self.core, &stop), reconcilers::run(self.clone(), roles, &retire, &stop));
        // Abandoned changes too, else the next process would look while they continue.
        let settled = futures_util::future::join_all(self.engines.iter().map(|engine| engine.settled()));
        let _ = tokio::time::timeout(ENGINE_SETTLE_TIMEOUT, settled).await;
    }
}
