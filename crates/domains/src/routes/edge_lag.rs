//! Since when the edge has not taken over what it was given. It stands in the database, as the doctor
//! of the command line is another process than the one whose edge it is.

use crate::Domains;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_db::meta;
use stoa_provider::edge::EdgeError;

use stoa_core::{Error, Result};

const KEY: &str = "edge_behind";

/// An edge that serves what it had before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeLag {
    /// The first time that it failed.
    pub since: Timestamp,
    /// What it said then.
    pub why: String,
}

impl Domains {
    /// Reads all routes anew and applies them, and writes down whether the edge took them.
    pub async fn reconcile_routes(&self) -> Result<()> {
        let done = self.reload_routes().await;
        let why = match &done {
            Ok(()) => None,
            Err(Error::Unavailable { source, .. }) => source.downcast_ref::<EdgeError>().map(ToString::to_string),
            Err(_) => None,
        };
        // Without an answer of the edge, nothing is known of it.
        if done.is_ok() || why.is_some() {
            self.record_edge_lag(why).await?;
        }
        done
    }

    /// Since when the edge is behind, if it is.
    pub async fn edge_lag(&self) -> Result<Option<EdgeLag>> {
        let noted = meta::meta_get(&self.core.db, KEY).await?;
        Ok(noted.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The first failure stays noted until the edge follows again.
    async fn record_edge_lag(&self, why: Option<String>) -> Result<()> {
        if self.edge_lag().await?.is_some() == why.is_some() {
            return Ok(());
        }
        let behind = why.map(|why| EdgeLag { since: self.core.clock.now(), why });
        let text = &serde_json::json!(behind).to_string();
        Ok(self.core.db.write(|tx| Box::pin(async move { meta::meta_set(&tx, KEY, text).await })).await?)
    }
}
