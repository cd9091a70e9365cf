//! Wakes workers and reconcilers, so that work does not wait for a timer.

use std::{
    collections::HashSet,
    mem,
    sync::{Mutex, PoisonError},
};

use stoa_model::id::SiteId;
use tokio::sync::Notify;

/// One [`Notify`] per kind of worker or reconciler.
#[derive(Debug, Default)]
pub struct Wakeups {
    /// A job was queued, cancelled or reopened.
    pub jobs: Notify,
    /// A task was queued.
    pub tasks: Notify,
    /// The runtime of any site may differ from its desired state.
    pub runtime: Notify,
    /// Sites were marked with [`Wakeups::mark_dirty`].
    pub dirty_sites: Notify,
    /// A site may be purged.
    pub purge: Notify,
    /// The set of names that need a certificate has changed.
    pub certificates: Notify,
    /// Domains are due for a check.
    pub domains: Notify,
    /// A site's main address may need to change.
    pub main_addresses: Notify,
    /// The names of a site have changed.
    pub environments: Notify,
    /// DNS records may differ from their desired state.
    pub dns_records: Notify,
    dirty: Mutex<HashSet<SiteId>>,
}

impl Wakeups {
    /// Schedules this site for the runtime reconciler.
    pub fn mark_dirty(&self, site: SiteId) {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner).insert(site);
        self.dirty_sites.notify_one();
    }

    /// Returns the sites marked since the last call.
    pub fn take_dirty(&self) -> HashSet<SiteId> {
        mem::take(&mut *self.dirty.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
