//! Certificates from a real authority (Pebble): for a new site, for a domain that was brought
//! along, renewed by themselves, after bad nonces, after a refusal, after a crash.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use stoa_core::settings::IssuanceLimits;
use stoa_db::certificate_orders;
use stoa_domains::{
    command::{AddDomain, UploadCertificate},
    view::CertificateState,
};
use stoa_model::{
    account::Role,
    certificate::{CertName, Certificate},
    site::SiteState,
};
use stoa_testkit::TestPlatform;

use crate::{
    domains::host,
    pebble::{Bed, bed, served},
    support,
};

fn serial(bed: &Bed, name: &str) -> Option<String> {
    served(&bed.platform.edge, name)
}

#[tokio::test]
async fn a_new_site_gets_its_certificate_and_is_told_its_secure_address() {
    let Some(bed) = bed(|options| options.nonce_reject = 30).await else { return };
    let jane = bed.platform.customer("jane").await;
    let workers = bed.platform.run();
    let site = bed.platform.order(&jane, "bakery").await;
    bed.platform.idle().await;
    // The platform's own name gets one at the same time; stopped in the middle, it would leave its answer.
    bed.platform.until("the platform's own", async || serial(&bed, "stoa.test").is_some()).await;
    bed.platform.until("the end of both orders", async || bed.platform.edge.table().answers.is_empty()).await;
    workers.stop().await;
    let now = support::site(&bed.platform, site.site).await;
    assert_eq!(now.url.as_deref(), Some("https://bakery.stoa.test"), "{:#?}", bed.platform.outbox());
    let route = bed.platform.edge.routes()["bakery.stoa.test"].clone();
    assert!(route.secure && serial(&bed, "bakery.stoa.test").is_some());
    let mail = bed.platform.outbox().concat();
    assert!(mail.contains("https://bakery.stoa.test"), "{mail}");

    // Two thirds of its life later it is renewed by itself, and only then.
    let first = serial(&bed, "bakery.stoa.test");
    bed.platform.clock.advance(SignedDuration::from_hours(3 * 365 * 24));
    bed.platform.run_until_idle().await;
    assert_eq!(serial(&bed, "bakery.stoa.test"), first);
    bed.platform.clock.advance(SignedDuration::from_hours(365 * 24 / 2));
    let workers = bed.platform.run();
    bed.platform.until("the renewal", async || serial(&bed, "bakery.stoa.test") != first).await;
    workers.stop().await;
}

#[tokio::test]
async fn what_leads_elsewhere_is_served_plainly_until_it_leads_here() {
    let Some(bed) = bed(|_| ()).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    platform.world_dns.set_addresses(&host("bakery.stoa.test"), &["203.0.113.9".parse().unwrap()]);
    let site = platform.shop(&jane, "bakery").await;
    let now = support::site(platform, site.site).await;
    assert_eq!((now.state(), now.url.as_deref()), (SiteState::Active, Some("http://bakery.stoa.test")));
    let view = platform.control.domains.list_domains(&platform.now(&jane), site.site).await.expect("domains");
    let problem = view.own.problem.expect("a reason");
    assert!(problem.contains("still points to 203.0.113.9, not to this server (127.0.0.1)"), "{problem}");
    assert_eq!(view.own.state, CertificateState::Failing);
    assert_eq!(ordered(platform).await, 0, "the authority was not bothered");

    // It is retried automatically, and the application gets its address.
    platform.world_dns.set_addresses(&host("bakery.stoa.test"), &[[127, 0, 0, 1].into()]);
    platform.clock.advance(SignedDuration::from_mins(15));
    let workers = platform.run();
    platform
        .until("the secure address", async || {
            support::site(platform, site.site).await.url.as_deref() == Some("https://bakery.stoa.test")
        })
        .await;
    workers.stop().await;
    assert!(platform.edge.routes()["bakery.stoa.test"].secure);
}

#[tokio::test]
async fn a_domain_that_was_brought_along_gets_its_own() {
    let Some(bed) = bed(|_| ()).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    let site = platform.shop(&jane, "bakery").await;
    platform.world_dns.set_addresses(&host("bakery.example"), &[[127, 0, 0, 1].into()]);
    let command = AddDomain { name: "bakery.example".into(), main: true, ..AddDomain::default() };
    let cx = platform.now(&jane);
    let domain = platform.control.domains.add_domain(&cx, site.site, command).await.expect("a claim").remove(0);
    crate::domains::prove_by_text(platform, &domain);
    platform.control.domains.check_domain(&cx, domain.id).await.expect("proven");
    let workers = platform.run();
    platform
        .until("the padlock", async || {
            support::site(platform, site.site).await.url.as_deref() == Some("https://bakery.example")
        })
        .await;
    platform.idle().await;
    workers.stop().await;
    let routes = platform.edge.routes();
    assert!(routes["bakery.example"].secure && routes["bakery.stoa.test"].secure);
    let all =
        platform.control.domains.list_certificates(&platform.staff(Role::Support).await).await.expect("certificates");
    assert!(all.iter().filter(|c| c.state == CertificateState::Good).count() >= 3, "{all:#?}");
}

