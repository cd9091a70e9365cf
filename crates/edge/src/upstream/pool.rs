//! Idle connections by upstream. Every thread has its own pool, so its lock is never contended.
//!
//! The youngest is reused first: the others age and are closed, and the pool shrinks to what the
//! traffic needs. There is a limit for all upstreams too: visits to ten thousand sites in turn must not
//! use up the files that this process may open.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::connection::UpstreamConnection;
use crate::connection_state::Clock;

/// The idle connections of one thread.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<IdleConnections>,
    per_upstream: usize,
    max_idle: usize,
}

#[derive(Debug, Default)]
struct IdleConnections {
    by_upstream: HashMap<SocketAddr, Vec<Idle>>,
    /// Of all upstreams.
    count: usize,
}

#[derive(Debug)]
struct Idle {
    conn: Box<UpstreamConnection>,
    since: u64,
}

impl IdleConnections {
    /// Closes a connection to any upstream; one that is needed is opened again.
    fn evict_one(&mut self) {
        let some = self.by_upstream.iter_mut().find(|(_, idle)| !idle.is_empty());
        let Some((upstream, idle)) = some else { return };
        idle.remove(0);
        self.count -= 1;
        if idle.is_empty() {
            let upstream = *upstream;
            self.by_upstream.remove(&upstream);
        }
    }
}

impl Pool {
    /// Keeps this many per upstream, and for all of them.
    pub(crate) fn new(per_upstream: usize, max_idle: usize) -> Self {
        Self { idle: Mutex::default(), per_upstream, max_idle }
    }

    /// A connection that still works, if there is one.
    pub(crate) fn take(&self, upstream: SocketAddr) -> Option<Box<UpstreamConnection>> {
        let mut guard = self.lock();
        let kept = &mut *guard;
        let idle = kept.by_upstream.get_mut(&upstream)?;
        while let Some(Idle { conn, .. }) = idle.pop() {
            kept.count -= 1;
            if conn.is_fresh() {
                return Some(conn);
            }
        }
        None
    }

    /// Keeps a connection, unless its upstream has enough.
    pub(crate) fn put(&self, mut conn: Box<UpstreamConnection>, clock: &Clock) {
        conn.permit = None;
        let mut kept = self.lock();
        if kept.by_upstream.get(&conn.upstream).is_some_and(|idle| idle.len() >= self.per_upstream)
            || self.max_idle == 0
        {
            return;
        }
        if kept.count >= self.max_idle {
            kept.evict_one();
        }
        kept.count += 1;
        kept.by_upstream.entry(conn.upstream).or_default().push(Idle { conn, since: clock.now() });
    }

    /// Closes what has been idle since before `oldest`, or was closed by the upstream.
    pub(crate) fn sweep(&self, oldest: u64) {
        let mut guard = self.lock();
        let kept = &mut *guard;
        kept.by_upstream.retain(|_, idle| {
            idle.retain(|idle| idle.since >= oldest && idle.conn.is_fresh());
            !idle.is_empty()
        });
        kept.count = kept.by_upstream.values().map(Vec::len).sum();
    }

    fn lock(&self) -> MutexGuard<'_, IdleConnections> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
