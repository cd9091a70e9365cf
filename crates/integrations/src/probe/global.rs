//! Which addresses are the public network's.

use std::net::IpAddr;

/// Whether an address belongs to the public network: neither to this machine or any private network, nor to any other
/// block of IANA's registries of special-purpose addresses (RFC 6890) that is not one machine's on the Internet.
pub fn is_global(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b))
                // Protocol assignments; relays of 6to4 (RFC 7526).
                || [a, b, c] == [192, 0, 0]
                || [a, b, c] == [192, 88, 99])
        }
        // Everything global lies in 2000::/3. 2001::/23 has protocol assignments, of which Teredo carries IPv4
        // addresses, as 2002::/16 does; 2001:db8::/32 and 3fff::/20 are for documentation.
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            first & 0xe000 == 0x2000
                && first != 0x2002
                && !(first == 0x2001 && (second < 0x200 || second == 0xdb8))
                && !(first == 0x3fff && second < 0x1000)
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
            "192.0.0.8",
            "192.88.99.1",
            "192.0.2.1",
            "203.0.113.1",
            "240.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:1ff::1",
            "2001:db8::1",
            "3fff:fff::1",
            "5f00::1",
            "ff02::1",
        ] {
            assert!(!is_global(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "1.1.1.1",
            "198.17.0.1",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "192.0.1.1",
            "192.88.98.1",
            "2001:200::1",
            "3fff:1000::1",
        ] {
            assert!(is_global(outside.parse().unwrap()), "{outside}");
        }
    }
}
