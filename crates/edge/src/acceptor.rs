//! Accepts connections on the threads that serve them.
//!
//! A thread serves what it accepts itself, unless another one has clearly fewer connections: handing one
//! over wakes that thread up, which costs as much as a good part of a TLS handshake.
//!
//! When there are as many connections as allowed, those that have waited longest for a request give way to new ones:
//! whoever opens many and says nothing shuts nobody out.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    client::ConnectionGuard,
    connection_state::{ListenerState, ShutdownSignal},
    context::WorkerContext,
    worker::{self, Accepted, Worker},
};

/// So many threads accept at most: every new connection wakes each of them, and they hand connections over
/// to the other threads.
pub(crate) const MAX_ACCEPTORS: usize = 4;

/// Between two attempts after a failure, as when no more files can be opened.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// How long a new connection waits for a place until others are closed for it again.
const ROOM_INTERVAL: Duration = Duration::from_millis(100);

/// Of the connections without a request, this part is closed at once: looking at all of them for each new one would
/// cost too much.
const ROOM_PART: usize = 64;

/// A listener, as one thread uses it.
#[derive(Debug)]
pub(crate) struct Acceptor {
    pub(crate) listener: StdListener,
    pub(crate) listener_state: Arc<ListenerState>,
    /// For the connections of all listeners.
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) workers: Arc<[Worker]>,
}

impl Acceptor {
    /// Accepts connections on this thread until `stop`.
    pub(crate) async fn run(self, here: Arc<WorkerContext>) {
        let _tracked = self.tracker.token();
        let opened = self.listener.try_clone().and_then(TcpListener::from_std);
        match opened {
            Ok(listener) => {
                tokio::select! {
                    () = self.stop.cancelled() => {}
                    () = self.accept(&listener, &here) => {}
                }
            }
            Err(error) => {
                tracing::error!(%error, "registering a listener with a thread of the edge; check the limit of open files, and restart the platform");
            }
        }
    }

    async fn accept(&self, listener: &TcpListener, here: &Arc<WorkerContext>) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let Some(permit) = self.permit(here).await else { return };
                    let guard = ConnectionGuard { _permit: permit, _tracked: self.tracker.token() };
                    self.dispatch(stream, peer, guard, here);
                }
                // The client has left already.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection; check the limit of open files");
                    sleep(RETRY_DELAY).await;
                }
            }
        }
    }

    /// A permit for a new connection; `None` if there will be none.
    async fn permit(&self, here: &WorkerContext) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                return Some(permit);
            }
            self.make_room(here);
            if let Ok(permit) = timeout(ROOM_INTERVAL, Arc::clone(&self.permits).acquire_owned()).await {
                return permit.ok();
            }
        }
    }

    /// Closes the connections that have been without a request for the longest time.
    fn make_room(&self, here: &WorkerContext) {
        let mut idle: Vec<_> = self.workers.iter().flat_map(|worker| worker.context.connections.idle()).collect();
        idle.sort_unstable_by_key(|(since, _)| *since);
        let number = (idle.len() / ROOM_PART).max(1);
        for (_, state) in idle.iter().take(number) {
            state.send_signal(ShutdownSignal::Kill);
            here.shared.stats.turned_away.fetch_add(1, Relaxed);
        }
    }

    /// Serves the connection here or on the thread with the fewest.
    fn dispatch(&self, stream: TcpStream, peer: SocketAddr, guard: ConnectionGuard, here: &Arc<WorkerContext>) {
        if stream.set_nodelay(true).is_err() {
            // The client has left already.
            return;
        }
        let stats = &here.shared.stats;
        stats.accepted.fetch_add(1, Relaxed);
        stats.open.fetch_add(1, Relaxed);
        let listener = Arc::clone(&self.listener_state);
        match self.workers.iter().min_by_key(|worker| worker.context.load()) {
            Some(least) if least.context.load() + 1 < here.load() => match stream.into_std() {
                Ok(stream) => least.serve(Accepted { stream, peer, listener, guard }),
                Err(error) => {
                    stats.open.fetch_sub(1, Relaxed);
                    tracing::warn!(%error, "handing a connection to another thread; it was closed");
                }
            },
            _ => worker::serve_here(here, Accepted { stream, peer, listener, guard }),
        }
    }
}
