//! Small private IPv4 networks, one per site.
//!
//! Docker's own pools end at 31 networks, so every site gets an explicitly allocated block of 16
//! addresses (`/28`) from the operator's pool. The platform leases the block's first address as a
//! plain number; this module knows how blocks lie in a pool.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use serde::{Deserialize, Serialize};

/// An IPv4 network in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    base: u32,
    prefix: u8,
}

impl Subnet {
    /// Prefix length of a site's block.
    pub const SITE_PREFIX: u8 = 28;

    /// Addresses in a site's block.
    pub const SITE_ADDRESSES: u32 = 1 << (32 - Self::SITE_PREFIX);

    /// The site block that begins with this lease; `None` if none does.
    pub fn of_lease(lease: i64) -> Option<Self> {
        let base = u32::try_from(lease).ok().filter(|base| base.is_multiple_of(Self::SITE_ADDRESSES))?;
        Some(Self { base, prefix: Self::SITE_PREFIX })
    }

    /// The network of this prefix around an address.
    pub(crate) fn at(address: Ipv4Addr, prefix: u8) -> Self {
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
        Self { base: u32::from(address) & mask, prefix: prefix.min(32) }
    }

    /// Whether all addresses of the other one are among this one's.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        let ((from, to), (other_from, other_to)) = (self.range(), other.range());
        from <= other_from && other_to <= to
    }

    /// The first address, as the number that the platform leases.
    pub fn lease(&self) -> i64 {
        self.base.into()
    }

    /// All addresses, as a half-open range of numbers.
    pub fn range(&self) -> (i64, i64) {
        (self.lease(), self.lease() + (1_i64 << (32 - self.prefix)))
    }

    /// How many site blocks this pool has.
    pub fn blocks(&self) -> u32 {
        1 << Self::SITE_PREFIX.saturating_sub(self.prefix)
    }

    /// The address of the network's bridge.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.base + 1)
    }

    /// The `n`-th address for services, counted from 0; `None` past the end of the block.
    pub fn service_address(&self, n: usize) -> Option<Ipv4Addr> {
        let offset = u32::try_from(n).ok()?.checked_add(2)?;
        let size = 1u32 << (32 - self.prefix);
        (offset < size - 1).then(|| Ipv4Addr::from(self.base + offset))
    }

    /// Whether the two networks share an address.
    pub fn overlaps(&self, other: &Self) -> bool {
        let ((from, to), (other_from, other_to)) = (self.range(), other.range());
        from < other_to && other_from < to
    }
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not an IPv4 network: write it like 10.213.0.0/16");
        let (address, prefix) = text.split_once('/').ok_or_else(bad)?;
        let base: u32 = address.parse::<Ipv4Addr>().map_err(|_| bad())?.into();
        let prefix: u8 = prefix.parse().ok().filter(|p| (8..=30).contains(p)).ok_or_else(bad)?;
        if base & ((1u32 << (32 - prefix)) - 1) != 0 {
            return Err(format!("{text:?} has bits set beyond its prefix"));
        }
        Ok(Self { base, prefix })
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.prefix)
    }
}

impl TryFrom<String> for Subnet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Subnet {
        text.parse().expect("a good network")
    }

    #[test]
    fn blocks_lie_side_by_side_in_the_pool() {
        let pool = net("10.213.0.0/16");
        assert_eq!(pool.blocks(), 4096);
        let block = |number: i64| Subnet::of_lease(pool.lease() + number * 16).map(|block| block.to_string());
        assert_eq!(block(0), Some("10.213.0.0/28".into()));
        assert_eq!(block(17), Some("10.213.1.16/28".into()));
        assert_eq!(pool.range(), (pool.lease(), pool.lease() + 4096 * 16));
        assert_eq!(net("10.213.1.16/28").lease(), pool.lease() + 17 * 16);
    }

    #[test]
    fn a_lease_begins_a_block() {
        for lease in [7, 8, -16, 1 << 32, i64::MAX] {
            assert_eq!(Subnet::of_lease(lease), None, "{lease}");
        }
        assert!(Subnet::of_lease((1 << 32) - 16).is_some());
    }

    #[test]
    fn a_block_has_room_for_thirteen_services() {
        let block = net("10.213.1.16/28");
        assert_eq!(block.gateway(), Ipv4Addr::new(10, 213, 1, 17));
        assert_eq!(block.service_address(0), Some(Ipv4Addr::new(10, 213, 1, 18)));
        assert_eq!(block.service_address(12), Some(Ipv4Addr::new(10, 213, 1, 30)));
        assert_eq!(block.service_address(13), None);
    }

    #[test]
    fn overlap() {
        assert!(net("10.0.0.0/8").overlaps(&net("10.213.0.0/28")));
        assert!(!net("10.213.0.0/28").overlaps(&net("10.213.0.16/28")));
    }

    #[test]
    fn bad_networks_are_refused() {
        for text in ["", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/31", "10.0.0.0/x", "::/8"] {
            assert!(text.parse::<Subnet>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn the_last_address_is_the_broadcast_address() {
        assert_eq!(net("10.0.0.0/30").service_address(0), Some(Ipv4Addr::new(10, 0, 0, 2)));
        assert_eq!(net("10.0.0.0/30").service_address(1), None);
        assert_eq!(net("10.0.0.0/28").service_address(usize::MAX), None);
    }

    #[test]
    fn networks_overlap_in_both_directions() {
        let (wide, narrow) = (net("10.0.0.0/8"), net("10.213.0.0/28"));
        assert!(narrow.overlaps(&wide) && wide.overlaps(&wide));
        assert!(!net("11.0.0.0/8").overlaps(&narrow) && !narrow.overlaps(&net("11.0.0.0/8")));
        assert!(!net("10.0.0.0/30").overlaps(&net("10.0.0.4/30")));
    }

    #[test]
    fn prefixes_have_bounds_and_networks_are_stored_as_text() {
        for text in ["10.0.0.0/7", "10.0.0.0/31", "10.0.0.8/28", "10.0.0.0/-8"] {
            assert!(text.parse::<Subnet>().is_err(), "{text} was accepted");
        }
        for text in ["10.0.0.0/8", "10.0.0.8/29", "10.0.0.252/30"] {
            assert_eq!(net(text).to_string(), text);
        }
        assert_eq!(serde_json::to_string(&net("10.0.0.0/8")).expect("a text"), "\"10.0.0.0/8\"");
        assert_eq!(serde_json::from_str::<Subnet>("\"10.0.0.0/8\"").expect("a network"), net("10.0.0.0/8"));
        assert!(serde_json::from_str::<Subnet>("\"10.0.0.1/8\"").is_err());
    }
}
