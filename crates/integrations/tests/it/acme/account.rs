//! Accounts, at Pebble.

use stoa_integrations::acme::{Acme, AcmeConfig, AcmeError, ExternalAccount, Method};
use stoa_model::{
    secret::{ExposeSecret, SecretString},
    text::EmailAddress,
};

use super::fixture::{Bed, names};
use crate::pebble::Options;

#[tokio::test]
async fn an_account_is_registered_once() {
    let Some(bed) = Bed::new(Options::default()).await else { return };
    let config = AcmeConfig { contact: EmailAddress::parse("ops@example.com").ok(), ..bed.config() };
    let (acme, saved) = Acme::open(config.clone(), None).await.expect("an account");
    let saved = saved.expect("new credentials");
    let (again, new) = Acme::open(config, Some(&saved)).await.expect("the same account");
    assert!(new.is_none());
    assert_eq!(format!("{acme:?}"), format!("{again:?}"), "both name the account");
    again.order(&names(&["shop.example.com"]), Method::Http01, None).await.expect("an order");
}

/// A private CA that was set up again, or another directory in the settings: no person is needed.
#[tokio::test]
async fn an_account_that_the_ca_does_not_know_is_registered_again() {
    let Some(old) = Bed::new(Options::default()).await else { return };
    let (_, saved) = Acme::open(old.config(), None).await.expect("an account");
    let saved = saved.expect("new credentials");
    let Some(bed) = Bed::new(Options::default()).await else { return };
    let (_, other) = Acme::open(bed.config(), Some(&saved)).await.expect("an account at another directory");
    assert!(other.is_some());

    let base = |bed: &Bed| bed.pebble.directory().replace("/dir", "");
    let text = saved.expose_secret().replace(&base(&old), &base(&bed));
    let forgotten = SecretString::from(text);
    let (acme, other) = Acme::open(bed.config(), Some(&forgotten)).await.expect("another account");
    assert!(other.is_some());
    acme.order(&names(&["shop.example.com"]), Method::Http01, None).await.expect("an order");
}

#[tokio::test]
async fn an_external_account_is_bound_where_the_ca_requires_one() {
    let (key_id, hmac_key) = ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W");
    let accounts = vec![(key_id.to_owned(), hmac_key.to_owned())];
    let Some(bed) = Bed::new(Options { external_accounts: accounts, ..Options::default() }).await else { return };
    let with = |key_id: &str, key: &str| {
        let external = ExternalAccount { key_id: key_id.into(), hmac_key: SecretString::from(key) };
        AcmeConfig { external_account: Some(external), ..bed.config() }
    };

    let none = Acme::open(bed.config(), None).await.expect_err("no binding");
    assert!(matches!(&none, AcmeError::Account { .. }), "{none}");
    assert!(none.to_string().contains("external account"), "{none}");
    let unknown = Acme::open(with("kid-9", hmac_key), None).await.expect_err("an unknown key");
    assert!(matches!(unknown, AcmeError::Account { .. }), "{unknown}");
    let wrong = Acme::open(with(key_id, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), None).await.expect_err("a wrong key");
    assert!(matches!(wrong, AcmeError::Account { .. }), "{wrong}");
    let broken = Acme::open(with(key_id, "not base64!"), None).await.expect_err("no key at all");
    assert!(broken.to_string().contains("not base64url") && !broken.to_string().contains("not base64!"), "{broken}");

    let (_, saved) = Acme::open(with(key_id, hmac_key), None).await.expect("a bound account");
    let (_, again) = Acme::open(bed.config(), saved.as_ref()).await.expect("bound once is enough");
    assert!(again.is_none());
}

#[tokio::test]
async fn a_deactivated_account_is_for_the_operator() {
    let Some(bed) = Bed::new(Options::default()).await else { return };
    let (acme, saved) = Acme::open(bed.config(), None).await.expect("an account");
    let saved = saved.expect("credentials");
    deactivate(&bed, &saved).await;
    let error = acme.order(&names(&["shop.example.com"]), Method::Http01, None).await.expect_err("deactivated");
    assert!(matches!(error, AcmeError::Account { .. }) && !error.is_transient(), "{error}");
    let error = Acme::open(bed.config(), Some(&saved)).await.expect_err("deactivated");
    assert!(matches!(error, AcmeError::Account { .. }), "{error}");
}

/// By the library itself: the platform never does this.
async fn deactivate(bed: &Bed, saved: &SecretString) {
    use instant_acme::Account;
    // Any client that trusts Pebble's API will do; the account's key is what counts.
    let http = super::fake::client(&bed.pebble.roots());
    let credentials = serde_json::from_str(saved.expose_secret()).expect("credentials");
    let account = Account::builder_with_http(http).from_credentials(credentials).await.expect("the account");
    account.deactivate().await.expect("deactivated");
}

#[tokio::test]
async fn settings_that_can_not_work_are_reported() {
    let Some(bed) = Bed::new(Options::default()).await else { return };
    let plain = AcmeConfig { directory: "http://127.0.0.1/dir".into(), ..bed.config() };
    let error = Acme::open(plain, None).await.expect_err("no TLS");
    assert!(error.to_string().contains("must begin with https://"), "{error}");

    let no_roots = AcmeConfig { roots: None, ..bed.config() };
    let error = Acme::open(no_roots, None).await.expect_err("an unknown root");
    assert!(matches!(error, AcmeError::Unreachable { .. }) && error.to_string().contains("certificate"), "{error}");

    let lost = AcmeConfig { roots: Some("/nowhere/roots.pem".into()), ..bed.config() };
    let error = Acme::open(lost, None).await.expect_err("no such file");
    assert!(matches!(error, AcmeError::Account { .. }) && error.to_string().contains("/nowhere/roots.pem"), "{error}");

    let junk = SecretString::from("{\"SECRET\": 1}");
    let error = Acme::open(bed.config(), Some(&junk)).await.expect_err("no credentials");
    assert!(matches!(error, AcmeError::Account { .. }) && !error.to_string().contains("SECRET"), "{error}");
}
