//! The threads that carry the traffic.
//!
//! Each has a runtime of its own, and a connection lives and dies on one of them, together with
//! the upstream connections it uses: nothing that a request touches moves between cores.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use arc_swap::ArcSwap;
use http::HeaderValue;
use tokio::{runtime, sync::mpsc};

use crate::{
    accept::Entrance,
    client::{Client, Held},
    config::Config,
    conn,
    fallback::Fallback,
    headers::RequestIds,
    log::Log,
    page::Pages,
    places::Places,
    stats::EdgeStats,
    table::Table,
    tls::Setup,
    upstream::{Pool, Room},
    watch::{Door, Watch, tick_for},
};

/// What all threads share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) tls: Setup,
    /// What names that require HTTPS tell browsers, if anything (RFC 6797).
    pub(crate) hsts: Option<HeaderValue>,
    pub(crate) table: ArcSwap<Table>,
    pub(crate) fallback: Option<Arc<dyn Fallback>>,
    pub(crate) stats: EdgeStats,
    pub(crate) log: Option<Log>,
    pub(crate) pages: Pages,
    pub(crate) places: Arc<Places>,
    pub(crate) room: Arc<Room>,
}

/// What one thread has for itself; others only look at its watch.
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) watch: Watch,
    pub(crate) pool: Pool,
    pub(crate) ids: RequestIds,
    open: AtomicUsize,
}

/// A connection that was accepted.
pub(crate) struct Arrival {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) door: Arc<Door>,
    pub(crate) held: Held,
}

/// What a thread is asked to do.
enum Errand {
    Accept(Entrance),
    Serve(Arrival),
}

/// A running thread; it ends, and its connections with it, when this is dropped.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) worker: Arc<Worker>,
    errands: mpsc::UnboundedSender<Errand>,
}

impl Thread {
    /// Starts a thread.
    pub(crate) fn start(index: usize, shared: Arc<Shared>) -> io::Result<Self> {
        let pool = Pool::new(shared.config.idle_per_upstream, shared.config.idle_upstream / shared.config.threads);
        let worker =
            Worker { index, shared, watch: Watch::default(), pool, ids: RequestIds::new(), open: AtomicUsize::new(0) };
        let worker = Arc::new(worker);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (errands, inbox) = mpsc::unbounded_channel();
        let there = Arc::clone(&worker);
        std::thread::Builder::new().name(format!("edge-{index}")).spawn(move || runtime.block_on(there.run(inbox)))?;
        Ok(Self { worker, errands })
    }

    /// Lets it accept connections.
    pub(crate) fn accept(&self, entrance: Entrance) {
        self.send(Errand::Accept(entrance));
    }

    /// Hands a connection over.
    pub(crate) fn take(&self, arrival: Arrival) {
        // Counted here already, so that the next one sees it.
        self.worker.open.fetch_add(1, Relaxed);
        if !self.send(Errand::Serve(arrival)) {
            self.worker.closed();
        }
    }

    fn send(&self, errand: Errand) -> bool {
        let sent = self.errands.send(errand).is_ok();
        if !sent {
            tracing::error!(thread = self.worker.index, "a thread of the edge has ended; restart the platform");
        }
        sent
    }
}

impl Worker {
    async fn run(self: Arc<Self>, mut inbox: mpsc::UnboundedReceiver<Errand>) {
        let watching = Arc::clone(&self);
        tokio::spawn(async move {
            let limits = &watching.shared.config.timeouts;
            let pooled = u64::try_from(limits.pooled.as_millis()).unwrap_or(u64::MAX);
            let sweep = |now: u64| watching.pool.sweep(now.saturating_sub(pooled));
            watching.watch.run(limits, tick_for(limits), sweep).await;
        });
        while let Some(errand) = inbox.recv().await {
            match errand {
                Errand::Accept(entrance) => drop(tokio::spawn(entrance.run(Arc::clone(&self)))),
                Errand::Serve(Arrival { stream, peer, door, held }) => match tokio::net::TcpStream::from_std(stream) {
                    Ok(stream) => self.serve(stream, peer, door, held),
                    Err(error) => {
                        self.closed();
                        tracing::warn!(%error, "registering a client connection; check the limit of open files");
                    }
                },
            }
        }
    }

    /// Serves a connection that was accepted on this thread.
    pub(crate) fn begin(
        self: &Arc<Self>,
        stream: tokio::net::TcpStream,
        peer: SocketAddr,
        door: Arc<Door>,
        held: Held,
    ) {
        self.open.fetch_add(1, Relaxed);
        self.serve(stream, peer, door, held);
    }

    /// Serves a connection that is counted already.
    fn serve(self: &Arc<Self>, stream: tokio::net::TcpStream, peer: SocketAddr, door: Arc<Door>, held: Held) {
        let mut client = Client::new(peer, door, Arc::clone(self), held);
        if !client.takes_place() {
            return;
        }
        // Two futures, so that a plain connection does not take the memory of a handshake.
        if client.door.secure {
            tokio::spawn(conn::serve_tls(stream, client));
        } else {
            tokio::spawn(conn::serve(stream, client));
        }
    }

    /// Connections that this thread has.
    pub(crate) fn load(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// Whether this peer is a proxy whose forwarded headers are believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.shared.config.trusted_proxies.iter().any(|range| range.contains(peer))
    }

    /// A connection has ended.
    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Relaxed);
        self.shared.stats.open.fetch_sub(1, Relaxed);
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("index", &self.index).finish_non_exhaustive()
    }
}
