//! How many connections each client has, so that one client can't use up those of all.
//!
//! The lock is taken when a connection begins and when it ends, never for a request. An IPv6 client is a
//! /64: every customer of a provider has at least that.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize},
};

use stoa_util::{ClientNetwork, Ipv6Prefix};

/// The connections of all clients.
#[derive(Debug)]
pub(crate) struct ClientLimiter {
    clients: Mutex<HashMap<ClientNetwork, ClientUsage>>,
    /// 0 is no limit.
    max_per_client: usize,
}

#[derive(Debug, Default)]
struct ClientUsage {
    connections: usize,
    upstreams: Arc<AtomicUsize>,
}

/// Allows one connection; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct ClientPermit {
    client: ClientNetwork,
    limiter: Arc<ClientLimiter>,
    upstreams: Arc<AtomicUsize>,
}

impl ClientLimiter {
    pub(crate) fn new(max_per_client: usize) -> Self {
        Self { clients: Mutex::default(), max_per_client }
    }

    /// A permit for another connection from this address, unless its client has as many as allowed.
    pub(crate) fn acquire(self: &Arc<Self>, address: IpAddr) -> Option<ClientPermit> {
        let client = ClientNetwork::of(address, Ipv6Prefix::Subnet);
        let mut clients = self.lock();
        let usage = clients.entry(client).or_default();
        if self.max_per_client != 0 && usage.connections >= self.max_per_client {
            return None;
        }
        usage.connections += 1;
        Some(ClientPermit { client, limiter: Arc::clone(self), upstreams: Arc::clone(&usage.upstreams) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientNetwork, ClientUsage>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientPermit {
    /// How many connections to upstreams the client uses, over all of its own.
    pub(crate) fn upstreams(&self) -> &Arc<AtomicUsize> {
        &self.upstreams
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        if let Entry::Occupied(mut usage) = self.limiter.lock().entry(self.client) {
            usage.get_mut().connections -= 1;
            if usage.get().connections == 0 {
                usage.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_client_has_a_limit_and_gets_its_permits_back() {
        let limiter = Arc::new(ClientLimiter::new(2));
        let first = limiter.acquire(address("192.0.2.1"));
        let second = limiter.acquire(address("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(limiter.acquire(address("192.0.2.1")).is_none(), "the third");
        assert!(limiter.acquire(address("192.0.2.2")).is_some(), "another client");
        drop(first);
        assert!(limiter.acquire(address("192.0.2.1")).is_some());
        drop(second);
        assert!(limiter.lock().is_empty(), "clients without connections are forgotten");
    }

    #[test]
    fn a_network_of_64_bits_is_one_client() {
        let limiter = Arc::new(ClientLimiter::new(1));
        let one = limiter.acquire(address("2001:db8:1:2::1"));
        assert!(one.is_some());
        assert!(limiter.acquire(address("2001:db8:1:2:ffff::2")).is_none());
        assert!(limiter.acquire(address("2001:db8:1:3::1")).is_some());
    }

    #[test]
    fn zero_is_no_limit() {
        let limiter = Arc::new(ClientLimiter::new(0));
        let permits: Vec<_> = (0..5000).map(|_| limiter.acquire(address("192.0.2.1"))).collect();
        assert!(permits.iter().all(Option::is_some));
    }
}
