//! A client of certificate authorities (CAs) that speak ACME (RFC 8555).
//!
//! A certificate takes three calls, and the caller saves its state between them: [`Acme::order`] returns
//! how to answer the CA's challenges, [`Acme::ready`] tells the CA that the answers are in place and
//! waits, [`Acme::finish`] fetches the certificate. Each can be repeated after a crash with what was
//! saved, most of all the order's URL: a CA counts orders and certificates, so none may be wasted.
//!
//! Tests and private CAs use another directory URL. A request may take 30 seconds and return 256 KiB,
//! waiting for the CA's decision takes [`AcmeConfig::patience`], a whole call at most twice that.

mod account;
mod customer_text;
mod error;
mod finish;
mod http;
mod order;
mod problem;
mod ready;
mod renewal;

use std::{path::PathBuf, time::Duration};

use instant_acme::Account;
use stoa_model::{certificate::CertName, host::Hostname, secret::SecretString, text::EmailAddress};

pub use error::{AcmeError, ProblemKind};
pub use renewal::{RenewalWindow, RevocationReason};

/// A CA, and our account there.
#[derive(Debug, Clone)]
pub struct AcmeConfig {
    /// URL of the CA's directory (RFC 8555 7.1.1); `https` only.
    pub directory: String,
    /// E-mail address that the CA may use about the account.
    pub contact: Option<EmailAddress>,
    /// The customer account that a new ACME account is bound to (RFC 8555 7.3.4).
    pub external_account: Option<ExternalAccount>,
    /// PEM file of roots to trust in addition to the machine's own, for a private CA.
    pub roots: Option<PathBuf>,
    /// How long to wait for the CA's decision about an order.
    pub patience: Duration,
}

/// Credentials that bind ACME accounts to a customer account at the CA. The key isn't printed.
#[derive(Debug, Clone)]
pub struct ExternalAccount {
    /// Name of the key.
    pub key_id: String,
    /// The key, base64url (RFC 4648 5).
    pub hmac_key: SecretString,
}

/// How to prove that a name is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A file under the name's web address (RFC 8555 8.3); not for wildcards.
    Http01,
    /// A text record in the name's DNS zone (RFC 8555 8.4).
    Dns01,
}

/// An order that the CA accepted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ordered {
    /// Identifies the order at the CA; save it before doing anything else.
    pub url: String,
    /// What to put in place before [`Acme::ready`]. Names that the CA has validated recently are left
    /// out, so it may be empty.
    pub challenges: Vec<Challenge>,
}

/// What the CA demands for one name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Challenge {
    /// The name.
    pub name: CertName,
    /// The answer to put in place.
    pub answer: Answer,
}

/// An answer to a challenge. It is public, but can only be made with the account's key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// `http://<name><path>` on port 80 answers `body`.
    Http {
        /// Begins with `/.well-known/acme-challenge/`, then `A-Z a-z 0-9 - _` only.
        path: String,
        /// The whole body; the type is `application/octet-stream`.
        body: String,
    },
    /// The `_acme-challenge` name below `host` has a TXT record of this value. A name and its wildcard
    /// in one order have the same host: both values must exist at the same time.
    Dns {
        /// The host, without `_acme-challenge`.
        host: Hostname,
        /// The text.
        value: String,
    },
}

/// An account at a CA. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Acme {
    account: Account,
    patience: Duration,
}

impl std::fmt::Debug for Acme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acme").field("account", &self.account.id()).finish_non_exhaustive()
    }
}

/// Generates a private key for a certificate: ECDSA P-256, PKCS#8 in PEM. Save it before
/// [`Acme::finish`], or a crash there leaves a certificate that nobody can use.
///
/// # Errors
/// If the machine has no source of randomness.
pub fn new_key() -> Result<SecretString, AcmeError> {
    match rcgen::KeyPair::generate() {
        Ok(pair) => Ok(SecretString::from(pair.serialize_pem())),
        Err(error) => Err(AcmeError::local(format!("generating a private key: {error}"))),
    }
}

/// Runs a whole call within its time limit, and adds to its errors what was being done.
async fn within<T>(
    patience: Duration,
    doing: &str,
    call: impl Future<Output = Result<T, AcmeError>>,
) -> Result<T, AcmeError> {
    match tokio::time::timeout(patience * 2, call).await {
        Ok(done) => done.map_err(|error| error.during(doing)),
        Err(_) => Err(AcmeError::unreachable(format!("{doing}: not finished after {:?}", patience * 2))),
    }
}

/// The names, separated by commas.
fn list(names: &[CertName]) -> String {
    names.iter().map(CertName::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Callers make these calls in spawned tasks.
    #[test]
    fn calls_can_move_between_threads() {
        fn sendable<T: Send>(_: impl FnOnce(Acme, AcmeConfig) -> T) {}
        sendable(|_, config| Acme::open(config, None));
        sendable(|acme, _| async move { acme.order(&[], Method::Dns01, None).await });
        sendable(|acme, _| async move { acme.ready("", Method::Dns01).await });
        sendable(|acme, _| async move { acme.finish("", &[], &SecretString::from("")).await });
        sendable(|acme, _| async move { acme.renewal("").await });
        sendable(|acme, _| async move { acme.revoke("", RevocationReason::Superseded).await });
    }

    #[test]
    fn keys_are_new_and_in_pem() {
        use stoa_model::secret::ExposeSecret;
        let (one, two) = (new_key().expect("a key"), new_key().expect("a key"));
        assert!(one.expose_secret().starts_with("-----BEGIN PRIVATE KEY-----"));
        assert_ne!(one.expose_secret(), two.expose_secret());
    }
}
