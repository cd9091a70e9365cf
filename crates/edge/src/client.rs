//! Who is at the other end of a connection, and what may be believed of what he says about others.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, atomic::Ordering::Relaxed};

use http::{HeaderMap, HeaderName};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::{
    client_limiter::ClientPermit,
    connection_state::{ConnectionState, ListenerState},
    context::WorkerContext,
    table::Entry,
    tls::TlsSession,
    upstream::limiter::UpstreamPermit,
};

/// `X-Forwarded-For`, where proxies append whom they speak for.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// `X-Forwarded-Proto`, the scheme that the client used.
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// One client connection.
#[derive(Debug)]
pub(crate) struct ClientConnection {
    pub(crate) peer: IpAddr,
    /// The peer in text form, written into every request to an upstream.
    pub(crate) peer_text: Box<str>,
    /// The peer is a proxy whose forwarded headers are believed.
    pub(crate) trusted: bool,
    pub(crate) listener: Arc<ListenerState>,
    /// What was agreed on with TLS; nothing on a plain connection.
    pub(crate) tls_session: Option<TlsSession>,
    pub(crate) state: Arc<ConnectionState>,
    pub(crate) worker: Arc<WorkerContext>,
    /// Among the connections of its address; none if it is trusted, or not yet known.
    permit: Option<ClientPermit>,
    _guard: ConnectionGuard,
}

/// What a connection occupies; given back when its last holder, maybe a tunnel, is gone.
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
        Self { peer, peer_text, trusted, listener, tls_session: None, state, worker, permit: None, _guard: guard }
    }

    /// Whether the peer says first for whom it speaks.
    pub(crate) fn sends_proxy_header(&self) -> bool {
        self.worker.shared.config.proxy_protocol.iter().any(|range| range.contains(self.peer))
    }

    /// The peer turned out to be a balancer that speaks for `address`.
    pub(crate) fn set_announced_address(&mut self, address: IpAddr) {
        self.peer = address.to_canonical();
        self.peer_text = self.peer.to_string().into();
        self.trusted = self.worker.trusts(self.peer);
    }

    /// Counts the connection as one of its client's; false if he has too many. A proxy or balancer
    /// has the connections of many.
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

    /// UpstreamLimiter for a connection to an upstream, unless this client or all of them have too many in use.
    pub(crate) fn acquire_upstream(&self) -> Option<UpstreamPermit> {
        self.worker.shared.upstream_limiter.acquire(self.permit.as_ref().map(ClientPermit::upstreams))
    }

    /// Whether the client itself uses HTTPS: with us, or by the word of a trusted proxy. Of several
    /// proxies the first one's word counts, which is the one that the client talks to.
    pub(crate) fn is_secure(&self, headers: &HeaderMap) -> bool {
        match headers.get(X_FORWARDED_PROTO) {
            Some(told) if self.trusted => {
                let first = told.as_bytes().split(|byte| *byte == b',').next().unwrap_or_default();
                first.trim_ascii().eq_ignore_ascii_case(b"https")
            }
            _ => self.listener.secure,
        }
    }

    /// Whether this connection may be used for the bare lower-case `host`. Names are not mixed on
    /// one TLS connection unless its certificate covers both: else what was proven to the client
    /// would not hold for what it gets. Who knows no name may reach the platform itself; a trusted
    /// proxy keeps its clients apart.
    pub(crate) fn may_request(&self, host: &str, entry: Option<&Entry>) -> bool {
        let Some(tls_session) = &self.tls_session else { return true };
        tls_session.covers(host)
            || self.trusted
            || tls_session.has_no_sni() && matches!(entry, Some(Entry::Platform { .. }))
    }

    /// The client's own address: the peer's, or what trusted proxies say: from right to left the
    /// first that is no trusted proxy itself. Whatever stands left of that anybody may have written.
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

/// What the platform's own handler is told about a request, as an extension of it.
#[derive(Debug, Clone)]
pub struct ClientInfo {
    /// The client's address, behind trusted proxies his own.
    pub address: IpAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
}
