//! Private keys, and which public keys browsers accept.

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use stoa_model::secret::{ExposeSecret, SecretString};
use x509_parser::{
    certificate::X509Certificate,
    oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_SIG_ED25519},
    public_key::PublicKey,
};

use super::pem;

/// RSA of 8192 bits takes 6 KiB.
const MAX_KEY_BYTES: usize = 16 * 1024;

/// A private key that the edge can use.
pub(super) struct Key {
    der: PrivateKeyDer<'static>,
    public: Vec<u8>,
}

impl Key {
    /// Whether the certificate is for this key.
    pub(super) fn is_of(&self, certificate: &X509Certificate<'_>) -> bool {
        certificate.public_key().raw == self.public
    }

    /// The key alone, in PEM.
    pub(super) fn to_pem(&self) -> SecretString {
        SecretString::from(pem::write_key(&self.der))
    }
}

/// Reads a key. The error is a sentence for the person who uploads it and never quotes the key.
pub(super) fn read(text: &SecretString) -> Result<Key, &'static str> {
    let text = text.expose_secret();
    if text.len() > MAX_KEY_BYTES {
        return Err("This is too large for a private key: a file of at most 16 KiB is expected.");
    }
    let labels: Vec<_> = pem::labels(text).collect();
    if labels.contains(&"ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err("This key is protected by a password. Please remove the password first \
                    (openssl pkey -in key.pem -out open.pem) and upload the result.");
    }
    match labels.iter().filter(|label| label.ends_with("PRIVATE KEY")).count() {
        0 if labels.contains(&"CERTIFICATE") => return Err("This is a certificate, not a private key."),
        0 if labels.contains(&"PUBLIC KEY") => return Err("This is a public key. Please upload the private one."),
        0 => return Err("This is no private key. A text that begins with -----BEGIN PRIVATE KEY----- is expected."),
        1 => (),
        _ => return Err("There is more than one private key here. Please upload the one of this certificate."),
    }
    let der = PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|_| "The key is damaged: please copy the whole text, with its first and last lines.")?;
    let usable = any_supported_type(&der).ok().and_then(|key| Some(key.public_key()?.to_vec()));
    match usable {
        Some(public) => Ok(Key { der, public }),
        None => Err("This kind of key can't be used. Please use RSA with at least 2048 bits, or ECDSA P-256 or P-384."),
    }
}

/// Whether browsers accept the certificate's key. The error is a sentence for the customer.
pub(super) fn check_strength(certificate: &X509Certificate<'_>) -> Result<(), String> {
    let public = certificate.public_key();
    let curve = || public.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
    match public.parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() < 2048 => Err(format!(
            "The certificate's RSA key has {} bits, which browsers refuse. Please have it reissued with at \
             least 2048.",
            key.key_size()
        )),
        Ok(PublicKey::RSA(_)) => Ok(()),
        Ok(PublicKey::EC(_)) if curve().is_some_and(|oid| oid == OID_EC_P256 || oid == OID_NIST_EC_P384) => Ok(()),
        _ if public.algorithm.algorithm == OID_SIG_ED25519 => Ok(()),
        _ => Err("The certificate has a kind of key that browsers refuse. Please have it reissued with RSA of at \
                  least 2048 bits, or ECDSA P-256 or P-384."
            .into()),
    }
}
