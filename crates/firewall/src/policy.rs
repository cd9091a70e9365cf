//! What sites may reach.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use ipnet::Ipv4Net;

/// What sites may reach besides the public internet, and what they may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The networks of all sites lie in it.
    pub sites: Ipv4Net,
    /// The edge's ports, at every address of this machine: a store asks itself by its public name.
    pub edge_ports: Vec<EdgePort>,
    /// Exceptions from what is refused, such as a database server in the same private network.
    pub allow: Vec<Destination>,
    /// Networks that are refused too.
    pub block: Vec<Ipv4Net>,
    /// Whether sites may connect to mail servers at port 25.
    pub mail: bool,
    /// Name servers that may be asked even if they lie in a private network.
    pub resolvers: Vec<Ipv4Addr>,
    /// Port on this machine of a name server for sites, to which all their questions are redirected.
    pub dns_port: Option<u16>,
    /// Port on this machine of the mail relay for sites, which they reach at port 587 too.
    pub submission_port: Option<u16>,
}

/// A port of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgePort {
    /// As visitors see it.
    pub public: u16,
    /// Where the edge listens on this machine.
    pub local: u16,
}

/// Addresses, and the TCP port there; without one, all ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// The addresses.
    pub network: Ipv4Net,
    /// The TCP port.
    pub port: Option<u16>,
}

impl Policy {
    /// The IPv4 name servers of this machine. Containers can't reach those on loopback, so Docker replaces them by the
    /// ones that systemd-resolved asks, or asks them itself.
    pub fn system_resolvers() -> Vec<Ipv4Addr> {
        let all = [RESOLV_CONF, "/run/systemd/resolve/resolv.conf"].into_iter().flat_map(name_servers);
        let mut found: Vec<_> = all.filter_map(outside_ipv4).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The name servers that this machine itself asks, those on loopback too.
pub fn system_name_servers() -> Vec<IpAddr> {
    name_servers(RESOLV_CONF)
}

fn name_servers(file: &str) -> Vec<IpAddr> {
    parse_name_servers(&fs::read_to_string(file).unwrap_or_default())
}

fn outside_ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) if !address.is_loopback() => Some(address),
        _ => None,
    }
}

/// Those of a resolv.conf(5).
fn parse_name_servers(text: &str) -> Vec<IpAddr> {
    let address = |line: &str| line.strip_prefix("nameserver")?.split_whitespace().next()?.parse().ok();
    text.lines().filter_map(address).collect()
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no destination: write 10.0.5.7, 10.0.5.0/24 or 10.0.5.7:3306");
        let (network, port) = match text.rsplit_once(':') {
            Some((network, port)) => (network, Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(bad)?)),
            None => (text, None),
        };
        let network = network.parse().or_else(|_| network.parse::<Ipv4Addr>().map(Ipv4Net::from)).map_err(|_| bad())?;
        Ok(Self { network, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_addresses_or_networks_with_or_without_a_port() {
        let read = |text: &str| text.parse::<Destination>().map(|d| (d.network.to_string(), d.port));
        assert_eq!(read("10.0.5.7"), Ok(("10.0.5.7/32".into(), None)));
        assert_eq!(read("10.0.5.0/24:3306"), Ok(("10.0.5.0/24".into(), Some(3306))));
        for bad in ["", ":25", "10.0.5.7:", "10.0.5.7:0", "10.0.5.7:70000", "db.internal:3306", "10.0.0.0/40", "::1"] {
            assert!(read(bad).unwrap_err().contains("is no destination"), "{bad}");
        }
    }

    #[test]
    fn name_servers_on_loopback_are_left_out() {
        let text = "# x\nsearch a.example\nnameserver 127.0.0.53\nnameserver 10.1.2.3 \nnameserver\t192.0.2.1\nnameserver fe80::1\n";
        let all = parse_name_servers(text);
        assert_eq!(
            all.iter().map(IpAddr::to_string).collect::<Vec<_>>(),
            ["127.0.0.53", "10.1.2.3", "192.0.2.1", "fe80::1"]
        );
        let outside: Vec<_> = all.into_iter().filter_map(outside_ipv4).collect();
        assert_eq!(outside, [Ipv4Addr::new(10, 1, 2, 3), Ipv4Addr::new(192, 0, 2, 1)]);
    }
}
