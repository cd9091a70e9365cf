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
        let loaded = self.certificate_cache.all().find(name, self.core.clock.now());
        let order = self.order_for(name).await?;
        let mut view = name_certificate(name.to_string(), loaded.as_deref(), order.as_ref(), staff);
        if self.core.settings.https_port.is_none() {
            view.state = CertificateState::Off;
        }
        Ok(view)
    }

    /// The order of a certificate for this name, or for the wildcard above it.
    async fn order_for(&self, name: &Hostname) -> Result<Option<CertificateOrder>> {
        for subject in CertName::covering(name) {
            if let Some(order) = certificate_orders::order_get(&self.core.db, &subject).await? {
                return Ok(Some(order));
            }
        }
        Ok(None)
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
