//! Certificates as pages show them.

use crate::Domains;
use std::collections::HashMap;

use stoa_db::certificate_orders::{self, CertificateOrder};
use stoa_model::{account::Role, certificate::CertName, host::Hostname};

use super::loaded::LoadedCertificate;
use crate::view::{CertificateSource, CertificateState, CertificateView, NameCertificate};
use stoa_core::{RequestContext, Result};

impl Domains {
    /// Every name that has or needs a certificate, and how it stands; for staff.
    ///
    /// # Errors
    /// Without the role support.
    pub async fn list_certificates(&self, cx: &RequestContext) -> Result<Vec<NameCertificate>> {
        cx.require(Role::Support)?;
        let orders = certificate_orders::orders_all(&self.core.db).await?;
        let orders: HashMap<_, _> = orders.iter().map(|order| (&order.subject, order)).collect();
        let (shelf, mut all) = (self.certificate_cache.all(), Vec::new());
        for wanted in self.certificate_specs().await? {
            let held = shelf.matching(&wanted).next().map(AsRef::as_ref);
            let order = orders.get(&wanted.subject).copied();
            all.push(name_certificate(wanted.subject.to_string(), held, order, true));
        }
        for held in shelf.iter().filter(|held| held.site.is_some()) {
            let names: Vec<_> = held.ready.names.iter().map(ToString::to_string).collect();
            all.push(name_certificate(names.join(", "), Some(held), None, true));
        }
        Ok(all)
    }

    /// How the certificate of one name stands.
    pub async fn certificate_of(&self, name: &Hostname, staff: bool) -> Result<NameCertificate> {
        let held = self.certificate_cache.all().find(name, self.core.clock.now());
        let order = self.order_for(name).await?;
        let mut view = name_certificate(name.to_string(), held.as_deref(), order.as_ref(), staff);
        if self.core.settings.https_port.is_none() {
            view.state = CertificateState::Off;
        }
        Ok(view)
    }

    /// How getting a certificate for this name stands: one of its own, or the wildcard above it.
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
    held: Option<&LoadedCertificate>,
    order: Option<&CertificateOrder>,
    staff: bool,
) -> NameCertificate {
    let problem = order.and_then(|order| order.problem.clone());
    let state = match (held, &problem) {
        (Some(_), _) => CertificateState::Good,
        (None, Some(_)) => CertificateState::Failing,
        (None, None) => CertificateState::Waiting,
    };
    NameCertificate {
        name,
        state,
        certificate: held.map(view),
        problem,
        detail: order.and_then(|order| order.detail.clone()).filter(|_| staff),
        next_try: order.map(|order| order.next_at),
    }
}

fn view(held: &LoadedCertificate) -> CertificateView {
    CertificateView {
        names: held.ready.names.iter().map(ToString::to_string).collect(),
        source: if held.site.is_some() { CertificateSource::Uploaded } else { CertificateSource::Issued },
        issuer: held.issuer.clone(),
        expires_at: held.not_after,
        notes: Vec::new(),
    }
}
