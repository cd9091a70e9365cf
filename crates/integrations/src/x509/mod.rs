//! Reads certificates (RFC 5280) and checks those that a customer uploads.
//!
//! Input is hostile: sizes and counts are limited, and data after a certificate's end is refused.

mod chain;
mod key;
mod pem;
mod upload;

use jiff::Timestamp;
use rustls::server::ParsedCertificate;
use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use stoa_model::{certificate::CertName, secret::SecretString};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, parse_x509_certificate, x509::X509Name};

pub use upload::{CheckedUpload, check_upload};

/// The contents of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    /// Its DNS names. The subject's common name doesn't count (RFC 9525).
    pub names: Vec<CertName>,
    /// Start of its validity.
    pub not_before: Timestamp,
    /// End of its validity, inclusive.
    pub not_after: Timestamp,
    /// Its issuer, for people: organization and common name.
    pub issuer: String,
    /// Its serial number: lower-case hexadecimal without leading zeros.
    pub serial: String,
    /// SHA-256 of the leaf in lower-case hexadecimal.
    pub fingerprint: String,
    /// Whether its own key signed it.
    pub self_signed: bool,
}

/// Why a text is not a certificate, for the person who uploads it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCertificate(pub String);

/// Reads the first certificate of a PEM chain.
///
/// # Errors
/// If any certificate of the chain is invalid.
pub fn inspect(chain: &str) -> Result<CertificateInfo, InvalidCertificate> {
    let all = pem::certificates(chain)?;
    for certificate in &all[1..] {
        parse(certificate)?;
    }
    facts(&all[0])
}

/// Checks that this PEM chain is for the key and all of the names, and returns it without any text
/// between the certificates. The error completes "the certificate …".
pub(crate) fn check_issued(chain: &str, key: &SecretString, names: &[CertName]) -> Result<String, String> {
    let all = pem::certificates(chain).map_err(|error| format!("can't be read: {error}"))?;
    let leaf = facts(&all[0]).map_err(|error| format!("can't be read: {error}"))?;
    let key = key::read(key).map_err(|error| format!("can't be compared with its key: {error}"))?;
    if !key.is_of(&parse(&all[0]).map_err(|error| error.to_string())?) {
        return Err("is for another key".into());
    }
    match names.iter().find(|name| !leaf.names.contains(name)) {
        Some(missing) => Err(format!("is not for {missing}")),
        None => Ok(pem::write_chain(&all)),
    }
}

/// Parses one certificate.
fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, InvalidCertificate> {
    match parse_x509_certificate(certificate) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) => Err(InvalidCertificate("A certificate has more data after its end.".into())),
        Err(_) => Err(InvalidCertificate("A certificate is damaged: please copy the file again.".into())),
    }
}

fn facts(certificate: &CertificateDer<'_>) -> Result<CertificateInfo, InvalidCertificate> {
    let parsed = parse(certificate)?;
    // The parser ignores errors outside the signed part; browsers and rustls don't.
    ParsedCertificate::try_from(certificate)
        .map_err(|_| InvalidCertificate("A certificate is damaged, or of a form that browsers refuse.".into()))?;
    let time = |seconds: i64| {
        Timestamp::from_second(seconds).map_err(|_| InvalidCertificate("A certificate has an impossible date.".into()))
    };
    let serial = hex::encode(parsed.raw_serial());
    Ok(CertificateInfo {
        names: names(&parsed)?,
        not_before: time(parsed.validity().not_before.timestamp())?,
        not_after: time(parsed.validity().not_after.timestamp())?,
        issuer: display(parsed.issuer()),
        serial: serial.trim_start_matches('0').to_owned(),
        fingerprint: hex::encode(Sha256::digest(certificate)),
        self_signed: is_self_signed(&parsed),
    })
}

/// Skips names that no site of ours can have (IP addresses, underscores).
fn names(parsed: &X509Certificate<'_>) -> Result<Vec<CertName>, InvalidCertificate> {
    let alternative = parsed.subject_alternative_name().map_err(|_| {
        InvalidCertificate("A certificate lists its names twice or in a way that can't be read.".into())
    })?;
    let general = alternative.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    Ok(general
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => name.parse().ok(),
            _ => None,
        })
        .collect())
}

fn is_self_signed(parsed: &X509Certificate<'_>) -> bool {
    parsed.subject().as_raw() == parsed.issuer().as_raw() && parsed.verify_signature(None).is_ok()
}

/// A name for people: organization and common name, or all of it if both are missing.
fn display(name: &X509Name<'_>) -> String {
    let organisation = name.iter_organization().next().and_then(|part| part.as_str().ok());
    let common = name.iter_common_name().next().and_then(|part| part.as_str().ok());
    let text = match (organisation, common) {
        (Some(organisation), Some(common)) if !common.contains(organisation) => format!("{organisation} {common}"),
        (_, Some(common)) => common.to_owned(),
        (Some(organisation), None) => organisation.to_owned(),
        (None, None) => name.to_string(),
    };
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
