//! Certificate status of a name: whether HTTPS works, and if not, why not and when the next attempt is due.

use stoa_domains::view::{CertificateSource, CertificateState, CertificateView, DomainsView, NameCertificate};

use super::{show::PageContext, staff_certificates::EXPIRY_WARNING};
use crate::ui::{
    status::{self, Badge},
    time::{self, Moment},
};

/// Certificate status of a name, as shown.
pub struct CertificateStatus {
    /// The name.
    pub name: String,
    /// State.
    pub badge: Badge,
    /// Explanation of the state, where needed.
    pub explanation: Option<String>,
    /// The certificate in use.
    pub served: Option<ServedCertificate>,
    /// Why there is none, or why it could not be renewed.
    pub problem: Option<String>,
    /// Technical cause, for staff.
    pub detail: Option<String>,
    /// When the next attempt is due.
    pub next_try: Option<Moment>,
    /// Whether it may change soon without user action.
    pub is_pending: bool,
}

/// A certificate in use, as shown.
pub struct ServedCertificate {
    /// Issuer.
    pub issuer: String,
    /// Its names.
    pub names: Vec<String>,
    /// Day of expiry.
    pub until: String,
    /// Time until expiry.
    pub left: Moment,
    /// Whether it was uploaded, so that its owner must renew it.
    pub uploaded: bool,
}

impl ServedCertificate {
    /// The certificate at the current time.
    pub fn new(view: &CertificateView, context: PageContext) -> Self {
        Self {
            issuer: view.issuer.clone(),
            names: view.names.clone(),
            until: time::day(view.expires_at),
            left: time::moment(view.expires_at, context.now),
            uploaded: view.source == CertificateSource::Uploaded,
        }
    }
}

impl CertificateStatus {
    /// The status of a name.
    pub fn new(name: &NameCertificate, context: PageContext) -> Self {
        let explanation = match name.state {
            CertificateState::Good | CertificateState::Failing => None,
            CertificateState::Waiting if context.issues => {
                Some("No certificate yet. We request it automatically, which usually takes less than a minute.")
            }
            CertificateState::Waiting => Some("No certificate: this platform doesn't issue any."),
            CertificateState::Off => Some("HTTPS isn't set up on this platform yet."),
        };
        let expires_soon = |c: &CertificateView| {
            c.source == CertificateSource::Uploaded && c.expires_at.duration_since(context.now) < EXPIRY_WARNING
        };
        let failing = name.problem.is_some() && name.state != CertificateState::Off;
        Self {
            name: name.name.clone(),
            badge: match name.state {
                CertificateState::Good if name.certificate.as_ref().is_some_and(expires_soon) => status::EXPIRING,
                CertificateState::Waiting if !context.issues => status::certificate(CertificateState::Off),
                state => status::certificate(state),
            },
            explanation: explanation.map(str::to_owned),
            served: name.certificate.as_ref().map(|view| ServedCertificate::new(view, context)),
            problem: name.problem.clone().filter(|_| failing),
            detail: name.detail.clone().filter(|_| failing),
            next_try: name.next_try.filter(|_| failing).map(|at| time::moment(at, context.now)),
            is_pending: context.issues && matches!(name.state, CertificateState::Waiting | CertificateState::Failing),
        }
    }
}

/// The main address of a site, as shown.
pub struct MainAddress {
    /// URL.
    pub url: String,
    /// Certificate status.
    pub certificate: CertificateStatus,
    /// Whether it is the name given by the platform.
    pub is_own: bool,
    /// A domain that becomes the main address as soon as it works.
    pub next: Option<String>,
}

impl MainAddress {
    /// The main one of a site's addresses.
    pub fn new(view: &DomainsView, context: PageContext) -> Self {
        let main = view.domains.iter().find(|domain| domain.is_main && !view.own_is_main);
        let current = main.and_then(|domain| domain.certificate.as_ref()).unwrap_or(&view.own);
        let mut certificate = CertificateStatus::new(current, context);
        // The certificate exists, but the site's application is not configured with the new URL yet.
        if current.state == CertificateState::Good && !view.url.starts_with("https://") {
            certificate.badge = status::certificate(CertificateState::Waiting);
            certificate.explanation = Some("The certificate is ready. We're updating the store's address.".to_owned());
            certificate.is_pending = true;
        }
        let next = view.domains.iter().find(|domain| domain.main_wanted && !domain.is_main);
        Self { url: view.url.clone(), certificate, is_own: view.own_is_main, next: next.map(|d| d.display.clone()) }
    }
}
