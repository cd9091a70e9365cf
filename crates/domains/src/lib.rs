//! Hostnames, custom domains, DNS records and certificates, and the routes at the edge that follow from them.
//!
//! A custom domain:
//!
//! ```text
//! claimed ──(TXT or file)──► verified ──(points here)──► certificate ──(requested)──► main address
//!    └──(claim expired)──► removed ◄──(removed by customer)──┘
//! ```
//!
//! Rules:
//! * A claim proves nothing and does not prevent other claims: otherwise names could be squatted. A *verified* name
//!   belongs to one site, which a unique constraint on hostnames enforces.
//! * The file must be on another web server: ours responds for every name that points to this machine, so a file
//!   there proves nothing (a forgotten or wildcard record, a domain whose owner has left or has not claimed it yet).
//!   A TXT record always counts, as only someone who controls the domain can set it.
//! * No certificate is ordered for a name that does not reach this machine, neither by its addresses nor through a
//!   proxy: the order would fail and count against the authority's limits.

mod certificates;
mod claim;
pub mod command;
mod dns_records;
mod dns_target;
mod doctor;
mod reachability;
mod reconcile;
mod routes;
mod show;
mod verified_notice;
mod verify;
pub mod view;

use std::{ops::Deref, sync::Arc};

use stoa_core::{Core, Error, Result};
use stoa_integrations::{probe::Probe, resolver::Resolver};
use stoa_model::site::{Lifecycle, Site};
use stoa_provider::{dns::Dns, edge::Edge};

pub use certificates::InitialIssuance;
pub use routes::{ApplicationUrl, EdgeLag};

/// The dependencies of the domains service.
pub struct Parts {
    /// The state that all areas share.
    pub core: Core,
    /// Routes hostnames to sites, if this process runs an edge. Otherwise other processes do.
    pub edge: Option<Arc<dyn Edge>>,
    /// Manages the records of the platform's own zone, if a DNS provider is configured.
    pub dns: Option<Arc<dyn Dns>>,
    /// Resolves names in the public DNS.
    pub resolver: Resolver,
    /// Asks web servers of domains: for files that prove ownership, and whether requests reach this machine.
    pub probe: Arc<dyn Probe>,
}

/// The domains service. Cheap to clone.
#[derive(Clone)]
pub struct Domains(Arc<Inner>);

/// State shared by all clones.
pub struct Inner {
    core: Core,
    edge: Option<Arc<dyn Edge>>,
    dns: Option<Arc<dyn Dns>>,
    resolver: Resolver,
    probe: Arc<dyn Probe>,
    routes: routes::Routing,
    certificate_cache: certificates::CertificateCache,
    order_state: certificates::OrderState,
    acme_account: certificates::AcmeAccount,
    reachability_token: tokio::sync::Mutex<Option<reachability::Token>>,
}

impl Deref for Domains {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Domains {
    /// A service with these dependencies.
    pub fn new(parts: Parts) -> Self {
        let Parts { core, edge, dns, resolver, probe } = parts;
        Self(Arc::new(Inner {
            core,
            edge,
            dns,
            resolver,
            probe,
            routes: routes::Routing::default(),
            certificate_cache: certificates::CertificateCache::default(),
            order_state: certificates::OrderState::default(),
            acme_account: certificates::AcmeAccount::default(),
            reachability_token: tokio::sync::Mutex::default(),
        }))
    }
}

/// The message of [`ensure_not_deleting`].
pub const SITE_IS_DELETING: &str = "This site is marked for deletion. Take the deletion back first.";

/// Fails for a site that is marked for deletion.
///
/// # Errors
/// [`Error::Conflict`] then.
pub fn ensure_not_deleting(site: &Site) -> Result<()> {
    if site.lifecycle == Lifecycle::Deleting { Err(Error::Conflict(SITE_IS_DELETING.into())) } else { Ok(()) }
}
