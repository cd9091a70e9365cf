//! Small private IPv4 networks, one per site.
//!
//! Docker's own pools end at 31 networks, so every site gets an explicitly allocated block of 16
//! addresses (`/28`) out of the operator's pool. The block's number is leased in the database; this
//! module only knows how blocks lie in a pool.

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

    /// A site's block for examples: 10.213.0.0/28.
    pub const EXAMPLE: Self = Self { base: 0x0ad5_0000, prefix: Self::SITE_PREFIX };

    /// How many site blocks this pool holds.
    pub fn blocks(&self) -> u32 {
        1 << Self::SITE_PREFIX.saturating_sub(self.prefix)
    }

    /// The site block with this number, if the pool reaches that far.
    pub fn block(&self, number: u32) -> Option<Self> {
        (self.prefix <= Self::SITE_PREFIX && number < self.blocks())
            .then(|| Self { base: self.base + number * 16, prefix: Self::SITE_PREFIX })
    }

    /// The address the engine's bridge takes.
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
        let shift = 32 - u32::from(self.prefix.min(other.prefix));
        self.base.checked_shr(shift).unwrap_or(0) == other.base.checked_shr(shift).unwrap_or(0)
    }
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no IPv4 network: write it like 10.213.0.0/16");
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
        assert_eq!(pool.block(0).map(|b| b.to_string()), Some("10.213.0.0/28".into()));
        assert_eq!(pool.block(17).map(|b| b.to_string()), Some("10.213.1.16/28".into()));
        assert_eq!(pool.block(4096), None);
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
}
