//! Certificates that were issued, by Pebble.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use stoa_integrations::{
    acme::{AcmeError, Answer, Method, ProblemKind, RevocationReason},
    x509,
};
use tokio::task::JoinSet;

use super::fixture::{Bed, host, key, names};
use crate::pebble::Options;

#[tokio::test]
async fn names_are_proven_over_http() {
    let Some(bed) = Bed::new(Options { lifetime: 3600, ..Options::default() }).await else { return };
    let acme = bed.account().await;
    let wanted = names(&["shop.example.com", "www.shop.example.com"]);
    let ordered = acme.order(&wanted, Method::Http01, None).await.expect("an order");
    assert_eq!(ordered.challenges.len(), 2);
    for challenge in &ordered.challenges {
        assert!(
            matches!(&challenge.answer, Answer::Http { path, .. } if path.starts_with("/.well-known/acme-challenge/"))
        );
    }
    bed.answer(&ordered);
    acme.ready(&ordered.url, Method::Http01).await.expect("proven");
    let key = key();
    let chain = acme.finish(&ordered.url, &wanted, &key).await.expect("a certificate");

    let facts = x509::inspect(&chain).expect("a chain");
    assert_eq!(facts.names, wanted);
    let lifetime = facts.not_after.duration_since(facts.not_before).as_secs();
    assert!((3599..=3600).contains(&lifetime), "{lifetime}");
    assert!(facts.issuer.contains("Pebble Intermediate CA"), "{}", facts.issuer);
    assert!(!facts.self_signed);
    let hosts = [host("shop.example.com"), host("www.shop.example.com")];
    let checked = x509::check_upload(&chain, &key, &hosts, Timestamp::now()).expect("good for an upload too");
    assert_eq!((checked.chain, checked.notes), (chain, vec![]));
}

