//! Keyset pagination, newest first: the cost of a page does not depend on its position.

use stoa_model::id::SiteId;

/// One page of a list that is sorted newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<K = SiteId> {
    /// Maximum number of rows.
    pub limit: u64,
    /// Only rows older than this one, the last row of the previous page.
    pub before: Option<K>,
}

impl<K> Page<K> {
    /// The newest `limit` rows.
    pub const fn first(limit: u64) -> Self {
        Self { limit, before: None }
    }

    /// The `limit` rows that follow `last` in the list.
    pub const fn after(last: K, limit: u64) -> Self {
        Self { limit, before: Some(last) }
    }
}
