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

use stoa_db::core::processes;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{Core, Result, random};

/// The leases of one process. Cheap to clone.
#[derive(Clone)]
pub struct ProcessLeases(Arc<Inner>);

struct Inner {
    core: Core,
    /// Names this process and its run.
    owner: String,
    /// Each held lease with the token that is cancelled when it is lost.
    held: Mutex<HashMap<&'static str, CancellationToken>>,
}

impl ProcessLeases {
    /// No leases yet.
    pub fn new(core: Core) -> Self {
        Self(Arc::new(Inner { owner: random::holder_name(core.clock.now()), core, held: Mutex::default() }))
    }

    /// The name of this process in the database.
    pub fn owner(&self) -> &str {
        &self.0.owner
    }

    /// Acquires the lease, if no other process holds it. The token is cancelled when it is lost.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn acquire(&self, name: &'static str) -> Result<Option<CancellationToken>> {
        let Core { db, clock, .. } = &self.0.core;
        let now = clock.now();
        if !processes::process_lease_acquire(db, name, &self.0.owner, now, now + self.duration()).await? {
            return Ok(None);
        }
        let mut held = self.held();
        let token = held.entry(name).or_default();
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
                () = sleep(self.duration() / 3) => {}
            }
            if self.held().is_empty() {
                continue;
            }
            let sent = Instant::now();
            let Core { db, clock, .. } = &self.0.core;
            match processes::process_leases_renew(db, &self.0.owner, clock.now() + self.duration()).await {
                Ok(still_held) => {
                    renewed = sent;
                    self.drop_leases(|name| still_held.iter().any(|held| held == name));
                }
                Err(_) if renewed.elapsed() >= self.duration() => self.drop_leases(|_| false),
                Err(error) => tracing::warn!(%error, "cannot renew this process's leases; will retry"),
            }
        }
    }

    /// Gives the leases up, so that another process can acquire them at once. Call it when nothing works under them any
    /// more.
    pub async fn release(&self) {
        self.drop_leases(|_| false);
        if let Err(error) = processes::process_leases_release(&self.0.core.db, &self.0.owner).await {
            tracing::warn!(%error, "cannot release this process's leases; others wait until they expire");
        }
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

    fn duration(&self) -> Duration {
        self.0.core.settings.lease
    }

    fn held(&self) -> MutexGuard<'_, HashMap<&'static str, CancellationToken>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
