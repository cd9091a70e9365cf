//! What is wrong with a certificate, or with all of them, as a letter tells staff.

use stoa_db::certificate_orders::CertificateOrder;
use stoa_model::certificate::CertName;

use super::loaded::LoadedCertificate;
use crate::routes::EdgeLag;

/// A name that never had a certificate is worth a letter after so many failures.
pub(super) const FAILURES: u32 = 3;

/// A name that staff must look after.
#[derive(Debug, Clone)]
pub(super) struct CertificateAlert {
    pub name: String,
    /// In two or three words.
    pub headline: &'static str,
    /// In one sentence.
    pub what: String,
    /// Why, and what comes next.
    pub more: Vec<String>,
}

impl CertificateAlert {
    pub fn of_issued(subject: &CertName, held: &LoadedCertificate, order: Option<&CertificateOrder>) -> Self {
        let why = if order.is_some() { "renewing it fails" } else { "no authority is set up that would renew it" };
        Self {
            name: subject.to_string(),
            headline: "Certificate runs out",
            what: format!("The certificate for {subject} runs out on {:.0}, and {why}.", held.not_after),
            more: order.map(reasons).unwrap_or_default(),
        }
    }

    pub fn of_edge(behind: EdgeLag) -> Self {
        let since = behind.since;
        Self {
            name: "the edge".into(),
            headline: "Nothing new is served",
            what: format!("Since {since:.0} the edge has taken over no new addresses and certificates."),
            more: vec![behind.why, "It is tried again every minute; `stoa doctor` says whether it still fails.".into()],
        }
    }

    pub fn of_missing(order: &CertificateOrder) -> Self {
        let CertificateOrder { subject, failures, updated_at, .. } = order;
        let how = if *failures < FAILURES {
            format!("and none could be had since {updated_at:.0}")
        } else {
            format!("it failed {failures} times")
        };
        Self {
            name: subject.to_string(),
            headline: "No certificate",
            what: format!("There is no certificate for {subject}; {how}."),
            more: reasons(order),
        }
    }

    /// `order` is the one for what shall take its place.
    pub fn of_brought(held: &LoadedCertificate, order: Option<&CertificateOrder>) -> Self {
        let name = held.ready.names.iter().map(CertName::to_string).collect::<Vec<_>>().join(", ");
        let ends = held.not_after;
        Self {
            headline: "Certificate runs out",
            what: format!("The uploaded certificate for {name} runs out on {ends:.0}, and none takes its place yet."),
            more: order.map(reasons).unwrap_or_default(),
            name,
        }
    }
}

fn reasons(order: &CertificateOrder) -> Vec<String> {
    let detail = order.detail.clone().unwrap_or_else(|| "No reason is known.".into());
    vec![detail, format!("It is tried again at {:.0}.", order.next_at)]
}
