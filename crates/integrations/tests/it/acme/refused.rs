//! Names that Pebble would not prove, and what the customer reads.

use stoa_integrations::acme::{AcmeError, Method, ProblemKind};

use super::fixture::{Bed, host, key, names};
use crate::pebble::Options;

/// Orders, answers, and expects a refusal of `ready`; the order is lost then.
async fn refusal(bed: &Bed, name: &str, method: Method, prepare: impl FnOnce(&Bed)) -> (ProblemKind, String) {
    let acme = bed.account().await;
    let wanted = names(&[name]);
    let ordered = acme.order(&wanted, method, None).await.expect("an order");
    bed.answer(&ordered);
    prepare(bed);
    let error = acme.ready(&ordered.url, method).await.expect_err("a refusal");
    assert!(!error.is_transient(), "{error}");
    let words = error.customer_text(&host("asked.example.com"));
    let again = acme.ready(&ordered.url, method).await.expect_err("a refusal still");
    assert_eq!(format!("{again:?}"), format!("{error:?}"));
    let late = acme.finish(&ordered.url, &wanted, &key()).await.expect_err("no certificate");
    assert!(matches!(late, AcmeError::Refused { .. }), "{late}");
    match error {
        AcmeError::Refused { name: Some(refused), kind, detail } => {
            assert_eq!(refused, wanted[0].host);
            assert!(detail.contains("proving the names"), "{detail}");
            assert!(words.contains(refused.as_str()), "{words}");
            (kind, words)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_page_is_refused_with_its_reason() {
    let Some(bed) = Bed::new(Options::default()).await else { return };
    let (kind, words) = refusal(&bed, "shop.example.com", Method::Http01, |bed| bed.web.spoil()).await;
    assert_eq!(kind, ProblemKind::Unauthorized);
    assert!(words.contains("answered by another server"), "{words}");
}

#[tokio::test]
async fn a_server_that_nobody_reaches_is_refused_with_its_reason() {
    let Some(bed) = Bed::new(Options::default()).await else { return };
    // Nobody listens on this loopback address.
    let elsewhere = |bed: &Bed| bed.names.set_addresses("shop.example.com", &["127.99.99.99"]);
    let (kind, words) = refusal(&bed, "shop.example.com", Method::Http01, elsewhere).await;
    assert_eq!(kind, ProblemKind::Connection);
    assert!(words.contains("could not be reached"), "{words}");
}

#[tokio::test]
async fn a_missing_text_record_is_refused_with_its_reason() {
    let Some(bed) = Bed::new(Options::default()).await else { return };
    let forget = |bed: &Bed| bed.names.clear_text("_acme-challenge.example.com");
    let (kind, _) = refusal(&bed, "*.example.com", Method::Dns01, forget).await;
    assert_eq!(kind, ProblemKind::Unauthorized);
    let fail = |bed: &Bed| bed.names.fail("_acme-challenge.example.org");
    let (kind, _) = refusal(&bed, "*.example.org", Method::Dns01, fail).await;
    assert_eq!(kind, ProblemKind::Unauthorized, "Pebble says so of name servers that fail, too");
}

/// One of two names is wrong: the customer learns which.
#[tokio::test]
async fn the_refused_name_of_several_is_reported() {
    let Some(bed) = Bed::new(Options::default()).await else { return };
    let acme = bed.account().await;
    let ordered =
        acme.order(&names(&["good.example.com", "bad.example.com"]), Method::Http01, None).await.expect("an order");
    bed.answer(&ordered);
    bed.names.set_addresses("bad.example.com", &["127.99.99.99"]);
    let error = acme.ready(&ordered.url, Method::Http01).await.expect_err("a refusal");
    assert!(
        matches!(&error, AcmeError::Refused { name: Some(name), .. } if name.as_str() == "bad.example.com"),
        "{error}"
    );
}

#[tokio::test]
async fn names_that_the_ca_never_accepts_are_refused_immediately() {
    let Some(bed) = Bed::new(Options { blocked: vec!["blocked.example".into()], ..Options::default() }).await else {
        return;
    };
    let acme = bed.account().await;
    let error = acme.order(&names(&["shop.blocked.example"]), Method::Http01, None).await.expect_err("blocked");
    let rejected = |error: &AcmeError, refused: &str| matches!(error, AcmeError::Refused { name: Some(name), kind: ProblemKind::RejectedIdentifier, .. } if name.as_str() == refused);
    assert!(rejected(&error, "shop.blocked.example"), "{error:?}");
    let error =
        acme.order(&names(&["a.example.com", "*.example.com"]), Method::Http01, None).await.expect_err("a wildcard");
    assert!(rejected(&error, "example.com") && error.detail().contains("only be verified by DNS"), "{error:?}");
    let error = acme.order(&[], Method::Http01, None).await.expect_err("nothing");
    assert!(matches!(error, AcmeError::Refused { name: None, .. }), "{error:?}");
}

#[tokio::test]
async fn an_order_that_the_ca_does_not_know_is_gone() {
    let Some(bed) = Bed::new(Options::default()).await else { return };
    let acme = bed.account().await;
    let ordered = acme.order(&names(&["shop.example.com"]), Method::Http01, None).await.expect("an order");
    let unknown = format!("{}x", ordered.url);
    let error = acme.ready(&unknown, Method::Http01).await.expect_err("no such order");
    assert!(matches!(error, AcmeError::Gone { .. }), "{error:?}");
    let error = acme.finish(&unknown, &names(&["shop.example.com"]), &key()).await.expect_err("no such order");
    assert!(matches!(error, AcmeError::Gone { .. }), "{error:?}");
    // As after the account was registered again: the old order is another's.
    let error = bed.account().await.ready(&ordered.url, Method::Http01).await.expect_err("another's order");
    assert!(matches!(error, AcmeError::Gone { .. }), "{error:?}");
}
