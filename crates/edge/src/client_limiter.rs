//! How many connections each client address has, so that one client can't use up those of all.
//!
//! The lock is taken when a connection begins and when it ends, never for a request. An IPv6 client
//! is a /64: that is what one customer of a provider is given, and he may use a new address of it
//! for every connection (RFC 6177, RFC 8981).

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize},
};

/// The connections of all clients.
#[derive(Debug)]
pub(crate) struct ClientLimiter {
    clients: Mutex<HashMap<IpAddr, ClientUsage>>,
    /// How many one client may have; 0 is no limit.
    max_per_client: usize,
}

/// What one client has.
#[derive(Debug, Default)]
struct ClientUsage {
    connections: usize,
    upstreams: Arc<AtomicUsize>,
}

/// A connection's place; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct ClientPermit {
    client: IpAddr,
    limiter: Arc<ClientLimiter>,
    upstreams: Arc<AtomicUsize>,
}

impl ClientLimiter {
    pub(crate) fn new(max_per_client: usize) -> Self {
        Self { clients: Mutex::default(), max_per_client }
    }

    /// A place for a further connection of this address, unless it has as many as it may.
    pub(crate) fn acquire(self: &Arc<Self>, address: IpAddr) -> Option<ClientPermit> {
        let client = client_of(address);
        let mut taken = self.lock();
        let of_client = taken.entry(client).or_default();
        if self.max_per_client != 0 && of_client.connections >= self.max_per_client {
            return None;
        }
        of_client.connections += 1;
        Some(ClientPermit { client, limiter: Arc::clone(self), upstreams: Arc::clone(&of_client.upstreams) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, ClientUsage>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientPermit {
    /// How many connections to upstreams the client uses, over all of his own.
    pub(crate) fn upstreams(&self) -> &Arc<AtomicUsize> {
        &self.upstreams
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        if let Entry::Occupied(mut taken) = self.limiter.lock().entry(self.client) {
            taken.get_mut().connections -= 1;
            if taken.get().connections == 0 {
                taken.remove();
            }
        }
    }
}

/// The address that stands for a client.
fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_client_has_so_many_and_gets_them_back() {
        let client_limiter = Arc::new(ClientLimiter::new(2));
        let first = client_limiter.acquire(address("192.0.2.1"));
        let second = client_limiter.acquire(address("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(client_limiter.acquire(address("192.0.2.1")).is_none(), "the third");
        assert!(client_limiter.acquire(address("192.0.2.2")).is_some(), "another client");
        drop(first);
        assert!(client_limiter.acquire(address("192.0.2.1")).is_some());
        drop(second);
        assert!(client_limiter.lock().is_empty(), "nobody is remembered who has left");
    }

    #[test]
    fn a_network_of_64_bits_is_one_client() {
        let client_limiter = Arc::new(ClientLimiter::new(1));
        let one = client_limiter.acquire(address("2001:db8:1:2::1"));
        assert!(one.is_some());
        assert!(client_limiter.acquire(address("2001:db8:1:2:ffff::2")).is_none());
        assert!(client_limiter.acquire(address("2001:db8:1:3::1")).is_some());
    }

    #[test]
    fn no_limit_is_none() {
        let client_limiter = Arc::new(ClientLimiter::new(0));
        let taken: Vec<_> = (0..5000).map(|_| client_limiter.acquire(address("192.0.2.1"))).collect();
        assert!(taken.iter().all(Option::is_some));
    }
}
