//! The outcome of a routing table.

use stoa_model::{
    id::{CertificateId, SiteId},
    route::RoutingTable,
};
use stoa_provider::edge::EdgeError;

/// More names of a certificate are not listed.
const MAX_LISTED_NAMES: usize = 5;

/// The outcome of a table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Sites whose file was written.
    pub written: Vec<SiteId>,
    /// Sites whose file was removed.
    pub removed: Vec<SiteId>,
    /// Sites whose files nginx refuses, with what it says; each stays as it was, if that still holds.
    pub refused: Vec<(SiteId, String)>,
    /// What else was left out: certificates and answers.
    pub left_out: Vec<String>,
}

impl Report {
    pub(crate) fn add_certificate(&mut self, id: CertificateId, table: &RoutingTable, reason: &str) {
        let names = table.certificates.iter().filter(|certificate| certificate.id == id).flat_map(|one| &one.names);
        let names: Vec<_> = names.take(MAX_LISTED_NAMES).map(ToString::to_string).collect();
        self.left_out.push(format!("{id} for {} is left out: {reason}", names.join(", ")));
    }

    /// The error of a table that was applied in part; `Ok` if it was applied as a whole.
    pub(crate) fn check(&self, version: u64) -> Result<(), EdgeError> {
        if self.refused.is_empty() && self.left_out.is_empty() {
            return Ok(());
        }
        let sites = self
            .refused
            .iter()
            .map(|(site, said)| format!("{site} stays as it was, if that still holds, as nginx says: {said}"));
        let reason = sites.chain(self.left_out.iter().cloned()).collect::<Vec<_>>().join("; ");
        let refused = Some(self.refused.iter().map(|(site, _)| *site).collect());
        Err(EdgeError { refused, ..apply_error(version, format!("{reason}. Everything else was applied")) })
    }
}

/// The error of a table of which nothing was applied.
pub(crate) fn apply_error(version: u64, reason: String) -> EdgeError {
    EdgeError { maker: "nginx", doing: format!("applying routing table {version} to"), reason, refused: None }
}