#[tokio::test]
async fn a_wildcard_and_its_parent_are_proven_by_dns_together() {
    let Some(bed) = Bed::new(Options::default()).await else { return };
    let acme = bed.account().await;
    let wanted = names(&["example.com", "*.example.com"]);
    let ordered = acme.order(&wanted, Method::Dns01, None).await.expect("an order");
    let values: Vec<_> = ordered
        .challenges
        .iter()
        .map(|challenge| match &challenge.answer {
            Answer::Dns { host, value } if host.as_str() == "example.com" => value,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(matches!(values[..], [one, two] if one != two), "both values stand at one name: {values:?}");
    let mut proven: Vec<_> = ordered.challenges.iter().map(|challenge| challenge.name.clone()).collect();
    proven.sort();
    assert_eq!(proven, wanted);

    bed.answer(&ordered);
    acme.ready(&ordered.url, Method::Dns01).await.expect("proven");
    let chain = acme.finish(&ordered.url, &wanted, &key()).await.expect("a certificate");
    let mut names = x509::inspect(&chain).expect("a chain").names;
    names.sort();
    assert_eq!(names, wanted);
}

#[tokio::test]
async fn a_ca_that_refuses_every_second_nonce_costs_only_time() {
    let Some(bed) = Bed::new(Options { nonce_reject: 50, ..Options::default() }).await else { return };
    let acme = bed.account().await;
    let bed = Arc::new(bed);
    let mut orders = JoinSet::new();
    for number in 0..10 {
        let (bed, acme, wanted) = (bed.clone(), acme.clone(), names(&[&format!("shop{number}.example.com")]));
        orders.spawn(async move { bed.issue(&acme, &wanted, Method::Http01).await });
    }
    for issued in orders.join_all().await {
        issued.expect("a certificate");
    }
    let many: Vec<_> = (0..12).map(|number| format!("name{number}.example.com")).collect();
    let many = names(&many.iter().map(String::as_str).collect::<Vec<_>>());
    bed.issue(&acme, &many, Method::Http01).await.expect("a certificate for many names");
    let log = bed.pebble.log();
    assert!(log.contains("Configured to reject 50% of good nonces"), "{log}");
    let asked = log.matches("POST /order-plz").count() + log.matches("POST /finalize-order/").count();
    assert!(asked > 22, "eleven orders took {asked} requests: no nonce was refused");
}

/// As after a crash between any two calls, or in the middle of one.
#[tokio::test]
async fn every_call_can_be_repeated() {
    let Some(bed) = Bed::new(Options::default()).await else { return };
    let (acme, saved) = stoa_integrations::acme::Acme::open(bed.config(), None).await.expect("an account");
    let wanted = names(&["shop.example.com"]);
    let ordered = acme.order(&wanted, Method::Http01, None).await.expect("an order");
    let key = key();
    let early = acme.finish(&ordered.url, &wanted, &key).await.expect_err("not proven yet");
    assert!(
        matches!(&early, AcmeError::Refused { kind: ProblemKind::Other(kind), .. } if kind == "orderNotReady"),
        "{early}"
    );
    bed.answer(&ordered);
    acme.ready(&ordered.url, Method::Http01).await.expect("proven");
    acme.ready(&ordered.url, Method::Http01).await.expect("proven still");
    let first = acme.finish(&ordered.url, &wanted, &key).await.expect("a certificate");

    // Another process, with what was saved.
    let (acme, again) = stoa_integrations::acme::Acme::open(bed.config(), saved.as_ref()).await.expect("the account");
    assert!(again.is_none());
    acme.ready(&ordered.url, Method::Http01).await.expect("nothing to prove");
    let second = acme.finish(&ordered.url, &wanted, &key).await.expect("the same certificate");
    assert_eq!(first, second);

    let other = acme.finish(&ordered.url, &wanted, &super::fixture::key()).await.expect_err("another key");
    assert!(matches!(&other, AcmeError::Gone { detail } if detail.contains("another key")), "{other}");
    let other = acme.finish(&ordered.url, &names(&["other.example.com"]), &key).await.expect_err("another name");
    assert!(matches!(&other, AcmeError::Gone { detail } if detail.contains("not for other.example.com")), "{other}");
}

/// As when two processes take up the same order: the CA takes one request only.
#[tokio::test]
async fn one_order_finished_twice_at_once_is_one_certificate() {
    with_a_pebble_that_lives(async |bed| {
        let (acme, wanted, key) = (bed.account().await, names(&["shop.example.com"]), key());
        let asked = || bed.pebble.log().matches("POST /finalize-order/").count();
        // On a busy machine one may have ended before the other begins; then they did not meet.
        for _ in 0..50 {
            let ordered = acme.order(&wanted, Method::Http01, None).await.expect("an order");
            bed.answer(&ordered);
            let ready = || acme.ready(&ordered.url, Method::Http01);
            let (one, two) = tokio::join!(ready(), ready());
            one.and(two)?;
            let before = asked();
            let finish = || acme.finish(&ordered.url, &wanted, &key);
            let (one, two) = tokio::join!(finish(), finish());
            assert_eq!(one?, two?);
            if asked() >= before + 2 {
                return Ok(());
            }
        }
        panic!("of fifty orders none was asked for twice");
    })
    .await;
}

/// The answers to `ready` and `finish` are lost, but the CA has worked on both.
#[tokio::test]
async fn calls_that_were_broken_off_are_continued() {
    with_a_pebble_that_lives(async |bed| {
        let (acme, key) = (bed.account().await, key());
        let wanted = names(&["one.example.com", "two.example.com", "three.example.com"]);
        for moment in [1, 3, 5, 8, 13, 21, 34] {
            let ordered = acme.order(&wanted, Method::Http01, None).await?;
            bed.answer(&ordered);
            let limit = Duration::from_millis(moment);
            let _ = tokio::time::timeout(limit, acme.ready(&ordered.url, Method::Http01)).await;
            acme.ready(&ordered.url, Method::Http01).await?;
            let _ = tokio::time::timeout(limit, acme.finish(&ordered.url, &wanted, &key)).await;
            acme.finish(&ordered.url, &wanted, &key).await?;
        }
        Ok(())
    })
    .await;
}

/// Runs what touches one order from two sides at once. Pebble 2.4 may then stop for ever: `Order` in
/// its `wfe.go` takes an order's read lock twice, and a Go lock lets nobody in for the second time
/// once `FinalizeOrder` waits to write. That silence, and nothing else, is answered with another Pebble.
async fn with_a_pebble_that_lives(run: impl AsyncFn(&Bed) -> Result<(), AcmeError>) {
    for _ in 0..4 {
        let Some(bed) = Bed::new(Options::default()).await else { return };
        match run(&bed).await {
            Err(AcmeError::Unreachable { detail }) if detail.contains("no answer within") => {
                eprintln!("a Pebble stopped: {detail}");
            }
            outcome => return outcome.expect("a certificate"),
        }
    }
    panic!("four Pebbles in turn stopped answering");
}

#[tokio::test]
async fn names_that_were_proven_recently_have_no_challenge() {
    let Some(bed) = Bed::new(Options { authz_reuse: 100, ..Options::default() }).await else { return };
    let acme = bed.account().await;
    let wanted = names(&["shop.example.com"]);
    bed.issue(&acme, &wanted, Method::Http01).await.expect("a certificate");
    let ordered = acme.order(&wanted, Method::Http01, None).await.expect("an order");
    assert_eq!(ordered.challenges, []);
    acme.ready(&ordered.url, Method::Http01).await.expect("proven already");
    acme.finish(&ordered.url, &wanted, &key()).await.expect("a certificate");
}

#[tokio::test]
async fn a_certificate_is_revoked_once() {
    let Some(bed) = Bed::new(Options::default()).await else { return };
    let acme = bed.account().await;
    let chain = bed.issue(&acme, &names(&["shop.example.com"]), Method::Http01).await.expect("a certificate");
    let serial = x509::inspect(&chain).expect("a chain").serial;
    assert!(bed.pebble.certificate_status(&serial).contains("Valid"));
    acme.revoke(&chain, RevocationReason::Superseded).await.expect("revoked");
    assert!(bed.pebble.certificate_status(&serial).contains("Revoked"));
    acme.revoke(&chain, RevocationReason::Superseded).await.expect("revoked still");
}
