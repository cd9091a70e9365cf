//! Why a certificate can't be obtained: a message for the customer and the cause for staff.

use jiff::SignedDuration;
use stoa_integrations::acme::{AcmeError, ProblemKind};
use stoa_provider::dns::DnsError;

use super::{issuance_limits::LimitReached, spec::CertificateSpec};
use stoa_core::Error;

/// Prefix of the detail of a delay that the authority requested.
const AUTHORITY_DELAY_PREFIX: &str = "the authority asks us to wait: ";

/// Whether the authority requested the delay with this detail, so that users can't shorten it.
pub(super) fn is_requested_by_authority(detail: &str) -> bool {
    detail.starts_with(AUTHORITY_DELAY_PREFIX)
}

/// Prefix of the detail of a refusal of a name that pointed to other machines too, followed by all its addresses and
/// `": "`. Another order would fail too until they change.
const REFUSED_AT_PREFIX: &str = "refused while the name pointed to ";

/// The addresses that the name of an order with this detail had when it was refused.
pub(super) fn refused_at(detail: &str) -> Option<&str> {
    detail.strip_prefix(REFUSED_AT_PREFIX)?.split_once(": ").map(|(addresses, _)| addresses)
}

/// Why there is no certificate yet.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// For the customer.
    pub message: String,
    /// For staff.
    pub detail: String,
    /// The delay before the next attempt, if known.
    pub wait: Option<SignedDuration>,
    /// Whether the authority refused: retrying does not help until someone changes something.
    pub refused: bool,
    /// Whether the authority no longer accepts our account.
    pub account_lost: bool,
    /// Whether the authority did not find our answer where the name points.
    pub is_misdirected: bool,
}

impl Failure {
    fn internal(message: &str, detail: impl ToString) -> Self {
        let (message, detail) = (message.into(), detail.to_string());
        Self { message, detail, wait: None, refused: false, account_lost: false, is_misdirected: false }
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
            message: error.customer_text(&wanted.subject.host),
            detail: format!("{}{error}", if wait.is_some() { AUTHORITY_DELAY_PREFIX } else { "" }),
            wait,
            refused: !error.is_transient(),
            account_lost: matches!(error, AcmeError::Account { .. }),
            is_misdirected: matches!(
                error,
                AcmeError::Refused {
                    kind: ProblemKind::Dns
                        | ProblemKind::Connection
                        | ProblemKind::Unauthorized
                        | ProblemKind::Tls
                        | ProblemKind::IncorrectResponse,
                    ..
                }
            ),
        }
    }

    /// The same, with the addresses in its detail.
    pub fn refused_at(self, addresses: &str) -> Self {
        Self { detail: format!("{REFUSED_AT_PREFIX}{addresses}: {}", self.detail), ..self }
    }

    /// The database failed.
    pub fn of_database(error: &Error) -> Self {
        Self::internal(
            "The certificate could not be saved on our side. We have been notified and will try again automatically.",
            error.for_operator(),
        )
    }

    /// The name server failed.
    pub fn of_dns(error: &DnsError) -> Self {
        Self::internal(
            "Our name server didn't accept the record for the certificate. We'll try again automatically.",
            error,
        )
    }

    /// DNS-01 is required, but no DNS provider is configured.
    pub fn no_dns() -> Self {
        Self::internal(
            "This name needs a proof by DNS, which this platform can't give.",
            "the authority asks for DNS-01, but no [dns] provider is configured",
        )
    }

    /// The name points to another machine.
    pub fn points_elsewhere(message: String) -> Self {
        Self { wait: Some(SignedDuration::from_mins(10)), ..Self::internal(&message, &message) }
    }

    /// An issuance limit is reached.
    pub(super) fn limit_reached(limit: LimitReached) -> Self {
        Self { wait: Some(limit.wait), ..Self::internal(limit.message, limit.message) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::of_database(&error)
    }
}

#[cfg(test)]
mod tests {
    use stoa_integrations::acme::Method;
    use stoa_model::{certificate::CertName, host::Hostname};

    use super::*;

    #[test]
    fn the_addresses_of_a_refusal_are_recognized() {
        let failure = Failure::points_elsewhere("It points: elsewhere.".into());
        assert_eq!(refused_at(&failure.detail), None);
        assert_eq!(refused_at(&failure.refused_at("192.0.2.1, 2001:db8::1").detail), Some("192.0.2.1, 2001:db8::1"));
    }

    #[test]
    fn delays_that_the_authority_requested_are_recognized() {
        let subject = CertName::host(Hostname::parse("shop.example").unwrap());
        let wanted = CertificateSpec { names: vec![subject.clone()], subject, method: Method::Http01, custom: true };
        let is_requested = |error| is_requested_by_authority(&Failure::of_ca(&error, &wanted).detail);
        let detail = || "ordering".to_owned();
        assert!(is_requested(AcmeError::RateLimited { retry_after: None, detail: detail() }));
        assert!(!is_requested(AcmeError::Unreachable { detail: detail() }));
        assert!(!is_requested_by_authority(&Failure::points_elsewhere("It leads elsewhere.".into()).detail));
    }
}
