//! Hostnames, custom domains, DNS records and certificates, and the routes at the edge that follow from them.
//!
//! A custom domain:
//!
//! ```text
//! claimed ──(TXT or file)──► verified ──(leads here)──► certificate ──(wanted)──► main address
//!    └──(claim ran out)──► removed ◄──(given up)──┘
//! ```
//!
//! The rules, and why:
//! * A claim proves nothing and keeps nobody else from claiming: else a name could be squatted. A
//!   *verified* name is one site's; the unique hostname in the database says so.
//! * The file must lie on somebody else's web server: our own answers for every name that leads
//!   here, so it proves nothing (a forgotten or wildcard record, a domain whose owner has left or
//!   has not claimed it yet). TXT counts always, as only who controls the domain can set it.
//! * What leads elsewhere is not asked a certificate for: that would only use up what the
//!   authority allows.

mod certificates;
mod claim;
pub mod command;
mod dns_records;
mod dns_target;
mod doctor;
mod reconcile;
mod routes;
mod show;
mod verify;
pub mod view;

use std::{ops::Deref, sync::Arc};

use stoa_core::{Core, Error, Result};
use stoa_integrations::{probe::Probe, resolver::Resolver};
use stoa_model::site::{Lifecycle, Site};
use stoa_provider::{dns::Dns, edge::Edge};

pub use certificates::InitialIssuance;
pub use routes::{ApplicationUrl, EdgeLag};

/// What the domains service is made of.
pub struct Parts {
    /// What all areas share.
    pub core: Core,
    /// Routes hostnames to sites.
    pub edge: Arc<dyn Edge>,
    /// Keeps the records of the platform's own zone, if the platform may change them.
    pub dns: Option<Arc<dyn Dns>>,
    /// Resolves names as the world sees them.
    pub resolver: Resolver,
    /// Fetches the files that prove a domain.
    pub probe: Arc<dyn Probe>,
}

/// The domains service. Cheap to clone.
#[derive(Clone)]
pub struct Domains(Arc<Inner>);

/// What all methods share.
pub struct Inner {
    core: Core,
    edge: Arc<dyn Edge>,
    dns: Option<Arc<dyn Dns>>,
    resolver: Resolver,
    probe: Arc<dyn Probe>,
    routes: routes::Routing,
    certificate_cache: certificates::CertificateCache,
    order_locks: certificates::OrderLocks,
    acme_account: certificates::AcmeAccount,
}

impl Deref for Domains {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Domains {
    /// A service of these parts. Nothing runs yet.
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
            order_locks: certificates::OrderLocks::default(),
            acme_account: certificates::AcmeAccount::default(),
        }))
    }
}

/// Why nothing can be added to a site that is being deleted.
pub const SITE_IS_DELETING: &str = "This site is marked for deletion. Take the deletion back first.";

/// Refuses a site that is marked for deletion.
///
/// # Errors
/// [`Error::Conflict`].
pub fn ensure_not_deleting(site: &Site) -> Result<()> {
    if site.lifecycle == Lifecycle::Deleting { Err(Error::Conflict(SITE_IS_DELETING.into())) } else { Ok(()) }
}
