//! When to renew (ACME renewal information, RFC 9773), and revocation (RFC 8555 7.6).

use std::time::Duration;

use instant_acme::{CertificateIdentifier, Error, Problem, RevocationRequest};
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, Der, pem::PemObject};
use x509_parser::{extensions::ParsedExtension, parse_x509_certificate};

use super::{
    Acme, AcmeError,
    problem::{self, persist},
    within,
};

/// When to renew a certificate. Renew at a random time within it, so that the certificates of one day are
/// not renewed together; immediately if it is in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenewalWindow {
    /// Its start.
    pub start: Timestamp,
    /// Its end, later than the start.
    pub end: Timestamp,
    /// When to ask again: in a minute to a day, because the window moves if the CA has to revoke.
    pub retry_after: Duration,
}

/// Why a certificate is revoked (RFC 5280 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationReason {
    /// No reason that others need to know.
    Unspecified,
    /// Somebody else may have the key.
    KeyCompromise,
    /// A newer certificate replaces it.
    Superseded,
    /// The site no longer exists.
    CessationOfOperation,
}

impl Acme {
    /// When the CA suggests to renew this PEM chain; `None` if it gives no such information or doesn't
    /// know the certificate.
    ///
    /// # Errors
    /// `Unreachable`, `Garbage` or `RateLimited`; then renew when a third of the lifetime is left.
    pub async fn renewal(&self, chain: &str) -> Result<Option<RenewalWindow>, AcmeError> {
        let Some(id) = identifier(chain) else { return Ok(None) };
        within(self.patience, "asking when to renew a certificate", async {
            let (info, wait) = match self.account.renewal_info(&id).await {
                Err(Error::Unsupported(_) | Error::Api(Problem { status: Some(404), .. })) => return Ok(None),
                // This request has no nonce, so `persist!` is not needed.
                other => other.map_err(problem::from_library)?,
            };
            let window = info.suggested_window;
            match (from_unix(window.start.unix_timestamp()), from_unix(window.end.unix_timestamp())) {
                (Some(start), Some(end)) if start < end => {
                    let retry_after = wait.clamp(Duration::from_secs(60), Duration::from_secs(24 * 3600));
                    Ok(Some(RenewalWindow { start, end, retry_after }))
                }
                // Treated like a failed request (RFC 9773 4.2).
                _ => Err(AcmeError::garbage(format!("an invalid window, {} to {}", window.start, window.end))),
            }
        })
        .await
    }

    /// Revokes the leaf of this PEM chain. Idempotent: one that was revoked before is no error.
    ///
    /// # Errors
    /// `Account` if another account ordered it; or any other kind.
    pub async fn revoke(&self, chain: &str, reason: RevocationReason) -> Result<(), AcmeError> {
        within(self.patience, "revoking a certificate", async {
            let leaf = CertificateDer::from_pem_slice(chain.as_bytes())
                .map_err(|error| AcmeError::local(format!("reading it: {error}")))?;
            let mut is_revoked = false;
            let revoked = persist!(async {
                let request = RevocationRequest { certificate: &leaf, reason: Some(reason.into()) };
                let revoked = self.account.revoke(&request).await;
                is_revoked =
                    matches!(&revoked, Err(Error::Api(problem)) if problem::name(problem) == Some("alreadyRevoked"));
                revoked
            });
            if is_revoked { Ok(()) } else { revoked }
        })
        .await
    }
}

impl From<RevocationReason> for instant_acme::RevocationReason {
    fn from(reason: RevocationReason) -> Self {
        match reason {
            RevocationReason::Unspecified => Self::Unspecified,
            RevocationReason::KeyCompromise => Self::KeyCompromise,
            RevocationReason::Superseded => Self::Superseded,
            RevocationReason::CessationOfOperation => Self::CessationOfOperation,
        }
    }
}

/// Identifies the leaf of a PEM chain in renewal information by its authority's key and its serial
/// number (RFC 9773 4.1); `None` if it lacks the former.
pub(super) fn identifier(chain: &str) -> Option<CertificateIdentifier<'static>> {
    let leaf = CertificateDer::from_pem_slice(chain.as_bytes()).ok()?;
    let (_, parsed) = parse_x509_certificate(&leaf).ok()?;
    let authority = parsed.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(authority) => authority.key_identifier.as_ref(),
        _ => None,
    })?;
    Some(CertificateIdentifier::new(Der::from_slice(authority.0), Der::from_slice(parsed.raw_serial())).into_owned())
}

fn from_unix(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}
