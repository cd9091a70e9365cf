//! How many connections each client has, so that one client can't use up those of all.
//!
//! The lock is taken when a connection begins and when it ends, never for a request. An IPv6 client is a
//! /64: every customer of a provider has at least that. Many have a /56 or a /48, which may hold no more than a few such
//! clients.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize},
};

use stoa_util::{ClientNetwork, Ipv6Prefix};

/// The networks that an IPv6 client counts for, and how many clients' limits each has.
const NETWORKS: [(Ipv6Prefix, usize); 3] = [(Ipv6Prefix::Subnet, 1), (Ipv6Prefix::Household, 2), (Ipv6Prefix::Site, 4)];

/// The networks of an address and their limits. An IPv4 address is a single one.
fn networks_of(address: IpAddr) -> impl Iterator<Item = (ClientNetwork, usize)> {
    let number = if address.to_canonical().is_ipv6() { NETWORKS.len() } else { 1 };
    NETWORKS.into_iter().take(number).map(move |(prefix, clients)| (ClientNetwork::of(address, prefix), clients))
}

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
    window_bytes: Arc<AtomicUsize>,
}

/// Allows one connection; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct ClientPermit {
    address: IpAddr,
    limiter: Arc<ClientLimiter>,
    upstreams: Arc<AtomicUsize>,
    window_bytes: Arc<AtomicUsize>,
}

impl ClientLimiter {
    pub(crate) fn new(max_per_client: usize) -> Self {
        Self { clients: Mutex::default(), max_per_client }
    }

    /// A permit for another connection from this address, unless its client has as many as allowed.
    pub(crate) fn acquire(self: &Arc<Self>, address: IpAddr) -> Option<ClientPermit> {
        let mut clients = self.lock();
        let is_full = |(network, limits): (ClientNetwork, usize)| {
            let connections = clients.get(&network).map_or(0, |usage| usage.connections);
            self.max_per_client != 0 && connections >= self.max_per_client.saturating_mul(limits)
        };
        if networks_of(address).any(is_full) {
            return None;
        }
        let (mut upstreams, mut window_bytes) = Default::default();
        for (network, _) in networks_of(address) {
            let usage = clients.entry(network).or_default();
            usage.connections += 1;
            // The widest network comes last.
            (upstreams, window_bytes) = (Arc::clone(&usage.upstreams), Arc::clone(&usage.window_bytes));
        }
        Some(ClientPermit { address, limiter: Arc::clone(self), upstreams, window_bytes })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientNetwork, ClientUsage>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientPermit {
    /// How many connections to upstreams the client's widest network uses, over all of its own.
    pub(crate) fn upstreams(&self) -> &Arc<AtomicUsize> {
        &self.upstreams
    }

    /// How much larger than usual the windows of the client's connections are.
    pub(crate) fn window_bytes(&self) -> &Arc<AtomicUsize> {
        &self.window_bytes
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        let mut clients = self.limiter.lock();
        for (network, _) in networks_of(self.address) {
            if let Entry::Occupied(mut usage) = clients.entry(network) {
                usage.get_mut().connections -= 1;
                if usage.get().connections == 0 {
                    usage.remove();
                }
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
    fn wider_networks_have_the_limits_of_a_few_clients() {
        let limiter = Arc::new(ClientLimiter::new(10));
        let try_all = |range: std::ops::Range<u16>| -> Vec<_> {
            let addresses = range.map(|subnet| address(&format!("2001:db8:1:{subnet:x}::1")));
            addresses.flat_map(|address| (0..10).map(move |_| address)).filter_map(|a| limiter.acquire(a)).collect()
        };
        let household = try_all(0..16);
        assert_eq!(household.len(), 20, "a /60 has no more than its /56");
        let site = try_all(0x100..0xffff);
        assert_eq!(site.len(), 20, "the /48 has 40");
        assert!(limiter.acquire(address("2001:db8:2::1")).is_some(), "another /48");
        drop((household, site));
        assert!(limiter.lock().is_empty());
    }

    #[test]
    fn zero_is_no_limit() {
        let limiter = Arc::new(ClientLimiter::new(0));
        let permits: Vec<_> = (0..5000).map(|_| limiter.acquire(address("192.0.2.1"))).collect();
        assert!(permits.iter().all(Option::is_some));
    }
}
