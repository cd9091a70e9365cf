//! Who is at the other end of a connection, and what may be believed of what he says about others.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, atomic::Ordering::Relaxed};

use http::{HeaderMap, HeaderName};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::{
    places::Place,
    table::Entry,
    tls::Secured,
    upstream::Slot,
    watch::{Door, Watched},
    worker::Worker,
};

/// `X-Forwarded-For`, where proxies append whom they speak for.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// `X-Forwarded-Proto`, the scheme that the client used.
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// One client connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) peer: IpAddr,
    /// The peer in text form, written into every request to an upstream.
    pub(crate) peer_text: Box<str>,
    /// The peer is a proxy whose forwarded headers are believed.
    pub(crate) trusted: bool,
    pub(crate) door: Arc<Door>,
    /// What was agreed on with TLS; nothing on a plain connection.
    pub(crate) secured: Option<Secured>,
    pub(crate) watched: Arc<Watched>,
    pub(crate) worker: Arc<Worker>,
    /// Among the connections of its address; none if it is trusted, or not yet known.
    place: Option<Place>,
    _held: Held,
}

/// What a connection occupies; given back when its last holder, maybe a tunnel, is gone.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) _permit: OwnedSemaphorePermit,
    pub(crate) _tracked: TaskTrackerToken,
}

impl Client {
    pub(crate) fn new(peer: SocketAddr, door: Arc<Door>, worker: Arc<Worker>, held: Held) -> Self {
        let peer = peer.ip().to_canonical();
        let trusted = worker.trusts(peer);
        let watched = worker.watch.add(&door);
        let peer_text = peer.to_string().into();
        Self { peer, peer_text, trusted, door, secured: None, watched, worker, place: None, _held: held }
    }

    /// Whether the peer says first for whom it speaks.
    pub(crate) fn announces(&self) -> bool {
        self.worker.shared.config.proxy_protocol.iter().any(|range| range.contains(self.peer))
    }

    /// The peer turned out to be a balancer that speaks for `address`.
    pub(crate) fn speaks_for(&mut self, address: IpAddr) {
        self.peer = address.to_canonical();
        self.peer_text = self.peer.to_string().into();
        self.trusted = self.worker.trusts(self.peer);
    }

    /// Counts the connection as one of its client's; false if he has too many. A proxy or balancer
    /// has the connections of many.
    pub(crate) fn takes_place(&mut self) -> bool {
        if self.trusted || self.announces() {
            return true;
        }
        let shared = &self.worker.shared;
        self.place = shared.places.take(self.peer);
        if self.place.is_none() {
            shared.stats.turned_away.fetch_add(1, Relaxed);
            tracing::debug!(peer = %self.peer, "a client has too many connections");
        }
        self.place.is_some()
    }

    /// Room for a connection to an upstream, unless this client or all of them have too many in use.
    pub(crate) fn upstream_slot(&self) -> Option<Slot> {
        self.worker.shared.room.take(self.place.as_ref().map(Place::upstreams))
    }

    /// Whether the client itself uses HTTPS: with us, or by the word of a trusted proxy. Of several
    /// proxies the first one's word counts, which is the one that the client talks to.
    pub(crate) fn is_secure(&self, headers: &HeaderMap) -> bool {
        match headers.get(X_FORWARDED_PROTO) {
            Some(told) if self.trusted => {
                let first = told.as_bytes().split(|byte| *byte == b',').next().unwrap_or_default();
                first.trim_ascii().eq_ignore_ascii_case(b"https")
            }
            _ => self.door.secure,
        }
    }

    /// Whether this connection may be used for the bare lower-case `host`. Names are not mixed on
    /// one TLS connection unless its certificate covers both: else what was proven to the client
    /// would not hold for what it gets. Who knows no name may reach the platform itself; a trusted
    /// proxy keeps its clients apart.
    pub(crate) fn may_ask(&self, host: &str, entry: Option<&Entry>) -> bool {
        let Some(secured) = &self.secured else { return true };
        secured.is_for(host) || self.trusted || secured.is_nameless() && matches!(entry, Some(Entry::Platform { .. }))
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

impl Drop for Client {
    fn drop(&mut self) {
        self.worker.closed();
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
