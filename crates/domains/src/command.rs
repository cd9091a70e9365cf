//! Commands, with their fields as typed.

use serde::Deserialize;
use stoa_model::secret::SecretString;

/// Add a custom domain.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddDomain {
    /// The name as typed. Internationalized names are converted to their ASCII form.
    pub name: String,
    /// Whether to add the name with `www.` in front of it too.
    #[serde(default)]
    pub with_www: bool,
    /// Whether to make it the site's main address as soon as possible.
    #[serde(default)]
    pub main: bool,
}

/// Upload a certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadCertificate {
    /// PEM: the certificate and its intermediates.
    pub chain: String,
    /// PEM: its private key.
    pub key: SecretString,
}
