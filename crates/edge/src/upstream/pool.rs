//! Idle connections by upstream; every thread has its own pool, so nobody waits for the lock.
//!
//! The youngest is taken first: the others get old and are closed, and the pool shrinks to what
//! the traffic needs.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Conn;
use crate::watch::Clock;

/// The idle connections of one thread.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<SocketAddr, Vec<Idle>>>,
    per_upstream: usize,
}

#[derive(Debug)]
struct Idle {
    conn: Box<Conn>,
    since: u64,
}

impl Pool {
    pub(crate) fn new(per_upstream: usize) -> Self {
        Self { idle: Mutex::default(), per_upstream }
    }

    /// A connection that is still good, if there is one.
    pub(crate) fn take(&self, upstream: SocketAddr) -> Option<Box<Conn>> {
        let mut idle = self.lock();
        let idle = idle.get_mut(&upstream)?;
        while let Some(Idle { conn, .. }) = idle.pop() {
            if conn.is_fresh() {
                return Some(conn);
            }
        }
        None
    }

    /// Keeps a connection, unless there are enough.
    pub(crate) fn put(&self, conn: Box<Conn>, clock: &Clock) {
        let mut idle = self.lock();
        let idle = idle.entry(conn.upstream).or_default();
        if idle.len() < self.per_upstream {
            idle.push(Idle { conn, since: clock.now() });
        }
    }

    /// Closes what has been idle since before `oldest`, or has been closed by the upstream.
    pub(crate) fn sweep(&self, oldest: u64) {
        self.lock().retain(|_, idle| {
            idle.retain(|idle| idle.since >= oldest && idle.conn.is_fresh());
            !idle.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
