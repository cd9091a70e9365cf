//! Views of certificates.

use crate::Domains;
use std::collections::HashMap;

use stoa_db::certificate_orders::{self, CertificateOrder};
use stoa_model::{account::Role, certificate::CertName, host::Hostname};

use super::loaded::LoadedCertificate;
use crate::view::{CertificateSource, CertificateState, CertificateView, NameCertificate};
use stoa_core::{RequestContext, Result};

impl Domains {
    /// All names that have or need a certificate, with its state; for staff.
    ///
    /// # Errors
    /// Without the role support.
    pub async fn list_certificates(&self, cx: &RequestContext) -> Result<Vec<NameCertificate>> {
        cx.require(Role::Support)?;
        let orders = certificate_orders::orders_all(&self.core.db).await?;
        let orders: HashMap<_, _> = orders.iter().map(|order| (&order.subject, order)).collect();
        let (cached, mut all) = (self.certificate_cache.all(), Vec::new());
        for wanted in self.certificate_specs().await? {
            let loaded = cached.matching(&wanted).next().map(AsRef::as_ref);
            let order = orders.get(&wanted.subject).copied();
            all.push(name_certificate(wanted.subject.to_string(), loaded, order, true));
        }
        for loaded in cached.iter().filter(|loaded| loaded.site.is_some()) {
            let names: Vec<_> = loaded.ready.names.iter().map(ToString::to_string).collect();
            all.push(name_certificate(names.join(", "), Some(loaded), None, true));
        }
        Ok(all)
    }

    /// The state of the certificate for one name.
    pub async fn certificate_of(&self, name: &Hostname, staff: bool) -> Result<NameCertificate> {
        Ok(self.certificates_of(&[name], staff).await?.remove(0))
    }

    /// The state of the certificate for each of these names, in their order.
    pub async fn certificates_of(&self, names: &[&Hostname], staff: bool) -> Result<Vec<NameCertificate>> {
        let subjects: Vec<CertName> = names.iter().flat_map(|name| CertName::covering(name)).collect();
        let orders = certificate_orders::orders_of(&self.core.db, &subjects).await?;
        let orders: HashMap<_, _> = orders.iter().map(|order| (&order.subject, order)).collect();
        let (cached, now) = (self.certificate_cache.all(), self.core.clock.now());
        let view = |name: &&Hostname| {
            let loaded = cached.find(name, now);
            // The order for the name, or for the wildcard above it.
            let order = CertName::covering(name).into_iter().find_map(|subject| orders.get(&subject).copied());
            let mut view = name_certificate(name.to_string(), loaded.as_deref(), order, staff);
            if self.core.settings.https_port.is_none() {
                view.state = CertificateState::Off;
            }
            view
        };
        Ok(names.iter().map(view).collect())
    }
}

fn name_certificate(
    name: String,
    loaded: Option<&LoadedCertificate>,
    order: Option<&CertificateOrder>,
    staff: bool,
) -> NameCertificate {
    let problem = order.and_then(|order| order.problem.clone());
    let state = match (loaded, &problem) {
        (Some(_), _) => CertificateState::Good,
        (None, Some(_)) => CertificateState::Failing,
        (None, None) => CertificateState::Waiting,
    };
    NameCertificate {
        name,
        state,
        certificate: loaded.map(view),
        problem,
        detail: order.and_then(|order| order.detail.clone()).filter(|_| staff),
        next_try: order.map(|order| order.next_at),
    }
}

fn view(loaded: &LoadedCertificate) -> CertificateView {
    CertificateView {
        names: loaded.ready.names.iter().map(ToString::to_string).collect(),
        source: if loaded.site.is_some() { CertificateSource::Uploaded } else { CertificateSource::Issued },
        issuer: loaded.issuer.clone(),
        expires_at: loaded.not_after,
        notes: Vec::new(),
    }
}
