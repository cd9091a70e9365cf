//! PEM (RFC 7468), as people paste it.

use base64::{Engine, prelude::BASE64_STANDARD};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::BadCertificate;

/// The largest chain, in bytes, and the most certificates in it. Real ones have up to four.
const MAX_CHAIN: usize = 64 * 1024;
const MAX_CERTIFICATES: usize = 10;

/// Reads the certificates of a text; at least one.
pub(super) fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, BadCertificate> {
    let bad = |message: &str| Err(BadCertificate(message.into()));
    if text.len() > MAX_CHAIN {
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

/// What the sections of a text say that they are.
pub(super) fn labels(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
}

/// Writes a chain.
pub(super) fn write_chain(chain: &[CertificateDer<'_>]) -> String {
    chain.iter().map(|certificate| write("CERTIFICATE", certificate)).collect()
}

/// Writes a key in the form that it was read in.
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