#[tokio::test]
async fn a_refusal_is_told_in_words_and_staff_hear_of_it() {
    let Some(bed) = bed(|options| options.blocked = vec!["bakery.stoa.test".into()]).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    let site = platform.shop(&jane, "bakery").await;
    let view = platform.control.domains.list_domains(&platform.now(&jane), site.site).await.expect("domains");
    assert!(view.own.problem.is_some() && view.own.detail.is_none(), "words for her, the cause for staff: {view:#?}");
    for _ in 0..3 {
        platform.clock.advance(SignedDuration::from_hours(24));
        let before = failures(platform).await;
        let workers = platform.run();
        platform.until("another try", async || failures(platform).await > before).await;
        workers.stop().await;
    }
    let workers = platform.run();
    let told = || platform.outbox().iter().any(|m| m.contains("There is no certificate for bakery.stoa.test"));
    platform.until("the letter", async || told()).await;
    workers.stop().await;
}

/// How often the authority was asked for the shop's certificate.
async fn ordered(platform: &TestPlatform) -> u64 {
    let subject = CertName::host(host("bakery.stoa.test"));
    let since = Timestamp::UNIX_EPOCH;
    certificate_orders::tries_since(&platform.db, Some(&subject), certificate_orders::Attempt::Ordered, since)
        .await
        .expect("a count")
}

/// We stop before the authority stops us.
#[tokio::test]
async fn refusals_are_counted() {
    let Some(bed) = bed(|options| options.blocked = vec!["bakery.stoa.test".into()]).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    platform.shop(&jane, "bakery").await;
    // Somebody helps again and again: the pauses are forgotten, the count is not.
    let subject = &CertName::host(host("bakery.stoa.test"));
    for _ in 0..8 {
        let now = platform.clock.now();
        let forgotten =
            platform.db.write(|tx| Box::pin(async move { certificate_orders::order_forget(&tx, subject).await })).await;
        forgotten.expect("forgotten");
        let workers = platform.run();
        let looked = async || {
            let order = certificate_orders::order_get(&platform.db, subject).await.expect("an answer");
            order.is_some_and(|order| order.problem.is_some())
        };
        platform.until("another look", looked).await;
        workers.stop().await;
        assert!(platform.clock.now().duration_since(now) < SignedDuration::from_mins(1));
    }
    let refused = certificate_orders::tries_since(
        &platform.db,
        Some(subject),
        certificate_orders::Attempt::Failed,
        Timestamp::UNIX_EPOCH,
    )
    .await;
    assert_eq!(refused.expect("a count"), IssuanceLimits::LETS_ENCRYPT.failures_per_hour);
    let order = certificate_orders::order_get(&platform.db, subject).await.expect("an answer").expect("an order");
    assert!(order.problem.expect("words").contains("refused several times"));
}

async fn failures(platform: &TestPlatform) -> u32 {
    let subject = CertName::host(host("bakery.stoa.test"));
    certificate_orders::order_get(&platform.db, &subject).await.expect("an answer").map_or(0, |order| order.failures)
}

/// A certificate that could not be saved is fetched again, and not ordered twice.
#[tokio::test]
async fn a_certificate_that_could_not_be_saved_is_not_lost() {
    let Some(bed) = bed(|_| ()).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    platform.break_table("certificates").await;
    let site = platform.shop(&jane, "bakery").await;
    assert_eq!(support::site(platform, site.site).await.url.as_deref(), Some("http://bakery.stoa.test"));
    let subject = CertName::host(host("bakery.stoa.test"));
    let order = certificate_orders::order_get(&platform.db, &subject).await.expect("an answer").expect("an order");
    assert!(order.order_url.is_some() && order.key.is_some() && order.problem.is_some());
    assert_eq!(ordered(platform).await, 1);
    platform.mend_table("certificates").await;
    platform.clock.advance(SignedDuration::from_hours(1));
    let workers = platform.run();
    platform.until("the certificate", async || serial(&bed, "bakery.stoa.test").is_some()).await;
    workers.stop().await;
    assert_eq!(ordered(platform).await, 1, "the same order was fetched again");
}

