//! Renewal information (RFC 9773), which this Pebble doesn't have, at the double of a CA.

use serde_json::{Value, json};
use stoa_integrations::acme::{Acme, AcmeError, Method, RenewalWindow};

use super::{
    fake::{Answer, FakeCa, answer, directory, problem},
    fixture::{Bed, names},
};
use crate::pebble::Options;

/// A certificate of RFC 9773's example: key identifier 69:88:5B…:E7, serial number 87:65:43:21.
const NAME: &str = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";

/// A chain of one certificate with that authority's key identifier and serial number.
fn chain() -> String {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyIdMethod, KeyPair, SerialNumber};
    let authority = vec![
        0x69, 0x88, 0x5B, 0x6B, 0x87, 0x46, 0x40, 0x41, 0xE1, 0xB3, 0x7B, 0x84, 0x7B, 0xA0, 0xAE, 0x2C, 0xDE, 0x01,
        0xC8, 0xD4,
    ];
    let key = KeyPair::generate().expect("a key");
    let mut issuer = CertificateParams::new(Vec::new()).expect("an issuer");
    issuer.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    issuer.key_identifier_method = KeyIdMethod::PreSpecified(authority);
    let mut leaf = CertificateParams::new(vec!["shop.example.com".to_owned()]).expect("a leaf");
    leaf.serial_number = Some(SerialNumber::from_slice(&[0x00, 0x87, 0x65, 0x43, 0x21]));
    leaf.use_authority_key_identifier_extension = true;
    leaf.signed_by(&key, &Issuer::from_params(&issuer, &key)).expect("a certificate").pem()
}

/// A CA with renewal information.
async fn ca(info: impl Fn() -> Answer + Send + Sync + 'static) -> (FakeCa, Acme) {
    let ca = FakeCa::start(move |base, asked| match asked.path.as_str() {
        "/dir" => {
            let mut all = directory(base);
            all["renewalInfo"] = json!(format!("{base}/renewal"));
            Some(answer(200, &[], &all))
        }
        path if path == format!("/renewal/{NAME}") => Some(info()),
        _ => None,
    })
    .await;
    let acme = ca.account().await;
    (ca, acme)
}

fn window(start: &str, end: &str) -> Value {
    json!({ "suggestedWindow": { "start": start, "end": end } })
}

#[tokio::test]
async fn the_renewal_window_and_the_next_request_are_returned() {
    let info = window("2026-04-01T10:00:00Z", "2026-04-03T10:00:00Z");
    for (headers, wait) in [
        (&[("Retry-After", "7200")][..], 7200),
        (&[("Retry-After", "1")], 60),
        (&[("Retry-After", "99999999")], 86400),
        (&[], 6 * 3600),
    ] {
        let info = info.clone();
        let (_ca, acme) = ca(move || answer(200, headers, &info)).await;
        let got = acme.renewal(&chain()).await.expect("an answer").expect("a window");
        let RenewalWindow { start, end, retry_after } = got;
        assert_eq!(
            (start.to_string(), end.to_string()),
            ("2026-04-01T10:00:00Z".into(), "2026-04-03T10:00:00Z".into())
        );
        // A number of seconds becomes a time and a number again on its way, and the clock goes on.
        assert!(((wait - 60).max(60)..=wait + 1).contains(&retry_after.as_secs()), "{retry_after:?} for {wait}");
    }
}

#[tokio::test]
async fn no_window_is_no_error_and_an_invalid_one_is() {
    let (_ca, acme) = ca(|| problem(404, &[], "malformed", "unknown certificate")).await;
    assert_eq!(acme.renewal(&chain()).await, Ok(None), "unknown to the CA");
    let without = FakeCa::start(|_, _| None).await.account().await;
    assert_eq!(without.renewal(&chain()).await, Ok(None), "a CA without renewal information");
    assert_eq!(acme.renewal("no chain").await, Ok(None));

    let (_ca, acme) = ca(|| answer(200, &[], &window("2026-04-03T10:00:00Z", "2026-04-01T10:00:00Z"))).await;
    let error = acme.renewal(&chain()).await.expect_err("a window that ends before it begins");
    assert!(matches!(&error, AcmeError::Garbage { detail } if detail.contains("invalid window")), "{error:?}");
    let (_ca, acme) = ca(|| problem(429, &[("Retry-After", "60")], "rateLimited", "slow down")).await;
    assert!(matches!(acme.renewal(&chain()).await, Err(AcmeError::RateLimited { .. })));
}

/// An order says what it replaces; where the CA won't have that, it goes out without.
#[tokio::test]
async fn a_renewal_names_its_predecessor_if_the_ca_accepts_it() {
    for accepts in [true, false] {
        let ca = FakeCa::start(move |base, asked| match asked.path.as_str() {
            "/dir" => {
                let mut all = directory(base);
                all["renewalInfo"] = json!(format!("{base}/renewal"));
                Some(answer(200, &[], &all))
            }
            "/new-order" if asked.payload.get("replaces").is_some() && !accepts => {
                Some(problem(409, &[], "alreadyReplaced", "it was replaced already"))
            }
            "/new-order" => {
                let order = json!({
                    "status": "ready", "authorizations": [], "finalize": format!("{base}/finalize"),
                    "replaces": asked.payload.get("replaces"),
                });
                Some(answer(201, &[("Location", &format!("{base}/order"))], &order))
            }
            _ => None,
        })
        .await;
        let acme = ca.account().await;
        acme.order(&names(&["shop.example.com"]), Method::Http01, Some(&chain())).await.expect("an order");
        let asked = ca.asked("/new-order");
        assert_eq!(asked[0].payload["replaces"], NAME);
        assert_eq!(asked.len(), if accepts { 1 } else { 2 });
        assert_eq!(asked.last().expect("the last").payload.get("replaces").is_some(), accepts);
    }
}

/// Against Pebble, whatever of it is installed: a renewal works with and without the information.
#[tokio::test]
async fn pebble_takes_a_renewal() {
    let Some(bed) = Bed::new(Options { always_valid: true, ..Options::default() }).await else { return };
    let acme = bed.account().await;
    let wanted = names(&["shop.example.com"]);
    let old = bed.issue(&acme, &wanted, Method::Http01).await.expect("a certificate");
    acme.renewal(&old).await.expect("a window or none");
    let ordered = acme.order(&wanted, Method::Http01, Some(&old)).await.expect("an order");
    acme.ready(&ordered.url, Method::Http01).await.expect("proven");
    acme.finish(&ordered.url, &wanted, &super::fixture::key()).await.expect("the next certificate");
}
