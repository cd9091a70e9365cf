//! What people can ask for, with the text as typed.

use serde::Deserialize;
use stoa_model::secret::SecretString;

/// Bring a domain along.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddDomain {
    /// The name as typed; internationalised names are turned into what DNS knows.
    pub name: String,
    /// Whether the same name with `www.` before it is claimed too.
    #[serde(default)]
    pub with_www: bool,
    /// Whether it shall become the site's main address as soon as it can.
    #[serde(default)]
    pub main: bool,
}

/// Bring a certificate along.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadCertificate {
    /// PEM: the certificate and what leads to its root.
    pub chain: String,
    /// PEM: its private key.
    pub key: SecretString,
}
