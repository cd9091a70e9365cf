//! One client connection: who is at the other end, and what may be believed of its forwarded headers.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use http::{HeaderMap, HeaderName};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::{
    client_limiter::ClientPermit,
    connection_state::{ConnectionState, ListenerState},
    context::WorkerContext,
    table::Entry,
    tls::TlsSession,
    upload_windows::UploadWindow,
    upstream::limiter::UpstreamPermit,
};

/// `X-Forwarded-For`, to which proxies append their clients' addresses.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// `X-Forwarded-Proto`, the scheme that the client used.
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What is known of a client connection, and what it works with.
#[derive(Debug)]
pub(crate) struct ClientConnection {
    pub(crate) peer: IpAddr,
    /// The peer in text form, written into every request to an upstream.
    pub(crate) peer_text: Box<str>,
    /// Whether the peer is a proxy whose forwarded headers are believed.
    pub(crate) trusted: bool,
    pub(crate) listener: Arc<ListenerState>,
    /// `None` on a plain connection.
    pub(crate) tls_session: Option<TlsSession>,
    /// How long the handshake took, or 0: about what a packet takes there and back.
    pub(crate) round_trip: Duration,
    pub(crate) state: Arc<ConnectionState>,
    pub(crate) worker: Arc<WorkerContext>,
    /// `None` if the peer is trusted, or the client not yet known.
    permit: Option<ClientPermit>,
    _guard: ConnectionGuard,
}

/// What a connection occupies until its last holder, maybe a tunnel, is gone.
#[derive(Debug)]
pub(crate) struct ConnectionGuard {
    pub(crate) _permit: OwnedSemaphorePermit,
    pub(crate) _tracked: TaskTrackerToken,
}

impl ClientConnection {
    pub(crate) fn new(
        peer: SocketAddr,
        listener: Arc<ListenerState>,
        worker: Arc<WorkerContext>,
        guard: ConnectionGuard,
    ) -> Self {
        let peer = peer.ip().to_canonical();
        let trusted = worker.trusts(peer);
        let state = worker.connections.add(&listener);
        let peer_text = peer.to_string().into();
        Self {
            peer,
            peer_text,
            trusted,
            listener,
            tls_session: None,
            round_trip: Duration::ZERO,
            state,
            worker,
            permit: None,
            _guard: guard,
        }
    }

    /// Whether the peer is a balancer that sends the client's address first.
    pub(crate) fn sends_proxy_header(&self) -> bool {
        self.worker.shared.config.proxy_protocol.iter().any(|range| range.contains(self.peer))
    }

    /// Replaces the peer's address by the one that a balancer has sent.
    pub(crate) fn set_announced_address(&mut self, address: IpAddr) {
        self.peer = address.to_canonical();
        self.peer_text = self.peer.to_string().into();
        self.trusted = self.worker.trusts(self.peer);
    }

    /// Counts the connection as one of its client's; false if the client has too many. Proxies and balancers
    /// have no limit, as their connections are those of many clients.
    pub(crate) fn acquire_permit(&mut self) -> bool {
        if self.trusted || self.sends_proxy_header() {
            return true;
        }
        let shared = &self.worker.shared;
        self.permit = shared.client_limiter.acquire(self.peer);
        if self.permit.is_none() {
            shared.stats.turned_away.fetch_add(1, Relaxed);
            tracing::debug!(peer = %self.peer, "a client has too many connections");
        }
        self.permit.is_some()
    }

    /// A permit for a connection to an upstream, unless this client or all of them use too many.
    pub(crate) fn acquire_upstream(&self) -> Option<UpstreamPermit> {
        self.worker.shared.upstream_limiter.acquire(self.permit.as_ref().map(ClientPermit::upstreams))
    }

    /// The window for the connection's request bodies.
    pub(crate) fn open_upload_window(&self) -> UploadWindow {
        let count = self.permit.as_ref().map(ClientPermit::window_bytes);
        self.worker.shared.upload_windows.open(self.round_trip, count)
    }

    /// Whether the client itself uses HTTPS, with us or according to a trusted proxy. Of several proxies the
    /// first counts, as the client is connected to that one.
    pub(crate) fn is_secure(&self, headers: &HeaderMap) -> bool {
        match headers.get(X_FORWARDED_PROTO) {
            Some(scheme) if self.trusted => {
                let first = scheme.as_bytes().split(|byte| *byte == b',').next().unwrap_or_default();
                first.trim_ascii().eq_ignore_ascii_case(b"https")
            }
            _ => self.listener.secure,
        }
    }

    /// Whether this connection may be used for the bare lower-case `host`. A TLS connection serves several
    /// names only if its certificate covers them: otherwise the client would get what was not proven to it.
    /// Clients without SNI may reach the platform itself; trusted proxies separate their clients themselves.
    pub(crate) fn may_request(&self, host: &str, entry: Option<&Entry>) -> bool {
        let Some(tls_session) = &self.tls_session else { return true };
        tls_session.covers(host)
            || self.trusted
            || tls_session.has_no_sni() && matches!(entry, Some(Entry::Platform { .. }))
    }

    /// The client's own address: the peer's, or behind trusted proxies, from right to left, the first that is
    /// not a trusted proxy. Anybody may have written what is left of it.
    pub(crate) fn address(&self, headers: &HeaderMap) -> IpAddr {
        if !self.trusted {
            return self.peer;
        }
        let trusted = &self.worker.shared.config.trusted_proxies;
        let mut nearest = self.peer;
        for value in headers.get_all(X_FORWARDED_FOR).iter().rev() {
            for text in value.to_str().unwrap_or("?").rsplit(',') {
                let Ok(address) = text.trim().parse::<IpAddr>() else { return nearest };
                nearest = address.to_canonical();
                if !trusted.iter().any(|range| range.contains(nearest)) {
                    return nearest;
                }
            }
        }
        nearest
    }
}

impl Drop for ClientConnection {
    fn drop(&mut self) {
        self.worker.connection_closed();
    }
}

/// What the platform's own handler learns about a request, as an extension of it.
#[derive(Debug, Clone)]
pub struct ClientInfo {
    /// The client's own address, also behind trusted proxies.
    pub address: IpAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
}
