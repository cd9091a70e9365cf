//! What routes hostnames to sites.

pub mod conformance;
pub mod fake;

use async_trait::async_trait;
use stoa_model::{id::SiteId, route::RoutingTable, traffic::Traffic};

/// A maker of an edge: embedded, nginx, Traefik or an ingress.
#[async_trait]
pub trait Edge: Send + Sync + 'static {
    /// Makes `table` the truth. Idempotent; a table older than the applied one is ignored. When it
    /// returns, every new request is routed by this table or a newer one.
    ///
    /// # Errors
    /// If the maker could not take the table over; the former table still holds then, but for the
    /// case of single sites, see [`EdgeError::refused`].
    async fn apply(&self, table: RoutingTable) -> Result<(), EdgeError>;

    /// The version of the table that requests are routed by now; 0 before the first.
    fn applied(&self) -> u64;

    /// What every site has served since this maker began to count; it only grows while the process
    /// lives. Sites that have served nothing may be missing.
    ///
    /// # Errors
    /// If the counts can't be read now; nothing is lost then, as the next answer holds them.
    async fn traffic(&self) -> Result<Vec<(SiteId, Traffic)>, EdgeError>;
}

/// Why an edge did not take a routing table over.
#[derive(Debug, thiserror::Error)]
#[error("{doing} the {maker} edge: {reason}")]
pub struct EdgeError {
    /// Name of the maker.
    pub maker: &'static str,
    /// What was tried, up to the words "the … edge".
    pub doing: String,
    /// What went wrong and what to do.
    pub reason: String,
    /// `None` if nothing of the table was taken over. Otherwise the table counts as applied, but for
    /// these sites, which keep the routes that they had; an empty list says that no site's routes are at
    /// fault, but a certificate or a name of the platform itself.
    pub refused: Option<Vec<SiteId>>,
}
