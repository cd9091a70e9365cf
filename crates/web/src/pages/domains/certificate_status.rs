//! The lock of a name: whether visitors see it, and if not, why not and when it is tried again.

use stoa_control::view::{CertificateSource, CertificateState, CertificateView, DomainsView, NameCertificate};

use super::{show::Surroundings, staff_certificates::WARNING};
use crate::ui::{
    status::{self, Badge},
    time::{self, Moment},
};

/// How the certificate of a name stands, in words.
pub struct Lock {
    /// The name.
    pub name: String,
    /// In one word.
    pub badge: Badge,
    /// In a sentence, where the certificate does not speak for itself.
    pub words: Option<String>,
    /// Who issued what is served, if anything.
    pub served: Option<Served>,
    /// Why there is none, or no new one.
    pub problem: Option<String>,
    /// The cause, for staff.
    pub detail: Option<String>,
    /// When it is tried again.
    pub next_try: Option<Moment>,
    /// Whether it may change by itself soon.
    pub moving: bool,
}

/// A certificate that is served.
pub struct Served {
    /// Who issued it.
    pub issuer: String,
    /// The names that it is for.
    pub names: Vec<String>,
    /// The day on which it runs out.
    pub until: String,
    /// How far off that is.
    pub left: Moment,
    /// Whether its owner has to bring the next one.
    pub uploaded: bool,
}

impl Served {
    /// A certificate, seen now.
    pub fn new(view: &CertificateView, around: Surroundings) -> Self {
        Self {
            issuer: view.issuer.clone(),
            names: view.names.clone(),
            until: time::day(view.expires_at),
            left: time::moment(view.expires_at, around.now),
            uploaded: view.source == CertificateSource::Uploaded,
        }
    }
}

impl Lock {
    /// The lock of a name.
    pub fn new(name: &NameCertificate, around: Surroundings) -> Self {
        let words = match name.state {
            CertificateState::Good | CertificateState::Failing => None,
            CertificateState::Waiting if around.issues => {
                Some("There is no certificate yet. It is ordered by itself, which usually takes less than a minute.")
            }
            CertificateState::Waiting => Some("There is no certificate: nobody issues them on this platform."),
            CertificateState::Off => Some("This platform serves plain HTTP only; its operator can set up HTTPS."),
        };
        let unattended = |c: &CertificateView| {
            c.source == CertificateSource::Uploaded && c.expires_at.duration_since(around.now) < WARNING
        };
        let failing = name.problem.is_some() && name.state != CertificateState::Off;
        Self {
            name: name.name.clone(),
            badge: match name.state {
                CertificateState::Good if name.certificate.as_ref().is_some_and(unattended) => status::RUNS_OUT,
                CertificateState::Waiting if !around.issues => status::certificate(CertificateState::Off),
                state => status::certificate(state),
            },
            words: words.map(str::to_owned),
            served: name.certificate.as_ref().map(|view| Served::new(view, around)),
            problem: name.problem.clone().filter(|_| failing),
            detail: name.detail.clone().filter(|_| failing),
            next_try: name.next_try.filter(|_| failing).map(|at| time::moment(at, around.now)),
            moving: around.issues && matches!(name.state, CertificateState::Waiting | CertificateState::Failing),
        }
    }
}

/// The address under which a site is known.
pub struct MainAddress {
    /// It.
    pub url: String,
    /// How its certificate stands.
    pub lock: Lock,
    /// Whether it is the platform's own name.
    pub is_own: bool,
    /// A domain that becomes it as soon as it can.
    pub next: Option<String>,
}

impl MainAddress {
    /// Of these addresses.
    pub fn new(view: &DomainsView, around: Surroundings) -> Self {
        let main = view.domains.iter().find(|domain| domain.is_main && !view.own_is_main);
        let certificate = main.and_then(|domain| domain.certificate.as_ref()).unwrap_or(&view.own);
        let mut lock = Lock::new(certificate, around);
        // The certificate is there, but the site's application is still told its new address.
        if certificate.state == CertificateState::Good && !view.url.starts_with("https://") {
            lock.badge = status::certificate(CertificateState::Waiting);
            lock.words = Some("The certificate is there. The store is being told its new address.".to_owned());
            lock.moving = true;
        }
        let wanted = view.domains.iter().find(|domain| domain.main_wanted && !domain.is_main);
        Self { url: view.url.clone(), lock, is_own: view.own_is_main, next: wanted.map(|d| d.display.clone()) }
    }
}
