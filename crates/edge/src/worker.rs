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
    acceptor::Acceptor,
    access_log::AccessLog,
    client::{ClientConnection, ConnectionGuard},
    client_limiter::ClientLimiter,
    config::Config,
    connection,
    connection_state::{ConnectionRegistry, ListenerState, tick_interval},
    fallback::Fallback,
    headers::RequestIds,
    page::RenderedPages,
    stats::EdgeStats,
    table::Table,
    tls::TlsConfig,
    upstream::{Pool, UpstreamLimiter},
};

/// What all threads share.
pub(crate) struct SharedState {
    pub(crate) config: Config,
    pub(crate) tls: TlsConfig,
    /// What names that require HTTPS tell browsers, if anything (RFC 6797).
    pub(crate) hsts: Option<HeaderValue>,
    pub(crate) table: ArcSwap<Table>,
    pub(crate) fallback: Option<Arc<dyn Fallback>>,
    pub(crate) stats: EdgeStats,
    pub(crate) log: Option<AccessLog>,
    pub(crate) pages: RenderedPages,
    pub(crate) client_limiter: Arc<ClientLimiter>,
    pub(crate) upstream_limiter: Arc<UpstreamLimiter>,
}

/// What one thread has for itself; others only look at its watch.
pub(crate) struct WorkerContext {
    pub(crate) index: usize,
    pub(crate) shared: Arc<SharedState>,
    pub(crate) watch: ConnectionRegistry,
    pub(crate) pool: Pool,
    pub(crate) ids: RequestIds,
    open: AtomicUsize,
}

/// A connection that was accepted.
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) listener: Arc<ListenerState>,
    pub(crate) guard: ConnectionGuard,
}

/// What a thread is asked to do.
enum WorkerMessage {
    Accept(Acceptor),
    Serve(Accepted),
}

/// A running thread; it ends, and its connections with it, when this is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) worker: Arc<WorkerContext>,
    messages: mpsc::UnboundedSender<WorkerMessage>,
}

impl Worker {
    /// Starts a thread.
    pub(crate) fn start(index: usize, shared: Arc<SharedState>) -> io::Result<Self> {
        let pool = Pool::new(shared.config.idle_per_upstream, shared.config.idle_upstream / shared.config.threads);
        let worker = WorkerContext {
            index,
            shared,
            watch: ConnectionRegistry::default(),
            pool,
            ids: RequestIds::new(),
            open: AtomicUsize::new(0),
        };
        let worker = Arc::new(worker);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (messages, inbox) = mpsc::unbounded_channel();
        let there = Arc::clone(&worker);
        std::thread::Builder::new().name(format!("edge-{index}")).spawn(move || runtime.block_on(there.run(inbox)))?;
        Ok(Self { worker, messages })
    }

    /// Lets it accept connections.
    pub(crate) fn accept(&self, acceptor: Acceptor) {
        self.send(WorkerMessage::Accept(acceptor));
    }

    /// Hands a connection over.
    pub(crate) fn serve(&self, accepted: Accepted) {
        // Counted here already, so that the next one sees it.
        self.worker.open.fetch_add(1, Relaxed);
        if !self.send(WorkerMessage::Serve(accepted)) {
            self.worker.connection_closed();
        }
    }

    fn send(&self, message: WorkerMessage) -> bool {
        let sent = self.messages.send(message).is_ok();
        if !sent {
            tracing::error!(thread = self.worker.index, "a thread of the edge has ended; restart the platform");
        }
        sent
    }
}

impl WorkerContext {
    async fn run(self: Arc<Self>, mut inbox: mpsc::UnboundedReceiver<WorkerMessage>) {
        let watching = Arc::clone(&self);
        tokio::spawn(async move {
            let limits = &watching.shared.config.timeouts;
            let pooled = u64::try_from(limits.pooled.as_millis()).unwrap_or(u64::MAX);
            let sweep = |now: u64| watching.pool.sweep(now.saturating_sub(pooled));
            watching.watch.run(limits, tick_interval(limits), sweep).await;
        });
        while let Some(message) = inbox.recv().await {
            match message {
                WorkerMessage::Accept(acceptor) => drop(tokio::spawn(acceptor.run(Arc::clone(&self)))),
                WorkerMessage::Serve(Accepted { stream, peer, listener, guard }) => {
                    match tokio::net::TcpStream::from_std(stream) {
                        Ok(stream) => self.serve(stream, peer, listener, guard),
                        Err(error) => {
                            self.connection_closed();
                            tracing::warn!(%error, "registering a client connection; check the limit of open files");
                        }
                    }
                }
            }
        }
    }

    /// Serves a connection that was accepted on this thread.
    pub(crate) fn serve_here(
        self: &Arc<Self>,
        stream: tokio::net::TcpStream,
        peer: SocketAddr,
        listener: Arc<ListenerState>,
        guard: ConnectionGuard,
    ) {
        self.open.fetch_add(1, Relaxed);
        self.serve(stream, peer, listener, guard);
    }

    /// Serves a connection that is counted already.
    fn serve(
        self: &Arc<Self>,
        stream: tokio::net::TcpStream,
        peer: SocketAddr,
        listener: Arc<ListenerState>,
        guard: ConnectionGuard,
    ) {
        let mut client = ClientConnection::new(peer, listener, Arc::clone(self), guard);
        if !client.acquire_permit() {
            return;
        }
        // Two futures, so that a plain connection does not take the memory of a handshake.
        if client.listener.secure {
            tokio::spawn(connection::serve_tls(stream, client));
        } else {
            tokio::spawn(connection::serve(stream, client));
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
    pub(crate) fn connection_closed(&self) {
        self.open.fetch_sub(1, Relaxed);
        self.shared.stats.open.fetch_sub(1, Relaxed);
    }
}

impl std::fmt::Debug for WorkerContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerContext").field("index", &self.index).finish_non_exhaustive()
    }
}
