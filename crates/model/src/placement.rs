//! Where a stack lies on its engine. Both types are opaque outside the engine: the platform stores a
//! [`Placement`] and leases numbers from a [`LeasePool`] without knowing what they stand for.

use serde::{Deserialize, Serialize};

/// What an engine decided about a site before the first effect, for example addresses. It is saved
/// with the site and passed to every later call, so that a retry finds the same choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The engine that understands `data`.
    pub engine: String,
    /// The engine's own format.
    pub data: serde_json::Value,
}

/// Numbers of which each site on an engine needs one of its own, such as blocks of addresses:
/// `first`, `first + step`, … `count` of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasePool {
    /// Names the pool. Leasing starts from the bottom when the name changes.
    pub name: String,
    /// The lowest lease.
    pub first: i64,
    /// From one lease to the next; a lease covers `step` numbers.
    pub step: i64,
    /// How many leases there are.
    pub count: i64,
    /// Half-open ranges of numbers that something else uses. They may lie outside the pool, overlap
    /// and come in any order.
    pub taken: Vec<(i64, i64)>,
}

impl LeasePool {
    /// The first number past the pool.
    pub fn end(&self) -> i64 {
        self.first + self.count * self.step
    }

    /// The lease with this index, counted from 0.
    pub fn lease(&self, index: i64) -> Option<i64> {
        (0..self.count).contains(&index).then(|| self.first + index * self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_end_with_the_pool() {
        let pool = LeasePool { name: "p".into(), first: 160, step: 16, count: 3, taken: Vec::new() };
        assert_eq!([-1, 0, 2, 3].map(|index| pool.lease(index)), [None, Some(160), Some(192), None]);
        assert_eq!(pool.end(), 208);
    }

    #[test]
    fn a_placement_reads_back() {
        let placement = Placement { engine: "docker".into(), data: serde_json::json!({"subnet": "10.0.0.0/28"}) };
        let text = serde_json::to_string(&placement).expect("written");
        assert_eq!(serde_json::from_str::<Placement>(&text).expect("read"), placement);
    }
}
