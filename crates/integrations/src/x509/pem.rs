//! PEM (RFC 7468), as people paste it.

use base64::{Engine, prelude::BASE64_STANDARD};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::InvalidCertificate;

const MAX_CHAIN_BYTES: usize = 64 * 1024;
/// Real chains have up to four.
const MAX_CERTIFICATES: usize = 10;

/// Reads the certificates in a text; at least one.
pub(super) fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, InvalidCertificate> {
    let bad = |message: &str| Err(InvalidCertificate(message.into()));
    if text.len() > MAX_CHAIN_BYTES {
        return bad("This is too large for a certificate: a file of at most 64 KiB is expected.");
    }
    let found: Vec<_> = labels(text).collect();
    if found.iter().any(|label| label.ends_with("PRIVATE KEY")) {
        return bad("There is a private key among the certificates. Please put it into the field for the key only.");
    }
    match found.iter().filter(|label| **label == "CERTIFICATE").count() {
        0 if found.contains(&"CERTIFICATE REQUEST") || found.contains(&"NEW CERTIFICATE REQUEST") => {
            return bad("This is a certificate request. Please upload the certificate that you got in return for it.");
        }
        0 if found.contains(&"PKCS7") => {
            return bad("This is a certificate in the PKCS #7 form. Please download it as PEM (often .crt or .pem).");
        }
        0 => return bad("This is no certificate. A text that begins with -----BEGIN CERTIFICATE----- is expected."),
        1..=MAX_CERTIFICATES => (),
        _ => return bad("These are too many certificates: at most 10 are expected."),
    }
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match read {
        Ok(read) if !read.is_empty() => Ok(read),
        _ => bad("The certificate is damaged: please copy the whole text, with its first and last lines."),
    }
}

/// The labels of the sections in a text.
pub(super) fn labels(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
}

/// Writes a chain.
pub(super) fn write_chain(chain: &[CertificateDer<'_>]) -> String {
    chain.iter().map(|certificate| write("CERTIFICATE", certificate)).collect()
}

/// Writes a key in the format that it was read in.
pub(super) fn write_key(key: &PrivateKeyDer<'_>) -> String {
    let label = match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    write(label, key.secret_der())
}

fn write(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem + &format!("-----END {label}-----\n")
}
