//! What makes a certificate useless for a site, and what it says about itself.

use rcgen::{ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd};
use stoa_integrations::x509::{CertificateInfo, check_upload, inspect};
use stoa_model::certificate::CertName;

use super::fixture::{Made, hosts, key, leaf, problem, today, upload};

#[test]
fn a_certificate_is_read() {
    let root = Made::root("Root");
    let mut params = leaf(&["Shop.Example.com", "*.example.com", "under_score.example.com"]);
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x00, 0xAB, 0x0C]));
    let shop = root.sign(params, key());
    let CertificateInfo { names, not_before, not_after, issuer, serial, fingerprint, self_signed } =
        inspect(&format!("{}{}", shop.pem, root.pem)).expect("a chain");
    let names: Vec<_> = names.iter().map(CertName::to_string).collect();
    assert_eq!(names, ["shop.example.com", "*.example.com"], "a name that no site can have is passed over");
    assert_eq!(not_before.to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(not_after.to_string(), "2026-12-31T00:00:00Z");
    assert_eq!((issuer.as_str(), serial.as_str(), self_signed), ("Root", "ab0c", false));
    assert_eq!(fingerprint.len(), 64);
    assert!(inspect(&root.pem).expect("a root").self_signed);
}

#[test]
fn all_errors_are_reported_at_once() {
    let mut params = leaf(&["other.example.com", "*.example.org"]);
    params.not_after = date_time_ymd(2026, 5, 3);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let shop = Made::root("Root").sign(params, key());
    let wanted = hosts(&["shop.example.com", "a.example.org", "a.b.example.org"]);
    let other = Made::root("Other").secret();
    let wrong = check_upload(&shop.pem, &other, &wanted, today()).expect_err("useless");
    let wrong: Vec<_> = wrong.iter().map(|invalid| (invalid.field, invalid.message.as_str())).collect();
    assert_eq!(
        wrong,
        [
            ("certificate", "The certificate expired on 3 May 2026. Please upload a newer one."),
            (
                "certificate",
                "The certificate is not for shop.example.com, a.b.example.org; it is for other.example.com, *.example.org."
            ),
            ("certificate", "The certificate is not meant for websites, but for another use, such as e-mail."),
            (
                "key",
                "The key is not the one of this certificate. Please choose the key file that was made together with it."
            ),
        ]
    );
}

#[test]
fn a_damaged_certificate_and_a_damaged_key_are_both_reported() {
    let wrong = upload("hello", &"hello".into()).expect_err("nothing");
    assert_eq!(wrong.iter().map(|invalid| invalid.field).collect::<Vec<_>>(), ["certificate", "key"]);
}

#[test]
fn the_validity_period_counts() {
    let root = Made::root("Root");
    let shop = root.leaf(&["shop.example.com"]);
    let chain = format!("{}{}", shop.pem, root.pem);
    let at =
        |time: &str| check_upload(&chain, &shop.secret(), &hosts(&["shop.example.com"]), time.parse().expect("a time"));
    at("2026-01-01T00:00:00Z").expect("the first second");
    at("2026-12-31T00:00:00Z").expect("the last second");
    let (_, early) = problem(at("2025-12-31T23:59:59Z"));
    assert_eq!(early, "The certificate is not valid before 1 January 2026. Please upload it then.");
    let (_, late) = problem(at("2026-12-31T00:00:01Z"));
    assert_eq!(late, "The certificate expired on 31 December 2026. Please upload a newer one.");
}

#[test]
fn a_certificate_without_names_covers_nothing() {
    let shop = Made::root("Root").leaf(&[]);
    let (field, message) = problem(upload(&shop.pem, &shop.secret()));
    assert_eq!(field, "certificate");
    assert_eq!(message, "The certificate is not for shop.example.com; it is for no address at all.");
}

#[test]
fn a_self_signed_certificate_is_accepted_with_a_note() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(rcgen::BasicConstraints::Unconstrained)] {
        let (mut params, key) = (leaf(&["shop.example.com"]), key());
        params.is_ca = is_ca;
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let checked = upload(&pem, &key.serialize_pem().into()).expect("taken");
        assert!(checked.facts.self_signed);
        assert_eq!(checked.notes, ["The certificate is self-signed: browsers will warn visitors of the site."]);
    }
}

#[test]
fn keys_that_browsers_accept_are_accepted() {
    let root = Made::root("Root");
    let made = |algorithm| KeyPair::generate_for(algorithm).expect("a key");
    for (what, key, good) in [
        ("P-256", made(&rcgen::PKCS_ECDSA_P256_SHA256), true),
        ("P-384", made(&rcgen::PKCS_ECDSA_P384_SHA384), true),
        ("Ed25519", made(&rcgen::PKCS_ED25519), true),
        ("RSA", made(&rcgen::PKCS_RSA_SHA256), true),
        ("P-521", made(&rcgen::PKCS_ECDSA_P521_SHA512), false),
    ] {
        let shop = root.sign(leaf(&["shop.example.com"]), key);
        let outcome = upload(&format!("{}{}", shop.pem, root.pem), &shop.secret());
        if good {
            outcome.expect(what);
        } else {
            assert!(problem(outcome).1.contains("kind of key that browsers refuse"), "{what}");
        }
    }
}

/// nginx would not take such a chain, and most visitors not believe it.
#[test]
fn every_link_needs_a_strong_signature() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let root = Made::root("Root");
    let old = Made { key: KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key"), ..root };
    let middle = old.below("Middle");
    let shop = middle.leaf(&["shop.example.com"]);
    // No library signs with SHA-1 any more; its name alone, twice in place of SHA-256's, is enough.
    let body: String = middle.pem.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = BASE64_STANDARD.decode(body.trim()).expect("base64");
    let sha256 = [0xF7, 0x0D, 1, 1, 0x0B];
    let places: Vec<_> = (0..der.len() - 5).filter(|at| der[*at..at + 5] == sha256).collect();
    for at in &places {
        der[at + 4] = 0x05;
    }
    assert_eq!(places.len(), 2);
    let weak = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64_STANDARD.encode(der));
    let (field, message) = problem(upload(&format!("{}{weak}", shop.pem), &shop.secret()));
    assert_eq!(field, "certificate");
    assert!(message.starts_with("The certificate of Middle in the chain is signed in an old way"), "{message}");
    upload(&format!("{}{}", shop.pem, middle.pem), &shop.secret()).expect("the same chain, signed well");
}

/// Whatever byte of a certificate is changed or cut off: an error at worst, and never another name
/// that counts as proven by the signature.
#[test]
fn damage_is_an_error_and_no_panic() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let root = Made::root("Root");
    let shop = root.leaf(&["shop.example.com"]);
    let body: String = shop.pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = BASE64_STANDARD.decode(body.trim()).expect("base64");
    let pem = |der: &[u8]| {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64_STANDARD.encode(der))
    };
    for index in 0..der.len() {
        assert!(inspect(&pem(&der[..index])).is_err(), "cut at {index}");
        for change in [0x01, 0x80, 0xFF] {
            let mut bad = der.clone();
            bad[index] ^= change;
            if let Ok(checked) = upload(&format!("{}{}", pem(&bad), root.pem), &shop.secret()) {
                assert!(
                    checked.notes.iter().any(|note| note.contains("is missing")),
                    "byte {index} ^ {change:#x}: {checked:?}"
                );
            }
        }
    }
    let longer = [der.as_slice(), &[0]].concat();
    assert!(inspect(&pem(&longer)).is_err_and(|error| error.to_string().contains("after its end")));
}
