//! What connections work with: the state of the whole edge, and that of the thread that they live on.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use arc_swap::ArcSwap;
use http::HeaderValue;

use crate::{
    access_log::AccessLog,
    client_limiter::ClientLimiter,
    config::Config,
    connection_state::ConnectionRegistry,
    fallback::Fallback,
    page::RenderedPages,
    request_id::RequestIds,
    stats::EdgeStats,
    table::Table,
    tls::TlsConfig,
    upload_windows::UploadWindows,
    upstream::{limiter::UpstreamLimiter, pool::Pool},
};

/// What all threads share.
pub(crate) struct SharedState {
    pub(crate) config: Config,
    pub(crate) tls: TlsConfig,
    /// The HSTS field of names that require HTTPS (RFC 6797), if there is one.
    pub(crate) hsts: Option<HeaderValue>,
    pub(crate) table: ArcSwap<Table>,
    pub(crate) fallback: Option<Arc<dyn Fallback>>,
    pub(crate) stats: EdgeStats,
    pub(crate) log: Option<AccessLog>,
    pub(crate) pages: RenderedPages,
    pub(crate) client_limiter: Arc<ClientLimiter>,
    pub(crate) upstream_limiter: Arc<UpstreamLimiter>,
    pub(crate) upload_windows: UploadWindows,
}

/// What the connections of one thread share. Other threads only use its registry and its load.
pub(crate) struct WorkerContext {
    pub(crate) index: usize,
    pub(crate) shared: Arc<SharedState>,
    pub(crate) connections: ConnectionRegistry,
    pub(crate) pool: Pool,
    pub(crate) request_ids: RequestIds,
    open: AtomicUsize,
}

impl WorkerContext {
    pub(crate) fn new(index: usize, shared: Arc<SharedState>) -> Self {
        let pool = Pool::new(shared.config.idle_per_upstream, shared.config.idle_upstream / shared.config.threads);
        let (connections, request_ids) = (ConnectionRegistry::default(), RequestIds::new());
        Self { index, shared, connections, pool, request_ids, open: AtomicUsize::new(0) }
    }

    /// Open connections of this thread.
    pub(crate) fn load(&self) -> usize {
        self.open.load(Relaxed)
    }

    pub(crate) fn connection_opened(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    pub(crate) fn connection_closed(&self) {
        self.open.fetch_sub(1, Relaxed);
        self.shared.stats.open.fetch_sub(1, Relaxed);
    }

    /// Whether this peer is a proxy whose forwarded headers are believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.shared.config.trusted_proxies.iter().any(|range| range.contains(peer))
    }
}

impl std::fmt::Debug for WorkerContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerContext").field("index", &self.index).finish_non_exhaustive()
    }
}
