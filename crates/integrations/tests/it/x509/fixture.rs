//! Certificates made for one test.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use stoa_integrations::x509::{CheckedUpload, check_upload};
use stoa_model::{field::Invalid, host::Hostname, secret::SecretString};

/// A certificate with its key.
pub struct Made {
    pub params: CertificateParams,
    pub key: KeyPair,
    pub pem: String,
}

impl Made {
    /// A root of this name.
    pub fn root(name: &str) -> Self {
        let (params, key) = (authority(name), key());
        let pem = params.self_signed(&key).expect("a root").pem();
        Self { params, key, pem }
    }

    /// An authority of this name below this one.
    pub fn below(&self, name: &str) -> Self {
        self.sign(authority(name), key())
    }

    /// A certificate for the names, valid in 2026.
    pub fn leaf(&self, names: &[&str]) -> Self {
        self.sign(leaf(names), key())
    }

    pub fn sign(&self, params: CertificateParams, key: KeyPair) -> Self {
        let pem = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).expect("a certificate").pem();
        Self { params, key, pem }
    }

    /// The PEM of its key.
    pub fn secret(&self) -> SecretString {
        SecretString::from(self.key.serialize_pem())
    }
}

pub fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

pub fn leaf(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name = DistinguishedName::new();
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 12, 31));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// An authority, valid in the twenties.
pub fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2029, 12, 31));
    params
}

/// A day on which all of them are valid.
pub fn today() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().expect("a time")
}

pub fn hosts(names: &[&str]) -> Vec<Hostname> {
    names.iter().map(|name| Hostname::parse(name).expect("a hostname")).collect()
}

/// Uploads for `shop.example.com`, today.
pub fn upload(chain: &str, key: &SecretString) -> Result<CheckedUpload, Vec<Invalid>> {
    check_upload(chain, key, &hosts(&["shop.example.com"]), today())
}

/// The only problem, with its field.
pub fn problem(outcome: Result<CheckedUpload, Vec<Invalid>>) -> (&'static str, String) {
    let mut wrong = outcome.expect_err("a problem");
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    let Invalid { field, message } = wrong.remove(0);
    assert!(message.ends_with('.'), "no sentence: {message}");
    (field, message)
}
