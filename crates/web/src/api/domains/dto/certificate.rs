//! Request and response bodies of certificates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_control::view;
use utoipa::ToSchema;

/// The certificate of a name, and its state.
#[derive(Serialize, ToSchema)]
pub struct NameCertificate {
    /// The name.
    pub name: String,
    /// `good`, `waiting`, `failing` or, on a platform without HTTPS, `off`.
    #[schema(value_type = String, example = "good")]
    pub state: view::CertificateState,
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

impl From<view::NameCertificate> for NameCertificate {
    fn from(v: view::NameCertificate) -> Self {
        let view::NameCertificate { name, state, certificate, problem, detail, next_try } = v;
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
    pub source: view::CertificateSource,
    /// Who issued it.
    pub issuer: String,
    /// When it expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Remarks.
    pub notes: Vec<String>,
}

impl From<view::CertificateView> for Certificate {
    fn from(v: view::CertificateView) -> Self {
        let view::CertificateView { names, source, issuer, expires_at, notes } = v;
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
