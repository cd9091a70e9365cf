//! Which addresses are the public network's.

use std::net::IpAddr;

/// Whether an address belongs to the public network: not to this machine, nor to any private one
/// (RFC 6890).
pub fn is_global(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b)))
        }
        // Everything global lies in 2000::/3; 2002::/16 and 2001::/32 carry IPv4 addresses within.
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            first & 0xe000 == 0x2000 && first != 0x2002 && !(first == 0x2001 && (second == 0 || second == 0xdb8))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_network_is_not_the_public_one() {
        for inside in [
            "127.0.0.1",
            "10.213.0.2",
            "172.17.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "2002:0a00:0001::1",
            "224.0.0.1",
            "198.18.0.1",
            "255.255.255.255",
        ] {
            assert!(!is_global(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["1.1.1.1", "198.17.0.1", "2606:4700::1111", "2001:4860:4860::8888"] {
            assert!(is_global(outside.parse().unwrap()), "{outside}");
        }
    }
}
