//! The machine's own network: routes and addresses that sites' networks must not take, and the largest packet that its
//! way out carries. All of it is read from `/proc` and `/sys`; what can't be read is not known, and nothing fails for it.

use std::{collections::BTreeSet, fs, net::Ipv4Addr, path::Path};

use crate::subnet::Subnet;

/// The start of the names of the machine's routes and addresses among what uses leases.
const ROUTE: &str = "the route ";
const ADDRESS: &str = "the address ";

/// IPv4 routes of all routing tables, and addresses of all interfaces: VPNs and Kubernetes have tables of their own
/// (`fib_trie`, proc_net(5)). Without the default route, loopback, and what lies in `known` networks.
pub(crate) fn taken(known: &[(String, Subnet)]) -> Vec<(String, Subnet)> {
    let text = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    taken_in(&text, known)
}

fn taken_in(fib_trie: &str, known: &[(String, Subnet)]) -> Vec<(String, Subnet)> {
    let (mut base, mut found) = (None, BTreeSet::new());
    for line in fib_trie.lines().map(str::trim_start) {
        if let Some(address) = line.strip_prefix("|-- ") {
            base = address.parse::<Ipv4Addr>().ok();
        } else if let (Some(base), Some(rest)) = (base, line.strip_prefix('/')) {
            let mut words = rest.split(' ');
            let prefix = words.next().and_then(|prefix| prefix.parse::<u8>().ok());
            let kind = match words.nth(1) {
                Some("UNICAST") => ROUTE,
                Some("LOCAL") => ADDRESS,
                _ => continue,
            };
            if let Some(prefix) = prefix.filter(|prefix| *prefix > 0 && !base.is_loopback()) {
                found.insert((kind, Subnet::at(base, prefix)));
            }
        }
    }
    let is_known = |subnet: &Subnet| known.iter().any(|(_, other)| other.contains(subnet));
    let named = |(kind, subnet): (&str, Subnet)| (format!("{kind}{subnet}"), subnet);
    found.into_iter().filter(|(_, subnet)| !is_known(subnet)).map(named).collect()
}

/// Whether a name is one of [`taken`]'s.
pub(crate) fn is_route(name: &str) -> bool {
    name.starts_with(ROUTE) || name.starts_with(ADDRESS)
}

/// The interface of the default route, and the largest packet that it carries.
pub(crate) fn uplink() -> Option<(String, u32)> {
    let interface = default_interface(&fs::read_to_string("/proc/net/route").ok()?)?;
    let mtu = fs::read_to_string(Path::new("/sys/class/net").join(&interface).join("mtu")).ok()?;
    Some((interface, mtu.trim().parse().ok()?))
}

/// Of several default routes the one that the kernel prefers.
fn default_interface(route: &str) -> Option<String> {
    let fields = route.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let defaults = fields.filter(|fields| fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000"));
    let metric = |fields: &Vec<&str>| fields.get(6).and_then(|metric| metric.parse::<u32>().ok()).unwrap_or(u32::MAX);
    defaults.min_by_key(metric).map(|fields| fields[0].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIB_TRIE: &str = "Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 10.213.4.0
        /24 link UNICAST
     |-- 172.17.0.0
        /16 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 4
     |-- 10.213.9.1
        /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 172.17.0.1
        /32 host LOCAL
     |-- 172.17.255.255
        /32 link BROADCAST
Id 52:
  |-- 100.101.102.103
     /32 universe UNICAST
";

    #[test]
    fn routes_of_all_tables_and_addresses_are_taken() {
        let docker = [("bridge".to_owned(), "172.17.0.0/16".parse().unwrap())];
        let names: Vec<_> = taken_in(FIB_TRIE, &docker).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["the address 10.213.9.1/32", "the route 10.213.4.0/24", "the route 100.101.102.103/32"]);
        assert!(names.iter().all(|name| is_route(name)) && !is_route("stoa-x_default"));
    }

    #[test]
    fn the_preferred_default_route_is_the_way_out() {
        let route = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
wg0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
";
        assert_eq!(default_interface(route).as_deref(), Some("wg0"));
        assert_eq!(default_interface("Iface\tDestination\n"), None);
    }
}
