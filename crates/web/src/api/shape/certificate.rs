//! Certificates over the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the certificate of a name stands.
#[derive(Serialize, ToSchema)]
pub struct NameCertificate {
    /// The name.
    pub name: String,
    /// `good`, `waiting`, `failing` or, on a platform without HTTPS, `off`.
    #[schema(value_type = String, example = "good")]
    pub state: stoa_domains::view::CertificateState,
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

impl From<stoa_domains::view::NameCertificate> for NameCertificate {
    fn from(v: stoa_domains::view::NameCertificate) -> Self {
        let stoa_domains::view::NameCertificate { name, state, certificate, problem, detail, next_try } = v;
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
    pub source: stoa_domains::view::CertificateSource,
    /// Who issued it.
    pub issuer: String,
    /// When it runs out.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// What is worth knowing about it.
    pub notes: Vec<String>,
}

impl From<stoa_domains::view::CertificateView> for Certificate {
    fn from(v: stoa_domains::view::CertificateView) -> Self {
        let stoa_domains::view::CertificateView { names, source, issuer, expires_at, notes } = v;
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
