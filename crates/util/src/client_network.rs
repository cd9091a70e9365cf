//! Which addresses count as one client.
//!
//! An IPv4 client is one address. An IPv6 customer owns a whole network and may use a new address of
//! it for every connection (RFC 6177, RFC 8981): a /64 at least, often a /56, and a /48 for a site.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// How much of an IPv6 address names one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ipv6Prefix {
    /// One network of a customer.
    Subnet = 64,
    /// What most providers give a household.
    Household = 56,
    /// What a provider gives an organization.
    Site = 48,
}

/// The network that a client's address belongs to: the key of limits per client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientNetwork(IpNet);

impl ClientNetwork {
    /// The client with this address. An IPv4 address, written as such or mapped into IPv6
    /// (RFC 4291 2.5.5.2), is its own network.
    pub fn of(address: IpAddr, prefix: Ipv6Prefix) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(single(address)),
            IpAddr::V6(address) => Self(IpNet::V6(truncated(address, prefix))),
        }
    }

    /// The addresses around this one that are likely to be used by the same household or firm: a /24 or a /48.
    pub fn neighborhood(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpNet::V4(Ipv4Net::new_assert(address, 24).trunc())),
            IpAddr::V6(address) => Self(IpNet::V6(truncated(address, Ipv6Prefix::Site))),
        }
    }
}

impl std::fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpNet::V4(net) if net.prefix_len() == 32 => net.addr().fmt(f),
            IpNet::V4(net) => net.fmt(f),
            IpNet::V6(net) => net.fmt(f),
        }
    }
}

fn single(address: Ipv4Addr) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(address, 32))
}

fn truncated(address: Ipv6Addr, prefix: Ipv6Prefix) -> Ipv6Net {
    Ipv6Net::new_assert(address, prefix as u8).trunc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, prefix: Ipv6Prefix) -> String {
        ClientNetwork::of(text.parse().expect("an address"), prefix).to_string()
    }

    #[test]
    fn ipv6_counts_by_network_and_ipv4_by_address() {
        assert_eq!(of("192.0.2.7", Ipv6Prefix::Site), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7", Ipv6Prefix::Subnet), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2ff:3::4", Ipv6Prefix::Subnet), "2001:db8:1:2ff::/64");
        assert_eq!(of("2001:db8:1:2ff:3::4", Ipv6Prefix::Household), "2001:db8:1:200::/56");
        assert_eq!(of("2001:db8:1:2ff:3::4", Ipv6Prefix::Site), "2001:db8:1::/48");
    }

    #[test]
    fn a_neighborhood_is_wider() {
        for (address, network) in [
            ("192.0.2.7", "192.0.2.0/24"),
            ("::ffff:192.0.2.7", "192.0.2.0/24"),
            ("2001:db8:1:2ff:3::4", "2001:db8:1::/48"),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(ClientNetwork::neighborhood(address).to_string(), network);
        }
    }
}
