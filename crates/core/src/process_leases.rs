//! Leases of a process on what only one process may do at a time, such as a reconciler.
//!
//! The database is the arbiter. A process renews its leases three times within their duration; when it hangs or
//! dies, they expire and another one acquires them. A process that was suspended notices at its next renewal that a
//! lease is lost, and drops what it was doing under it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use stoa_db::{Db, core::processes};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{Clock, Result, random};

/// The leases of one process. Cheap to clone.
#[derive(Clone)]
pub struct ProcessLeases(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    /// How long a lease lasts without being renewed.
    duration: Duration,
    /// Names this process and its run.
    owner: String,
    /// Each held lease with the token that is cancelled when it is lost.
    held: Mutex<HashMap<String, CancellationToken>>,
}

impl ProcessLeases {
    /// No leases yet.
    pub fn new(db: Db, clock: Clock, duration: Duration) -> Self {
        Self(Arc::new(Inner { owner: random::holder_name(clock.now()), db, clock, duration, held: Mutex::default() }))
    }

    /// The name of this process in the database.
    pub fn owner(&self) -> &str {
        &self.0.owner
    }

    /// Acquires the lease, if no other process holds it. The token is cancelled when it is lost.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn acquire(&self, name: &str) -> Result<Option<CancellationToken>> {
        if !self.try_acquire(name).await? {
            return Ok(None);
        }
        let mut held = self.held();
        let token = held.entry(name.to_owned()).or_default();
        if token.is_cancelled() {
            *token = CancellationToken::new();
        }
        Ok(Some(token.clone()))
    }

    /// Renews the leases until `stop`.
    pub async fn keep(&self, stop: &CancellationToken) {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(self.0.duration / 3) => {}
            }
            if self.held().is_empty() {
                continue;
            }
            let sent = Instant::now();
            let Inner { db, clock, owner, duration, .. } = &*self.0;
            match processes::process_leases_renew(db, owner, clock.now() + *duration).await {
                Ok(still_held) => {
                    renewed = sent;
                    self.drop_leases(|name| still_held.iter().any(|held| held == name));
                }
                Err(_) if renewed.elapsed() >= *duration => self.drop_leases(|_| false),
                Err(error) => tracing::warn!(%error, "cannot renew this process's leases; will retry"),
            }
        }
    }

    /// Gives the leases up, so that another process can acquire them at once. Call it when nothing works under them any
    /// more.
    pub async fn release(&self) {
        self.drop_leases(|_| false);
        if let Err(error) = processes::process_leases_release(&self.0.db, &self.0.owner).await {
            tracing::warn!(%error, "cannot release this process's leases; others wait until they expire");
        }
    }

    /// Acquires the lease for one task of this process, if nobody else holds it, in this process or another.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn acquire_exclusive(&self, name: &str) -> Result<Option<TaskLease>> {
        let lost = CancellationToken::new();
        {
            let mut held = self.held();
            if held.contains_key(name) {
                return Ok(None);
            }
            held.insert(name.to_owned(), lost.clone());
        }
        let lease = TaskLease { leases: self.clone(), name: name.to_owned(), lost };
        Ok(self.try_acquire(name).await?.then_some(lease))
    }

    async fn try_acquire(&self, name: &str) -> Result<bool> {
        let Inner { db, clock, owner, duration, .. } = &*self.0;
        let now = clock.now();
        Ok(processes::process_lease_acquire(db, name, owner, now, now + *duration).await?)
    }

    /// Whether this process holds the lease.
    pub fn holds(&self, name: &str) -> bool {
        self.held().contains_key(name)
    }

    /// Whether any process holds this lease.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn is_held(&self, name: &str) -> Result<bool> {
        Ok(processes::process_lease_is_held(&self.0.db, name, self.0.clock.now()).await?)
    }

    fn drop_leases(&self, is_held: impl Fn(&str) -> bool) {
        self.held().retain(|name, token| {
            let keep = is_held(name);
            if !keep {
                token.cancel();
            }
            keep
        });
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lease that one task holds. Dropping it gives it up.
pub struct TaskLease {
    leases: ProcessLeases,
    name: String,
    /// Cancelled when it is lost.
    pub lost: CancellationToken,
}

impl Drop for TaskLease {
    fn drop(&mut self) {
        let (leases, name) = (self.leases.clone(), std::mem::take(&mut self.name));
        leases.held().remove(&name);
        tokio::spawn(async move {
            let Inner { db, owner, .. } = &*leases.0;
            if let Err(error) = processes::process_lease_forget(db, &name, owner).await {
                tracing::warn!(%error, name, "cannot release a lease; others wait until it expires");
            }
        });
    }
}
