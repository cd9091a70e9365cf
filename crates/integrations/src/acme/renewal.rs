//! When to renew (ACME renewal information, RFC 9773), and revoking (RFC 8555 7.6).

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

/// When the CA wants a certificate to be renewed. Renew at a random time within it, so that not all
/// certificates of a day come at once; at once if it is in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenewalWindow {
    /// Its begin.
    pub start: Timestamp,
    /// Its end; later than the begin.
    pub end: Timestamp,
    /// When to ask again: between a minute and a day from now, because the window moves if the CA
    /// has to revoke.
    pub retry_after: Duration,
}

/// Why a certificate is revoked (RFC 5280 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationReason {
    /// For no reason that others need to know.
    Unspecified,
    /// Somebody else may have the key.
    KeyCompromise,
    /// There is a newer one.
    Superseded,
    /// The site is no more.
    CessationOfOperation,
}

impl Acme {
    /// When the CA wants this PEM chain to be renewed; none if it gives no such information, or
    /// doesn't know the certificate.
    ///
    /// # Errors
    /// `Unreachable`, `Garbage` or `RateLimited`; then the plain rule of a third of the lifetime holds.
    pub async fn renewal(&self, chain: &str) -> Result<Option<RenewalWindow>, AcmeError> {
        let Some(id) = identifier(chain) else { return Ok(None) };
        within(self.patience, "asking when to renew a certificate", async {
            let (info, wait) = match self.account.renewal_info(&id).await {
                Err(Error::Unsupported(_) | Error::Api(Problem { status: Some(404), .. })) => return Ok(None),
                // It is asked without a nonce, so there is nothing to persist with.
                other => other.map_err(problem::from_library)?,
            };
            let window = info.suggested_window;
            match (from_unix(window.start.unix_timestamp()), from_unix(window.end.unix_timestamp())) {
                (Some(start), Some(end)) if start < end => {
                    let retry_after = wait.clamp(Duration::from_secs(60), Duration::from_secs(24 * 3600));
                    Ok(Some(RenewalWindow { start, end, retry_after }))
                }
                // RFC 9773 4.2: as if nothing had come.
                _ => Err(AcmeError::garbage(format!("an impossible window, {} to {}", window.start, window.end))),
            }
        })
        .await
    }

    /// Revokes the leaf of this PEM chain. Idempotent: one that is revoked already is no error.
    ///
    /// # Errors
    /// `Account` if another account ordered it; or any other kind.
    pub async fn revoke(&self, chain: &str, reason: RevocationReason) -> Result<(), AcmeError> {
        within(self.patience, "revoking a certificate", async {
            let leaf = CertificateDer::from_pem_slice(chain.as_bytes())
                .map_err(|error| AcmeError::local(format!("reading it: {error}")))?;
            let mut again = false;
            let revoked = persist!(async {
                let request = RevocationRequest { certificate: &leaf, reason: Some(reason.into()) };
                let revoked = self.account.revoke(&request).await;
                again = matches!(&revoked, Err(Error::Api(said)) if problem::name(said) == Some("alreadyRevoked"));
                revoked
            });
            if again { Ok(()) } else { revoked }
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

/// How a CA names the leaf of a PEM chain in renewal information (RFC 9773 4.1): by its authority's
/// key and its serial number. None if it has no such name.
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
