//! Certificates over the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_control::view;
use utoipa::ToSchema;

/// How the certificate of a name stands.
#[derive(Serialize, ToSchema)]
pub struct NameCertificate {
    /// The name.
    pub name: String,
    /// `good`, `waiting`, `failing` or, on a platform without HTTPS, `off`.
    #[schema(value_type = String, example = "good")]
    pub state: view::CertificateState,
    /// What is served.
    pub certificate: Option<Certificate>,
    /// Why there is none, or no new one.
    pub problem: Option<String>,
    /// The cause, for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it is tried again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_try: Option<Timestamp>,
}

impl From<view::NameCertificate> for NameCertificate {
    fn from(v: view::NameCertificate) -> Self {
        let view::NameCertificate { name, state, certificate, problem, detail, next_try } = v;
        Self { name, state, certificate: certificate.map(Into::into), problem, detail, next_try }
    }
}

/// A certificate that is served.
#[derive(Serialize, ToSchema)]
pub struct Certificate {
    /// The names that it is for.
    pub names: Vec<String>,
    /// `issued` by an authority and renewed by the platform, or `uploaded`.
    #[schema(value_type = String, example = "issued")]
    pub source: view::CertificateSource,
    /// Who issued it.
    pub issuer: String,
    /// When it runs out.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// What is worth knowing about it.
    pub notes: Vec<String>,
}

impl From<view::CertificateView> for Certificate {
    fn from(v: view::CertificateView) -> Self {
        let view::CertificateView { names, source, issuer, expires_at, notes } = v;
        Self { names, source, issuer, expires_at, notes }
    }
}

/// A certificate of one's own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCertificate {
    /// PEM: the certificate and what leads to its root.
    pub certificate: String,
    /// PEM: its private key, without a passphrase.
    #[schema(value_type = String, format = Password)]
    pub key: stoa_model::secret::SecretString,
}
