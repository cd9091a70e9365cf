//! What routes hostnames to sites.

pub mod conformance;
pub mod fake;

use async_trait::async_trait;
use stoa_model::{id::SiteId, route::RoutingTable, traffic::Traffic};

/// A provider of an edge: embedded, nginx, Traefik or an ingress.
#[async_trait]
pub trait Edge: Send + Sync + 'static {
    /// Applies `table`. Idempotent; a table older than the applied one is ignored. When this returns, every
    /// new request is routed by this table or a newer one.
    ///
    /// # Errors
    /// If the table could not be applied. The former one stays in force then, unless single sites were
    /// refused; see [`EdgeError::refused`].
    async fn apply(&self, table: RoutingTable) -> Result<(), EdgeError>;

    /// The version of the table in force; 0 before the first.
    fn applied(&self) -> u64;

    /// What every site has served since this provider began to count; it only grows while the process
    /// lives. Sites that have served nothing may be missing.
    ///
    /// # Errors
    /// If the counts can't be read now; nothing is lost, as the next call returns them.
    async fn traffic(&self) -> Result<Vec<(SiteId, Traffic)>, EdgeError>;
}

/// Why an edge did not apply a routing table, or not all of it.
#[derive(Debug, thiserror::Error)]
#[error("{doing} the {maker} edge: {reason}")]
pub struct EdgeError {
    /// The name of the provider.
    pub maker: &'static str,
    /// What was being done, up to the words "the … edge".
    pub doing: String,
    /// What went wrong, and what to do next.
    pub reason: String,
    /// `None` if nothing of the table was applied. Otherwise it counts as applied except for these sites,
    /// which keep the routes that they had, if those still hold. The list is empty if only a certificate or
    /// an answer was left out.
    pub refused: Option<Vec<SiteId>>,
}
