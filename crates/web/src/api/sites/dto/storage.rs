//! Request and response bodies of storage.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_model::storage::StorageLevel;
use stoa_sites::view::StorageView;
use utoipa::ToSchema;

/// What a site stores.
#[derive(Serialize, ToSchema)]
pub struct Storage {
    /// Bytes at the last measurement.
    pub bytes: u64,
    /// Limit in bytes; 0 is no limit.
    pub limit: u64,
    /// How full it is: free, high (80 %), nearly_full (90 %), full (100 %: uploads are refused), exceeded (110 %: suspended).
    #[schema(value_type = String)]
    pub level: StorageLevel,
    /// What the level means, for people; null while it is free.
    pub message: Option<String>,
    /// Bytes by volume; the empty name is what lies outside of volumes.
    pub volumes: BTreeMap<String, u64>,
    /// When it was measured; null if it was not yet.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub measured_at: Option<Timestamp>,
    /// The last figure of each day, oldest first.
    pub days: Vec<StorageDay>,
}

/// What a site stored at the end of a day.
#[derive(Serialize, ToSchema)]
pub struct StorageDay {
    /// The day, in UTC.
    #[schema(value_type = String, format = Date)]
    pub day: jiff::civil::Date,
    /// Bytes.
    pub bytes: u64,
}

impl From<StorageView> for Storage {
    fn from(view: StorageView) -> Self {
        let StorageView { bytes, limit, level, message, volumes, measured_at, days } = view;
        let days = days.into_iter().map(|(day, bytes)| StorageDay { day, bytes }).collect();
        Self { bytes, limit, level, message, volumes, measured_at, days }
    }
}

/// How much a site may store.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStorageLimit {
    /// Limit in bytes; 0 is no limit, null the operator's limit for all sites.
    pub limit: Option<u64>,
}
