//! What came of a routing table, in words.

use std::collections::BTreeMap;

use stoa_model::{
    id::{CertificateId, SiteId},
    route::RoutingTable,
};
use stoa_provider::edge::EdgeError;

use super::{
    attempt::{Attempt, ConfigFiles, Refused},
    file_name::FileName,
};

/// More names of a certificate than this are not told.
const MAX_LISTED_NAMES: usize = 5;

/// What came of a table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Sites whose file was written.
    pub written: Vec<SiteId>,
    /// Sites whose file was removed.
    pub removed: Vec<SiteId>,
    /// Sites whose files nginx refuses, with what it says; they keep what they had, if it still holds.
    pub refused: Vec<(SiteId, String)>,
    /// What else was refused or left out: certificates, answers, and names of the platform itself.
    pub left_out: Vec<String>,
}

impl Report {
    /// What an attempt has changed, and what was refused.
    pub(crate) fn of(attempt: &Attempt<'_>, wanted: &ConfigFiles, refused: &Refused) -> Self {
        let mut report = Self::default();
        for (name, slot) in attempt.changes(wanted) {
            let FileName::Site(site) = name else { continue };
            if refused.contains_key(&name) {
                continue;
            }
            if slot.is_empty() { report.removed.push(site) } else { report.written.push(site) }
        }
        for (name, said) in refused {
            match name {
                FileName::Site(site) => report.refused.push((*site, said.clone())),
                other => report.left_out.push(format!("{other} keeps what it had, as nginx says: {said}")),
            }
        }
        report
    }

    /// The error that says that not all was taken over; nothing if all was.
    pub(crate) fn error(&self, version: u64) -> Result<(), EdgeError> {
        if self.refused.is_empty() && self.left_out.is_empty() {
            return Ok(());
        }
        let sites = self
            .refused
            .iter()
            .map(|(site, said)| format!("{site} keeps what it had, if that still holds, as nginx says: {said}"));
        let reason = sites.chain(self.left_out.iter().cloned()).collect::<Vec<_>>().join("; ");
        let refused = Some(self.refused.iter().map(|(site, _)| *site).collect());
        Err(EdgeError { refused, ..error(version, format!("{reason}. Everything else was taken over")) })
    }
}

/// An error that says that nothing was taken over.
pub(crate) fn error(version: u64, reason: String) -> EdgeError {
    EdgeError { maker: "nginx", doing: format!("applying routing table {version} to"), reason, refused: None }
}

/// The certificates of a table that nginx does not load.
pub(crate) fn left_out(table: &RoutingTable, refused: &BTreeMap<CertificateId, String>) -> Vec<String> {
    let told = table.certificates.iter().filter_map(|certificate| {
        let (said, names) = (refused.get(&certificate.id)?, &certificate.names);
        let names: Vec<_> = names.iter().take(MAX_LISTED_NAMES).map(ToString::to_string).collect();
        Some(format!("{} for {} is left out, as nginx says: {said}", certificate.id, names.join(", ")))
    });
    told.collect()
}
