//! Wakes workers and reconcilers, so that nothing waits for a timer.

use std::{
    collections::HashSet,
    mem,
    sync::{Mutex, PoisonError},
};

use stoa_model::id::SiteId;
use tokio::sync::Notify;

/// One [`Notify`] per worker or reconciler that has something to do.
#[derive(Debug, Default)]
pub struct Wakeups {
    /// A job was queued, cancelled or reopened.
    pub jobs: Notify,
    /// A task was queued.
    pub tasks: Notify,
    /// What runs may differ from what should run, for any site.
    pub runtime: Notify,
    /// Sites were marked with [`Wakeups::mark_dirty`].
    pub dirty_sites: Notify,
    /// A site may be purged.
    pub purge: Notify,
    /// Names that need a certificate have changed.
    pub certificates: Notify,
    /// Domains are due for a check.
    pub domains: Notify,
    /// A site's main address may be due to change.
    pub main_addresses: Notify,
    /// DNS records differ from what they should be.
    pub dns_records: Notify,
    dirty: Mutex<HashSet<SiteId>>,
}

impl Wakeups {
    /// Has the runtime reconciler look at this one site soon.
    pub fn mark_dirty(&self, site: SiteId) {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner).insert(site);
        self.dirty_sites.notify_one();
    }

    /// The sites marked since the last call.
    pub fn take_dirty(&self) -> HashSet<SiteId> {
        mem::take(&mut *self.dirty.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