#[tokio::test]
async fn an_authority_that_is_away_keeps_no_store_from_being_made() {
    let Some(Bed { platform, pebble, names: _names }) = bed(|_| ()).await else { return };
    drop(pebble);
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    let now = support::site(&platform, site.site).await;
    assert_eq!((now.state(), now.url.as_deref()), (SiteState::Active, Some("http://bakery.stoa.test")));
    let view = platform.control.domains.list_domains(&platform.now(&jane), site.site).await.expect("domains");
    assert!(view.own.problem.is_some() && view.own.next_try.is_some(), "{view:#?}");
}

#[tokio::test]
async fn a_certificate_that_is_brought_along_is_checked_and_served_instead() {
    let platform = TestPlatform::builder().settings(|s| s.https_port = Some(443)).build().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let cx = platform.now(&jane);
    let command = AddDomain { name: "bakery.example".into(), ..AddDomain::default() };
    let domain = platform.control.domains.add_domain(&cx, site, command).await.expect("a claim").remove(0);
    crate::domains::prove_by_text(&platform, &domain);
    platform.control.domains.check_domain(&cx, domain.id).await.expect("proven");
    let made = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).expect("names");
        params.not_before = rcgen::date_time_ymd(2029, 1, 1);
        params.not_after = rcgen::date_time_ymd(2031, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        (params.self_signed(&key).expect("signed").pem(), key.serialize_pem())
    };
    let (chain, key) = made(&["bakery.example", "butcher.localhost", "*.localhost"]);
    let (_, other) = made(&["bakery.example"]);
    let (foreign, foreign_key) = made(&["other.example"]);
    for (chain, key) in [(&chain, &other), (&foreign, &foreign_key), (&"junk".to_owned(), &key)] {
        let upload = UploadCertificate { chain: chain.clone(), key: key.clone().into() };
        let refused = platform.control.domains.upload_certificate(&cx, site, upload).await;
        assert!(matches!(refused, Err(stoa_core::Error::Invalid(_))), "{refused:?}");
    }
    let upload = UploadCertificate { chain, key: key.clone().into() };
    platform.control.domains.upload_certificate(&platform.now(&jane), site, upload).await.expect("a good one");
    let table = platform.edge.table();
    assert_eq!(table.certificates.len(), 1);
    let names: Vec<_> = table.certificates[0].names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["bakery.example"], "it is served for nobody else's names");
    assert_eq!(stoa_model::secret::ExposeSecret::expose_secret(&table.certificates[0].key).trim(), key.trim());
    platform.control.domains.withdraw_certificate(&platform.now(&jane), site).await.expect("withdrawn");
    assert!(platform.edge.table().certificates.is_empty());
}

/// A certificate for two domains goes on with one when the other is given up: that name may be
/// somebody else's next, and nobody else may have its key served.
#[tokio::test]
async fn a_domain_that_is_given_up_leaves_the_certificate_of_the_others() {
    let platform = TestPlatform::builder().settings(|s| s.https_port = Some(443)).build().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let cx = platform.now(&jane);
    let mut domains = Vec::new();
    for name in ["a.example", "b.example"] {
        let command = AddDomain { name: name.into(), ..AddDomain::default() };
        let domain = platform.control.domains.add_domain(&cx, site, command).await.expect("a claim").remove(0);
        crate::domains::prove_by_text(&platform, &domain);
        platform.control.domains.check_domain(&cx, domain.id).await.expect("proven");
        domains.push(domain);
    }
    let upload = async |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).expect("names");
        params.not_before = rcgen::date_time_ymd(2029, 1, 1);
        params.not_after = rcgen::date_time_ymd(2031, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let chain = params.self_signed(&key).expect("signed").pem();
        let upload = UploadCertificate { chain, key: key.serialize_pem().into() };
        platform.control.domains.upload_certificate(&platform.now(&jane), site, upload).await.expect("a good one");
    };
    let served = || {
        let table = platform.edge.table();
        let names = |c: &Arc<Certificate>| c.names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        table.certificates.iter().map(names).collect::<Vec<_>>()
    };
    upload(&["a.example", "b.example"]).await;
    upload(&["a.example"]).await;
    assert_eq!(served(), ["a.example b.example", "a.example"], "the newer one comes last and wins");
    platform.control.domains.remove_domain(&platform.now(&jane), domains[0].id).await.expect("given up");
    assert_eq!(served(), ["b.example"]);
    upload(&["b.example"]).await;
    assert_eq!(served(), ["b.example"], "one for the same names takes its place");
    platform.control.domains.remove_domain(&platform.now(&jane), domains[1].id).await.expect("given up");
    assert!(served().is_empty());
}
