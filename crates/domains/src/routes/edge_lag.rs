//! Since when the edge has failed to apply changes. Stored in the database, because `stoa doctor` runs in another
//! process than the edge.

use crate::Domains;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_db::meta;
use stoa_provider::edge::EdgeError;

use stoa_core::{Error, Result};

const EDGE_LAG_KEY: &str = "edge_behind";

/// A failure of the edge to apply changes. It serves its previous configuration meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeLag {
    /// The time of the first failure.
    pub since: Timestamp,
    /// The error of the first failure.
    pub why: String,
}

impl Domains {
    /// Reloads all routes, applies them, and records whether the edge accepted them.
    pub async fn reconcile_routes(&self) -> Result<()> {
        let done = self.reload_routes().await;
        let why = match &done {
            Ok(()) => None,
            Err(Error::Unavailable { source, .. }) => source.downcast_ref::<EdgeError>().map(ToString::to_string),
            Err(_) => None,
        };
        // Other errors say nothing about the edge.
        if done.is_ok() || why.is_some() {
            self.record_edge_lag(why).await?;
        }
        done
    }

    /// The current lag of the edge, if any.
    pub async fn edge_lag(&self) -> Result<Option<EdgeLag>> {
        let stored = meta::meta_get(&self.core.db, EDGE_LAG_KEY).await?;
        Ok(stored.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps the record of the first failure until the edge succeeds again.
    async fn record_edge_lag(&self, why: Option<String>) -> Result<()> {
        if self.edge_lag().await?.is_some() == why.is_some() {
            return Ok(());
        }
        let lag = why.map(|why| EdgeLag { since: self.core.clock.now(), why });
        let text = &serde_json::json!(lag).to_string();
        Ok(self.core.db.write(|tx| Box::pin(async move { meta::meta_set(&tx, EDGE_LAG_KEY, text).await })).await?)
    }
}
