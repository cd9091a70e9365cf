//! What went wrong with a certificate, in words for the customer, beside the cause for staff.

use jiff::SignedDuration;
use stoa_integrations::acme::AcmeError;
use stoa_provider::dns::DnsError;

use super::{issuance_limits::LimitReached, spec::CertificateSpec};
use stoa_core::Error;

/// What the detail of a pause begins with that the authority asked for.
const ASKED: &str = "the authority asks us to wait: ";

/// Whether a pause with this detail is one that the authority asked for: no click makes it shorter.
pub(super) fn is_asked(detail: &str) -> bool {
    detail.starts_with(ASKED)
}

/// Why there is no certificate yet.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// For the customer.
    pub words: String,
    /// For staff.
    pub detail: String,
    /// When it makes sense to try again, if that is known.
    pub wait: Option<SignedDuration>,
    /// Whether the authority said no: nothing but a change by a person will help.
    pub refused: bool,
    /// Whether the authority does not know our account any more.
    pub account: bool,
}

impl Failure {
    fn ours(words: &str, detail: impl ToString) -> Self {
        Self { words: words.into(), detail: detail.to_string(), wait: None, refused: false, account: false }
    }

    /// The authority failed or refused.
    pub fn of_ca(error: &AcmeError, wanted: &CertificateSpec) -> Self {
        let wait = match error {
            AcmeError::RateLimited { retry_after, .. } => {
                retry_after.and_then(|wait| SignedDuration::try_from(wait).ok()).or(Some(SignedDuration::from_hours(1)))
            }
            _ => None,
        };
        Self {
            words: error.words(&wanted.subject.host),
            detail: format!("{}{error}", if wait.is_some() { ASKED } else { "" }),
            wait,
            refused: !error.is_transient(),
            account: matches!(error, AcmeError::Account { .. }),
        }
    }

    /// Our own records failed.
    pub fn of_records(error: &Error) -> Self {
        Self::ours(
            "The certificate could not be saved on our side. We have been told; it is tried again by itself.",
            error.for_operator(),
        )
    }

    /// The name server failed.
    pub fn of_dns(error: &DnsError) -> Self {
        Self::ours("Our name server did not take the proof for the certificate. It is tried again by itself.", error)
    }

    /// A proof by DNS is needed, and nobody makes records.
    pub fn no_dns() -> Self {
        Self::ours(
            "This name needs a proof by DNS, which this platform can't give.",
            "the authority asks for DNS-01, but no [dns] maker is configured",
        )
    }

    /// The name does not lead here.
    pub fn leads_elsewhere(words: String) -> Self {
        Self { detail: words.clone(), words, wait: Some(SignedDuration::from_mins(10)), refused: false, account: false }
    }

    /// What the authority allows is used up.
    pub(super) fn spent(spent: LimitReached) -> Self {
        Self {
            words: spent.words.into(),
            detail: spent.words.into(),
            wait: Some(spent.wait),
            refused: false,
            account: false,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::of_records(&error)
    }
}

#[cfg(test)]
mod tests {
    use stoa_integrations::acme::Method;
    use stoa_model::{certificate::CertName, host::Hostname};

    use super::*;

    #[test]
    fn a_pause_that_the_authority_asked_for_is_known_as_such() {
        let subject = CertName::host(Hostname::parse("shop.example").unwrap());
        let wanted = CertificateSpec { names: vec![subject.clone()], subject, method: Method::Http01, custom: true };
        let of = |error| is_asked(&Failure::of_ca(&error, &wanted).detail);
        let detail = || "ordering".to_owned();
        assert!(of(AcmeError::RateLimited { retry_after: None, detail: detail() }));
        assert!(!of(AcmeError::Unreachable { detail: detail() }));
        assert!(!is_asked(&Failure::leads_elsewhere("It leads elsewhere.".into()).detail));
    }
}
