//! Who is at the other end of a connection, and what may be believed of what he says about others.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::{
    watch::{Door, Watched},
    worker::Worker,
};

/// `X-Forwarded-For`, where proxies append whom they speak for.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// One client connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) peer: IpAddr,
    /// The peer in text form, written into every request to an upstream.
    pub(crate) peer_text: Box<str>,
    /// The peer is a proxy whose forwarded headers are believed.
    pub(crate) trusted: bool,
    pub(crate) door: Arc<Door>,
    pub(crate) watched: Arc<Watched>,
    pub(crate) worker: Arc<Worker>,
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
        let trusted = worker.shared.config.trusted_proxies.iter().any(|range| range.contains(peer));
        let watched = worker.watch.add(&door);
        Self { peer, peer_text: peer.to_string().into(), trusted, door, watched, worker, _held: held }
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
