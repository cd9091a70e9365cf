//! The content of certificate alerts to staff.

use stoa_core::email::utc;
use stoa_db::certificate_orders::CertificateOrder;
use stoa_model::certificate::CertName;

use super::loaded::LoadedCertificate;
use crate::routes::EdgeLag;

/// Failed orders after which a name without a certificate is reported.
pub(super) const ALERT_AFTER_FAILURES: u32 = 3;

/// A problem that needs the attention of staff.
#[derive(Debug, Clone)]
pub(super) struct CertificateAlert {
    pub name: String,
    /// The problem in two or three words.
    pub headline: &'static str,
    /// The problem in one sentence.
    pub summary: String,
    /// The cause, and what happens next.
    pub details: Vec<String>,
}

impl CertificateAlert {
    pub fn of_issued(subject: &CertName, loaded: &LoadedCertificate, order: Option<&CertificateOrder>) -> Self {
        let why = if order.is_some() { "renewing it fails" } else { "no authority is set up that would renew it" };
        Self {
            name: subject.to_string(),
            headline: "Certificate expires",
            summary: format!("The certificate for {subject} expires at {}, and {why}.", utc(loaded.not_after)),
            details: order.map(reasons).unwrap_or_default(),
        }
    }

    pub fn of_edge(lag: EdgeLag) -> Self {
        let since = lag.since;
        Self {
            name: "the edge".into(),
            headline: "Nothing new is served",
            summary: format!("The edge has applied no new addresses and certificates since {}.", utc(since)),
            details: vec![lag.why, "We try again every minute. `stoa doctor` says whether it still fails.".into()],
        }
    }

    pub fn of_missing(order: &CertificateOrder) -> Self {
        let CertificateOrder { subject, failures, updated_at, .. } = order;
        let how = if *failures < ALERT_AFTER_FAILURES {
            format!("getting one has failed since {}", utc(*updated_at))
        } else {
            format!("getting one has failed {failures} times")
        };
        Self {
            name: subject.to_string(),
            headline: "No certificate",
            summary: format!("There is no certificate for {subject}; {how}."),
            details: reasons(order),
        }
    }

    /// `order` is the order for its replacement.
    pub fn of_uploaded(loaded: &LoadedCertificate, order: Option<&CertificateOrder>) -> Self {
        let name = loaded.ready.names.iter().map(CertName::to_string).collect::<Vec<_>>().join(", ");
        Self {
            headline: "Certificate expires",
            summary: format!(
                "The uploaded certificate for {name} expires at {}, and it has no replacement yet.",
                utc(loaded.not_after)
            ),
            details: order.map(reasons).unwrap_or_default(),
            name,
        }
    }
}

fn reasons(order: &CertificateOrder) -> Vec<String> {
    let detail = order.detail.as_deref().unwrap_or("No reason is known");
    vec![format!("{}.", detail.trim_end_matches('.')), format!("The next attempt is at {}.", utc(order.next_at))]
}
