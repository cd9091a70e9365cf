//! The forms in which people bring certificates and keys, as OpenSSL writes them.

use stoa_integrations::x509::{CheckedUpload, check_upload, inspect};
use stoa_model::secret::{ExposeSecret, SecretString};

use super::fixture::{Made, hosts, problem, upload};

const BAG: &str = include_str!("openssl/bag.pem");
const LOCKED_PKCS8: &str = include_str!("openssl/locked-pkcs8.key");
const LOCKED_SEC1: &str = include_str!("openssl/locked-sec1.key");
const PKCS7: &str = include_str!("openssl/pkcs7.pem");
const PUBLIC: &str = include_str!("openssl/public.pem");
const REQUEST: &str = include_str!("openssl/request.pem");
const RSA1024: &str = include_str!("openssl/rsa1024.pem");
const RSA1024_KEY: &str = include_str!("openssl/rsa1024.key");
const RSA2048: &str = include_str!("openssl/rsa2048.pem");
const RSA2048_KEY: &str = include_str!("openssl/rsa2048.key");
const SEC1: &str = include_str!("openssl/sec1.pem");
const SEC1_KEY: &str = include_str!("openssl/sec1.key");
const SHA1: &str = include_str!("openssl/sha1.pem");

/// Uploads in the second after the certificate was made.
fn bring(chain: &str, key: &str) -> Result<CheckedUpload, Vec<stoa_model::field::Invalid>> {
    let now = inspect(SHA1).expect("the newest").not_before.max(inspect(SEC1).expect("a certificate").not_before);
    check_upload(chain, &SecretString::from(key), &hosts(&["shop.example.com"]), now)
}

#[test]
fn keys_in_old_formats_are_accepted_and_cleaned_up() {
    for (chain, key, label) in [(RSA2048, RSA2048_KEY, "RSA PRIVATE KEY"), (SEC1, SEC1_KEY, "EC PRIVATE KEY")] {
        let noise = format!("subject=whatever\r\n{}", key.replace('\n', "\r\n"));
        let checked = bring(chain, &noise).expect(label);
        let tidy = checked.key.expose_secret();
        assert!(tidy.starts_with(&format!("-----BEGIN {label}-----\n")) && tidy.ends_with("-----\n"), "{label}");
        assert!(key.ends_with(tidy), "{label}: nothing but what was beside it is gone");
        assert_eq!(checked.chain, chain);
        assert_eq!(checked.facts.issuer, "Example shop.example.com");
    }
}

#[test]
fn the_certificates_of_a_bag_are_found() {
    let (field, message) = problem(bring(BAG, SEC1_KEY));
    assert_eq!(field, "certificate");
    assert!(message.contains("private key among the certificates"), "{message}");
    // In the field of the key it does no harm: there is one key in it.
    bring(SEC1, BAG).expect("the key of the bag");
}

#[test]
fn each_mistake_has_its_own_message() {
    let many = SEC1.repeat(11);
    let large = "x".repeat(70_000);
    let broken = SEC1.replace('M', "\u{e9}");
    for (field, chain, key, words) in [
        ("key", SEC1, LOCKED_PKCS8, "protected by a password"),
        ("key", SEC1, LOCKED_SEC1, "protected by a password"),
        ("key", SEC1, SEC1, "a certificate, not a private key"),
        ("key", SEC1, PUBLIC, "a public key"),
        ("key", SEC1, "", "is no private key"),
        ("key", SEC1, &large, "too large"),
        ("key", SEC1, &SEC1_KEY.repeat(2), "more than one private key"),
        ("key", SEC1, RSA2048_KEY, "not the one of this certificate"),
        ("certificate", PKCS7, SEC1_KEY, "PKCS #7"),
        ("certificate", REQUEST, SEC1_KEY, "a certificate request"),
        ("certificate", PUBLIC, SEC1_KEY, "is no certificate"),
        ("certificate", "", SEC1_KEY, "is no certificate"),
        ("certificate", &large, SEC1_KEY, "too large"),
        ("certificate", &many, SEC1_KEY, "too many"),
        ("certificate", &broken, SEC1_KEY, "damaged"),
        ("certificate", SHA1, RSA2048_KEY, "SHA-1"),
    ] {
        let (at, message) = problem(bring(chain, key));
        assert_eq!(at, field, "{message}");
        assert!(message.contains(words), "{words}: {message}");
    }
}

#[test]
fn a_short_rsa_key_is_refused() {
    let wrong = bring(RSA1024, RSA1024_KEY).expect_err("too short");
    let text: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    assert!(text.iter().any(|text| text.contains("1024 bits")), "{text:?}");
}

/// Neither a message nor what is printed of an outcome quotes a key.
#[test]
fn keys_are_never_quoted() {
    let root = Made::root("Root");
    let shop = root.leaf(&["shop.example.com"]);
    let line = shop.key.serialize_pem().lines().nth(1).expect("a line").to_owned();
    let good = format!("{:?}", upload(&shop.pem, &shop.secret()));
    let cut = shop.key.serialize_pem().replace("-----END", "!END");
    let bad = format!("{:?}", upload(&shop.pem, &SecretString::from(cut)));
    assert!(good.starts_with("Ok") && bad.starts_with("Err"), "{good} {bad}");
    assert!(!good.contains(&line) && !bad.contains(&line));
}
