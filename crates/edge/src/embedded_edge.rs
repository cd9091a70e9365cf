//! The embedded edge: the provider of `Edge` in the platform's own process.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::HeaderValue;
use stoa_model::{id::SiteId, route::RoutingTable, traffic::Traffic};
use stoa_provider::edge::{Edge, EdgeError};
use tokio::{net::TcpListener, runtime::Handle, sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    acceptor::{Acceptor, MAX_ACCEPTORS},
    access_log::AccessLog,
    client_limiter::ClientLimiter,
    config::Config,
    connection_state::{ListenerState, ShutdownSignal},
    context::SharedState,
    fallback::Fallback,
    host,
    page::RenderedPages,
    stats::{EdgeCounts, EdgeStats},
    table::Table,
    tls::TlsConfig,
    upload_windows::UploadWindows,
    upstream::limiter::UpstreamLimiter,
    worker::Worker,
};

/// How a listener ends.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Accept no more connections, because another process does; serve those that are open until their clients have
    /// left.
    pub retire: CancellationToken,
    /// Accept no more connections, finish the requests in flight within [`Timeouts::drain`](crate::Timeouts::drain), and
    /// close.
    pub drain: CancellationToken,
}

impl From<CancellationToken> for Shutdown {
    /// Ends with the token, without retiring before.
    fn from(drain: CancellationToken) -> Self {
        Self { drain, ..Self::default() }
    }
}

/// A proxy in this process. Its threads end when it is dropped.
pub struct EmbeddedEdge {
    shared: Arc<SharedState>,
    workers: Arc<[Worker]>,
    permits: Arc<Semaphore>,
    /// Held while a table is compiled and swapped in.
    applying: Mutex<()>,
}

impl EmbeddedEdge {
    /// Starts the threads; nothing is served before [`serve`](Self::serve).
    ///
    /// # Errors
    /// If a platform host is not a hostname, the log can't be opened, or a thread can't be started.
    pub fn new(mut config: Config, fallback: Option<Arc<dyn Fallback>>) -> io::Result<Self> {
        config.threads = config.threads.max(1);
        host::normalize_platform_hosts(&mut config.platform_hosts)?;
        let log = config.log.as_ref().map(AccessLog::open).transpose()?;
        let tls = TlsConfig::new()?;
        let hsts = (config.hsts_seconds > 0).then(|| format!("max-age={}", config.hsts_seconds));
        let hsts = hsts.map(HeaderValue::try_from).transpose().map_err(io::Error::other)?;
        let table = Table::compile(RoutingTable::default(), &Table::default(), &config, &tls);
        let permits = Arc::new(Semaphore::new(config.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
        let pages = RenderedPages::new(&config.product_name);
        let upstream_limiter = Arc::new(UpstreamLimiter::new(&config));
        let client_limiter = Arc::new(ClientLimiter::new(config.max_connections_per_client));
        let shared = Arc::new(SharedState {
            config,
            tls,
            hsts,
            table: ArcSwap::from_pointee(table),
            fallback,
            stats: EdgeStats::default(),
            log,
            pages,
            client_limiter,
            upstream_limiter,
            upload_windows: UploadWindows::default(),
        });
        let workers = (0..shared.config.threads)
            .map(|index| Worker::start(index, Arc::clone(&shared)))
            .collect::<io::Result<_>>()?;
        Ok(Self { shared, workers, permits, applying: Mutex::new(()) })
    }

    /// Accepts connections for plain HTTP until `shutdown`. The calling runtime also runs the fallback.
    ///
    /// # Errors
    /// If the listener can't be used.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Into<Shutdown>) -> io::Result<()> {
        self.open(listener, false, shutdown.into()).await
    }

    /// As [`serve`](Self::serve), with TLS and the table's certificates. Handshakes for names without one are
    /// rejected.
    ///
    /// # Errors
    /// If the listener can't be used.
    pub async fn serve_tls(&self, listener: TcpListener, shutdown: impl Into<Shutdown>) -> io::Result<()> {
        self.open(listener, true, shutdown.into()).await
    }

    async fn open(&self, listener: TcpListener, secure: bool, shutdown: Shutdown) -> io::Result<()> {
        let listener_state = Arc::new(ListenerState::new(Handle::current(), secure));
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        // Dropping this future also stops accepting.
        let _stops = stop.clone().drop_guard();
        let listener = listener.into_std()?;
        for worker in self.workers.iter().take(MAX_ACCEPTORS) {
            let acceptor = Acceptor {
                listener: listener.try_clone()?,
                listener_state: Arc::clone(&listener_state),
                permits: Arc::clone(&self.permits),
                tracker: tracker.clone(),
                stop: stop.clone(),
                workers: Arc::clone(&self.workers),
            };
            worker.spawn(|context| acceptor.run(context));
        }
        drop(listener);
        tokio::select! {
            () = shutdown.retire.cancelled() => {}
            () = shutdown.drain.cancelled() => {}
        }
        stop.cancel();
        self.signal(&listener_state, ShutdownSignal::Retire);
        tracker.close();
        tokio::select! {
            () = tracker.wait() => return Ok(()),
            () = shutdown.drain.cancelled() => {}
        }
        self.signal(&listener_state, ShutdownSignal::Drain);
        if timeout(self.shared.config.timeouts.drain, tracker.wait()).await.is_err() {
            self.signal(&listener_state, ShutdownSignal::Kill);
            drop(timeout(Duration::from_secs(1), tracker.wait()).await);
        }
        Ok(())
    }

    fn signal(&self, listener: &Arc<ListenerState>, signal: ShutdownSignal) {
        listener.close(signal);
        for worker in self.workers.iter() {
            worker.context.connections.signal(listener, signal);
        }
    }

    /// What every site has served since this edge started.
    pub fn snapshot(&self) -> Vec<(SiteId, Traffic)> {
        self.shared.table.load().sites().iter().map(|stats| (stats.site, stats.snapshot())).collect()
    }

    /// The counts of the edge itself.
    pub fn counts(&self) -> EdgeCounts {
        self.shared.stats.snapshot(self.shared.log.as_ref().map_or(0, AccessLog::dropped))
    }
}

#[async_trait]
impl Edge for EmbeddedEdge {
    async fn apply(&self, table: RoutingTable) -> Result<(), EdgeError> {
        let _one_at_a_time = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = self.shared.table.load_full();
        if table.version > previous.version {
            let table = Table::compile(table, &previous, &self.shared.config, &self.shared.tls);
            self.shared.table.store(Arc::new(table));
        }
        Ok(())
    }

    fn applied(&self) -> u64 {
        self.shared.table.load().version
    }

    async fn traffic(&self) -> Result<Vec<(SiteId, Traffic)>, EdgeError> {
        Ok(self.snapshot())
    }
}
