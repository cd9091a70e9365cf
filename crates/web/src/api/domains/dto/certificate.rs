//! Request and response bodies of certificates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The certificate of a name, and its state.
#[derive(Serialize, ToSchema)]
pub struct NameCertificate {
    /// The name.
    pub name: String,
    /// `good`, `waiting`, `failing` or, on a platform without HTTPS, `off`.
    #[schema(value_type = String, example = "good")]
    pub state: stoa_domains::view::CertificateState,
    /// The certificate in use.
    pub certificate: Option<Certificate>,
    /// Why there is none, or why it could not be renewed.
    pub problem: Option<String>,
    /// The cause, for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When the next attempt is due.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_try: Option<Timestamp>,
}

impl From<stoa_domains::view::NameCertificate> for NameCertificate {
    fn from(v: stoa_domains::view::NameCertificate) -> Self {
        let stoa_domains::view::NameCertificate { name, state, certificate, problem, detail, next_try } = v;
        Self { name, state, certificate: certificate.map(Into::into), problem, detail, next_try }
    }
}

/// A certificate in use.
#[derive(Serialize, ToSchema)]
pub struct Certificate {
    /// Its names.
    pub names: Vec<String>,
    /// `issued` by an authority and renewed by the platform, or `uploaded`.
    #[schema(value_type = String, example = "issued")]
    pub source: stoa_domains::view::CertificateSource,
    /// Who issued it.
    pub issuer: String,
    /// When it expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Remarks.
    pub notes: Vec<String>,
}

impl From<stoa_domains::view::CertificateView> for Certificate {
    fn from(v: stoa_domains::view::CertificateView) -> Self {
        let stoa_domains::view::CertificateView { names, source, issuer, expires_at, notes } = v;
        Self { names, source, issuer, expires_at, notes }
    }
}

/// A certificate to upload.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCertificate {
    /// PEM: the certificate and its intermediates.
    pub certificate: String,
    /// PEM: its private key, without a passphrase.
    #[schema(value_type = String, format = Password)]
    pub key: stoa_model::secret::SecretString,
}
