//! The card of a domain: how to verify it, or its state.

use stoa_domains::view::{DnsInstruction, DomainView};
use stoa_model::domain::DomainState;

use super::{certificate_status::CertificateStatus, show::PageContext};
use crate::ui::{
    status::{self, Badge},
    time::{self, Moment},
};

/// A domain, as shown.
pub struct DomainCard {
    /// Its id.
    pub id: String,
    /// Name as people write it.
    pub display: String,
    /// Name as DNS writes it, if different.
    pub ascii: Option<String>,
    /// State.
    pub badge: Badge,
    /// The steps to a working domain, and whether each is done.
    pub progress: [(&'static str, bool); 3],
    /// Whether it is not verified yet.
    pub claimed: bool,
    /// Whether it is the site's main address.
    pub is_main: bool,
    /// Whether it becomes the main address as soon as it works.
    pub main_wanted: bool,
    /// Whether it works and could become the main address.
    pub can_be_main: bool,
    /// Error messages.
    pub problem: Option<String>,
    /// DNS records to create.
    pub records: Vec<RecordLine>,
    /// The file that verifies it instead of the TXT record.
    pub file: FileProof,
    /// When the claim expires.
    pub expires: Option<(String, Moment)>,
    /// When it was last checked.
    pub checked: Option<Moment>,
    /// Its certificate, once verified.
    pub certificate: Option<CertificateStatus>,
}

/// A DNS record to create.
pub struct RecordLine {
    /// Element id, unique on the page.
    pub id: String,
    /// `TXT`, `A`, …
    pub kind: &'static str,
    /// Full name.
    pub name: String,
    /// The name without the registered domain.
    pub relative_name: String,
    /// Value.
    pub value: String,
    /// Purpose.
    pub purpose: &'static str,
    /// Whether the last check found it.
    pub seen: Option<Badge>,
}

/// The file that verifies a domain instead of the TXT record.
pub struct FileProof {
    /// Element id, unique on the page.
    pub id: String,
    /// URL.
    pub url: String,
    /// Content.
    pub content: String,
}

impl DomainCard {
    /// The `n`-th domain of the page.
    pub fn new(n: usize, view: &DomainView, context: PageContext) -> Self {
        let (url, content) = view.file.clone();
        let records = view.records.iter().enumerate();
        let mut certificate = view.certificate.as_ref().map(|view| CertificateStatus::new(view, context));
        if let (Some(certificate), true, true) = (&mut certificate, view.problem.is_some(), context.issues) {
            // No certificate is ordered before the domain points here.
            let explanation = "The certificate will be issued automatically once this is fixed.".to_owned();
            certificate.explanation = certificate.explanation.take().map(|_| explanation);
        }
        let is_verified = view.state == DomainState::Verified;
        let has_https = certificate.as_ref().is_some_and(|certificate| certificate.served.is_some());
        let progress = [
            ("Add DNS records", is_verified && view.problem.is_none()),
            ("Verified", is_verified),
            ("HTTPS on", has_https),
        ];
        let works = view.problem.is_none() && certificate.as_ref().is_some_and(|certificate| !certificate.is_pending);
        Self {
            id: view.id.to_string(),
            display: view.display.clone(),
            ascii: (view.name != view.display).then(|| view.name.clone()),
            badge: status::domain(view.state, view.problem.is_some()),
            progress,
            claimed: view.state == DomainState::Claimed,
            is_main: view.is_main,
            main_wanted: view.main_wanted && !view.is_main,
            problem: view.problem.clone(),
            records: records.map(|(r, record)| RecordLine::new(format!("record-{n}-{r}"), record, view)).collect(),
            file: FileProof { id: format!("file-{n}"), url, content },
            expires: view.expires_at.map(|at| (time::date(at), time::moment(at, context.now))),
            checked: view.checked_at.map(|at| time::moment(at, context.now)),
            can_be_main: works && !view.is_main,
            certificate,
        }
    }

    /// Whether it may change soon without user action.
    pub fn is_pending(&self) -> bool {
        self.claimed
            || self.main_wanted
            || self.problem.is_some()
            || self.certificate.as_ref().is_some_and(|certificate| certificate.is_pending)
    }
}

impl RecordLine {
    fn new(id: String, record: &DnsInstruction, domain: &DomainView) -> Self {
        let DnsInstruction { kind, name, relative_name, value, purpose, seen } = record.clone();
        // Once a domain is verified, its problem says more than "not found".
        let seen = seen.filter(|seen| *seen || domain.state == DomainState::Claimed);
        Self { id, kind, name, relative_name, value, purpose, seen: seen.map(status::record) }
    }
}
