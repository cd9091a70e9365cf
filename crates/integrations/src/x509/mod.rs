//! Reading certificates (RFC 5280) and checking those that a customer uploads.
//!
//! What comes in is hostile until it was read: sizes and counts are limited, and a certificate that
//! holds anything after its end is refused.

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

pub use upload::{Checked, check_upload};

/// What a certificate says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The DNS names that it is for (RFC 9525: the subject's common name doesn't count).
    pub names: Vec<CertName>,
    /// It is valid from here.
    pub not_before: Timestamp,
    /// It is valid up to here, inclusive.
    pub not_after: Timestamp,
    /// Who issued it, for people: organisation and common name.
    pub issuer: String,
    /// Its number at the issuer, hexadecimal, lower case, without leading zeros.
    pub serial: String,
    /// SHA-256 of the leaf, hexadecimal, lower case.
    pub fingerprint: String,
    /// Whether it was signed by its own key.
    pub self_signed: bool,
}

/// A text that is no certificate, in words for the person who brought it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCertificate(pub String);

/// Reads the first certificate of a PEM chain.
///
/// # Errors
/// If any of the chain can't be read.
pub fn inspect(chain: &str) -> Result<Facts, BadCertificate> {
    let all = pem::certificates(chain)?;
    for certificate in &all[1..] {
        parse(certificate)?;
    }
    facts(&all[0])
}

/// Whether this PEM chain is for the key and all of the names; answers it in plain PEM, without
/// what may stand between the certificates. The error completes "the certificate …".
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

/// Reads one certificate, all of it.
fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, BadCertificate> {
    match parse_x509_certificate(certificate) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) => Err(BadCertificate("A certificate has more data after its end.".into())),
        Err(_) => Err(BadCertificate("A certificate is damaged: please copy the file again.".into())),
    }
}

fn facts(certificate: &CertificateDer<'_>) -> Result<Facts, BadCertificate> {
    let parsed = parse(certificate)?;
    // The parser forgives what lies outside the signature; visitors' programs, like this one, don't.
    ParsedCertificate::try_from(certificate)
        .map_err(|_| BadCertificate("A certificate is damaged, or of a form that browsers refuse.".into()))?;
    let time = |seconds: i64| {
        Timestamp::from_second(seconds).map_err(|_| BadCertificate("A certificate has an impossible date.".into()))
    };
    let serial = hex::encode(parsed.raw_serial());
    Ok(Facts {
        names: names(&parsed)?,
        not_before: time(parsed.validity().not_before.timestamp())?,
        not_after: time(parsed.validity().not_after.timestamp())?,
        issuer: display(parsed.issuer()),
        serial: serial.trim_start_matches('0').to_owned(),
        fingerprint: hex::encode(Sha256::digest(certificate)),
        self_signed: is_self_signed(&parsed),
    })
}

/// Names that no site of ours could have (addresses, underscores) are passed over.
fn names(parsed: &X509Certificate<'_>) -> Result<Vec<CertName>, BadCertificate> {
    let alternative = parsed
        .subject_alternative_name()
        .map_err(|_| BadCertificate("A certificate lists its names twice or in a way that can't be read.".into()))?;
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

/// A name for people: organisation and common name, or all of it where there are none.
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
