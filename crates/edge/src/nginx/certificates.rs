//! Which certificates nginx gets: those of the table that can be used, and in the place of each that
//! can't the one that nginx served before. A site's other changes never wait for its certificate: else
//! a customer could keep a site from being suspended by uploading one that nginx refuses.

use std::{collections::BTreeMap, sync::Arc};

use stoa_model::{
    certificate::{CertName, Certificate},
    id::CertificateId,
};

use super::{disk::Disk, state::State};
use crate::plan::CertificateIndex;

/// The table's certificates without those left out, preceded by former ones for names that have none now.
pub(crate) fn usable_certificates(
    table: &[Arc<Certificate>],
    is_left_out: impl Fn(CertificateId) -> bool,
    former: &State,
    disk: &Disk,
) -> Vec<Arc<Certificate>> {
    let (left_out, mut usable): (Vec<_>, Vec<_>) = table.iter().cloned().partition(|one| is_left_out(one.id));
    let mut kept: BTreeMap<CertificateId, Vec<CertName>> = BTreeMap::new();
    let index = CertificateIndex::new(&usable);
    for name in left_out.iter().flat_map(|one| &one.names).filter(|name| !index.has(name)) {
        if let Some(id) = former.certificate_for(name) {
            kept.entry(id).or_default().push(name.clone());
        }
    }
    let kept = kept.into_iter().filter_map(|(id, names)| Some(Arc::new(disk.read_certificate(id, names)?)));
    usable.splice(..0, kept.collect::<Vec<_>>());
    usable
}
