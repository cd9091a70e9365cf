//! What goes wrong on the way to a certificate, and that it does not stay so.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use stoa_core::{RequestContext, keys::MasterKey, settings::Settings, view::Verdict};
use stoa_db::certificate_orders::{self, CertificateOrder};
use stoa_domains::command::{AddDomain, UploadCertificate};
use stoa_integrations::acme::new_key;
use stoa_model::{
    account::Role,
    certificate::CertName,
    id::{DomainId, SiteId},
};
use stoa_provider::dns::fake::FakeDns;
use stoa_testkit::{
    TestPlatform, Workers,
    pebble::{Options, Pebble},
};

use crate::{
    domains::host,
    pebble::{Bed, bed, config, served},
};

/// The order that was begun lies at an authority that is no more.
#[tokio::test]
async fn another_authority_is_asked_anew() {
    let Some(Bed { mut platform, pebble: former, names }) = bed(|_| ()).await else { return };
    let jane = platform.customer("jane").await;
    platform.break_table("certificates").await;
    platform.shop(&jane, "bakery").await;
    assert_eq!(ordered(&platform).await, 1);
    platform.mend_table("certificates").await;
    drop(former);
    let options = Options { always_valid: true, dns: Some(names.address()), ..Options::default() };
    let Some(pebble) = Pebble::start(options) else { return };
    platform.settings.acme.as_mut().expect("an authority").ca = config(&pebble);
    platform.clock.advance(SignedDuration::from_hours(1));
    let (control, edge) = platform.another().await;
    let workers = Workers::of(&control);
    platform.until("the certificate", async || served(&edge, "bakery.stoa.test").is_some()).await;
    workers.stop().await;
    assert_eq!(ordered(&platform).await, 2);
}

#[tokio::test]
async fn with_another_master_key_all_is_asked_anew() {
    let Some(bed) = bed(|options| options.always_valid = true).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    platform.break_table("certificates").await;
    platform.shop(&jane, "bakery").await;
    platform.mend_table("certificates").await;
    let file = platform.data_dir().join("master.key");
    std::fs::remove_file(&file).expect("lost");
    MasterKey::create(&file).expect("another");
    platform.clock.advance(SignedDuration::from_hours(1));
    let (control, edge) = platform.another().await;
    let workers = Workers::of(&control);
    platform.until("the certificate", async || served(&edge, "bakery.stoa.test").is_some()).await;
    workers.stop().await;
}

/// An order that is made forgets no failure before it, and one that is lost is forgotten itself.
#[tokio::test]
async fn failures_are_counted_on_through_orders() {
    let Some(bed) = bed(|_| ()).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    let now = platform.clock.now();
    let subject = CertName::host(host("bakery.stoa.test"));
    let known = CertificateOrder {
        subject: subject.clone(),
        names: vec![subject.clone()],
        failures: 4,
        next_at: now,
        problem: None,
        detail: None,
        order_url: None,
        key: None,
        updated_at: now,
    };
    put(platform, &known).await;
    platform.break_table("certificates").await;
    platform.shop(&jane, "bakery").await;
    let order = order(platform).await;
    assert!(order.order_url.is_some() && order.key.is_some());
    assert_eq!(order.failures, 5);

    // Its certificate turns out to be for another key.
    platform.mend_table("certificates").await;
    platform.world_dns.set_addresses(&host("bakery.stoa.test"), &["203.0.113.9".parse().unwrap()]);
    let master = MasterKey::load(&platform.data_dir().join("master.key")).expect("the master key");
    let directory = bed.pebble.directory();
    let other = master.seal(&format!("order/{directory} {subject}"), &new_key().expect("a key"));
    put(platform, &CertificateOrder { key: Some(other), next_at: now, ..order }).await;
    let workers = platform.run();
    let says = async |words: &str| self::order(platform).await.problem.is_some_and(|problem| problem.contains(words));
    platform.until("another try", async || says("still points to").await).await;
    workers.stop().await;
    let order = self::order(platform).await;
    assert_eq!((order.order_url, order.key), (None, None));
    assert_eq!(order.failures, 5, "where it leads is waited for");
}

/// What is only waited for is no failure; but the platform's own names are the operator's to repair.
#[tokio::test]
async fn a_name_that_leads_elsewhere_is_waited_for() {
    let Some(bed) = bed(|options| options.blocked = vec!["bakery.stoa.test".into()]).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    for name in ["bakery.stoa.test", "bakery.example"] {
        platform.world_dns.set_addresses(&host(name), &["203.0.113.9".parse().unwrap()]);
    }
    let site = platform.shop(&jane, "bakery").await.site;
    brought(platform, &jane, site).await;
    for _ in 0..3 {
        let before = order(platform).await.next_at;
        platform.clock.advance(SignedDuration::from_mins(15));
        let workers = platform.run();
        platform.until("another look", async || order(platform).await.next_at > before).await;
        platform.until("the domain's", async || order_of(platform, "bakery.example").await.is_some()).await;
        workers.stop().await;
    }
    let workers = platform.run();
    let told = |name: &str| platform.outbox().iter().any(|m| m.contains(&format!("no certificate for {name}")));
    platform.until("the letter", async || told("bakery.stoa.test")).await;
    workers.stop().await;
    assert!(!told("bakery.example"), "it is the customer's to switch");
    assert_eq!(failures(platform).await, 0);

    // The first refusal costs minutes.
    platform.world_dns.set_addresses(&host("bakery.stoa.test"), &[[127, 0, 0, 1].into()]);
    platform.clock.advance(SignedDuration::from_mins(15));
    let workers = platform.run();
    platform.until("the refusal", async || failures(platform).await == 1).await;
    workers.stop().await;
    let pause = order(platform).await.next_at.duration_since(platform.clock.now());
    assert!(pause <= SignedDuration::from_mins(11), "{pause}");
}

/// The clock was ahead when the pause was written down.
#[tokio::test]
async fn no_pause_is_longer_than_a_pause_can_be() {
    let Some(bed) = bed(|_| ()).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    platform.world_dns.set_addresses(&host("bakery.stoa.test"), &["203.0.113.9".parse().unwrap()]);
    platform.shop(&jane, "bakery").await;
    let order = order(platform).await;
    let next_at = platform.clock.now() + SignedDuration::from_hours(400 * 24);
    put(platform, &CertificateOrder { next_at, ..order }).await;
    platform.world_dns.set_addresses(&host("bakery.stoa.test"), &[[127, 0, 0, 1].into()]);
    let workers = platform.run();
    platform.until("the certificate", async || served(&platform.edge, "bakery.stoa.test").is_some()).await;
    workers.stop().await;
}

/// One order is for all names below the wildcard, so each of them shows what is wrong with it.
#[tokio::test]
async fn the_trouble_of_a_wildcard_is_that_of_each_name() {
    let platform = TestPlatform::builder().settings(|s| s.https_port = Some(443)).build().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let (subject, now) = (CertName::below(host("localhost")), platform.clock.now());
    let known = CertificateOrder {
        subject: subject.clone(),
        names: vec![subject],
        failures: 1,
        next_at: now,
        problem: Some("The name server is away.".into()),
        detail: None,
        order_url: None,
        key: None,
        updated_at: now,
    };
    put(&platform, &known).await;
    let view = platform.control.domains.list_domains(&platform.now(&jane), site).await.expect("domains");
    assert_eq!(view.own.problem, known.problem);
}

/// An order may be made at the authority though its answer is lost, so each one that is tried counts.
#[tokio::test]
async fn an_order_that_fails_is_counted_too() {
    let Some(bed) = bed(|options| options.blocked = vec!["bakery.stoa.test".into()]).await else { return };
    let jane = bed.platform.customer("jane").await;
    bed.platform.shop(&jane, "bakery").await;
    assert_eq!(ordered(&bed.platform).await, 1);
}

#[tokio::test]
async fn one_that_was_brought_along_does_not_run_out_silently() {
    let platform = TestPlatform::builder().settings(|s| s.https_port = Some(443)).build().await;
    uploaded(&platform, 16).await;
    let told = || platform.outbox().iter().any(|mail| mail.contains("Certificate expires: bakery.example"));
    platform.run_until_idle().await;
    assert!(!told());
    platform.clock.advance(SignedDuration::from_hours(3 * 24));
    let workers = platform.run();
    platform.until("the letter", async || told()).await;
    workers.stop().await;
}

/// The customer gets one e-mail for each problem of a domain, and one when it is solved.
#[tokio::test]
async fn a_domain_without_a_certificate_is_reported_to_its_owner_once() {
    let platform = TestPlatform::builder().settings(|s| s.https_port = Some(443)).build().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    platform.world_dns.set_addresses(&host("bakery.example"), &[[127, 0, 0, 1].into()]);
    brought(&platform, &jane, site).await;
    let (subject, now) = (CertName::host(host("bakery.example")), platform.clock.now());
    let failing = |failures| CertificateOrder {
        subject: subject.clone(),
        names: vec![subject.clone()],
        failures,
        next_at: now,
        problem: Some("Its CAA record forbids it.".into()),
        detail: None,
        order_url: None,
        key: None,
        updated_at: now,
    };
    put(&platform, &failing(2)).await;
    platform.run_until_idle().await;
    assert_eq!(owner_letters(&platform), [] as [&str; 0], "it may still work");
    put(&platform, &failing(3)).await;
    for failures in 4..6 {
        let workers = platform.run();
        platform.until("the letter", async || !owner_letters(&platform).is_empty()).await;
        workers.stop().await;
        put(&platform, &failing(failures)).await;
        platform.clock.advance(SignedDuration::from_hours(1));
        platform.run_until_idle().await;
        assert_eq!(owner_letters(&platform), ["No certificate for bakery.example"]);
    }
    let (from, to) = (now - SignedDuration::from_hours(24), now + SignedDuration::from_hours(80 * 24));
    let (chain, key) = own(&["bakery.example"], from, to);
    let upload = UploadCertificate { chain, key: key.into() };
    platform.control.domains.upload_certificate(&platform.now(&jane), site, upload).await.expect("a good one");
    let name = &subject;
    let forgotten = platform.db.write(|tx| Box::pin(async move { certificate_orders::order_forget(&tx, name).await }));
    forgotten.await.expect("forgotten");
    let workers = platform.run();
    let solved = "bakery.example has a valid certificate again";
    platform.until("the second letter", async || owner_letters(&platform).contains(&solved.to_owned())).await;
    workers.stop().await;
    platform.clock.advance(SignedDuration::from_hours(1));
    platform.run_until_idle().await;
    assert_eq!(owner_letters(&platform).len(), 2);
}

#[tokio::test]
async fn a_certificate_that_is_about_to_expire_and_can_not_be_renewed_is_reported_to_its_owner() {
    let platform = TestPlatform::builder().settings(|s| s.https_port = Some(443)).build().await;
    uploaded(&platform, 12).await;
    let (subject, now) = (CertName::host(host("bakery.example")), platform.clock.now());
    let known = CertificateOrder {
        subject: subject.clone(),
        names: vec![subject],
        failures: 1,
        next_at: now,
        problem: Some("bakery.example still points to 203.0.113.9.".into()),
        detail: None,
        order_url: None,
        key: None,
        updated_at: now,
    };
    put(&platform, &known).await;
    platform.run_until_idle().await;
    assert_eq!(owner_letters(&platform), [] as [&str; 0], "there is time");
    platform.clock.advance(SignedDuration::from_hours(3 * 24));
    let workers = platform.run();
    platform.until("the letter", async || !owner_letters(&platform).is_empty()).await;
    workers.stop().await;
    assert_eq!(owner_letters(&platform), ["The certificate for bakery.example is about to expire"]);
}

/// The subjects of the e-mails about certificates that jane got.
fn owner_letters(platform: &TestPlatform) -> Vec<String> {
    let to_jane = platform.outbox().into_iter().filter(|mail| mail.contains("To: jane@example.com"));
    let subjects = to_jane.filter_map(|mail| {
        let (_, rest) = mail.split_once("Subject: ")?;
        Some(rest.replace("\r\n ", " ").lines().next().unwrap_or_default().to_owned())
    });
    subjects.filter(|subject| subject.contains("certificate")).collect()
}

/// The authority's is there before the one that was brought along ends.
#[tokio::test]
async fn one_that_was_brought_along_is_followed_by_an_issued_one() {
    let Some(bed) = bed(|_| ()).await else { return };
    let platform = &bed.platform;
    let (jane, site) = uploaded(platform, 16).await;
    let count = || {
        let name = CertName::host(host("bakery.example"));
        platform.edge.table().certificates.iter().filter(|c| c.names.contains(&name)).count()
    };
    platform.run_until_idle().await;
    assert_eq!(count(), 1);
    let uploaded_id = served(&platform.edge, "bakery.example");
    platform.clock.advance(SignedDuration::from_hours(3 * 24));
    let workers = platform.run();
    platform.until("the other certificate", async || count() == 2).await;
    workers.stop().await;
    let view = platform.control.domains.list_domains(&platform.now(&jane), site).await.expect("domains");
    assert!(view.uploaded.is_some(), "it is served as long as it holds: {view:#?}");

    // No edge knows when it ends, and the next tick may be late: it is taken away an hour before.
    let end = view.uploaded.expect("the uploaded one").expires_at;
    platform.clock.advance(end.duration_since(platform.clock.now()) - SignedDuration::from_mins(30));
    let workers = platform.run();
    platform.until("the issued one alone", async || count() == 1).await;
    workers.stop().await;
    let table = platform.edge.table();
    let lasting = table.certificates.iter().find(|c| c.names.contains(&CertName::host(host("bakery.example"))));
    assert_ne!(lasting.map(|c| c.id.to_string()), uploaded_id, "the issued one stayed");
}

/// A wildcard takes the place of the sites' own ones, which nobody would renew any more.
#[tokio::test]
async fn with_dns_the_wildcard_takes_over() {
    let Some(Bed { mut platform, pebble: _pebble, names: _names }) = bed(|options| options.always_valid = true).await
    else {
        return;
    };
    let jane = platform.customer("jane").await;
    platform.shop(&jane, "bakery").await;
    assert!(served(&platform.edge, "bakery.stoa.test").is_some());
    platform.dns = Some(Arc::new(FakeDns::new(host("stoa.test"))));
    let (control, edge) = platform.another().await;
    let workers = Workers::of(&control);
    let names = || edge.table().certificates.iter().flat_map(|c| c.names.clone()).collect::<Vec<_>>();
    let wildcard = [CertName::below(host("stoa.test")), CertName::host(host("stoa.test"))];
    platform.until("the wildcard alone", async || names() == wildcard).await;
    workers.stop().await;
}

/// A certificate that the edge does not take over is of no use, and no reason to let others run out.
#[tokio::test]
async fn an_edge_that_does_not_follow_is_told_of() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    let change = move |s: &mut Settings| (s.https_port, s.edge_address) = (Some(443), address);
    let platform = TestPlatform::builder().settings(change).build().await;
    uploaded(&platform, 16).await;
    let staff = platform.staff(Role::Support).await;
    let finding = async || {
        let all = platform.control.doctor(&staff).await.expect("findings");
        all.into_iter().find(|finding| finding.check == "edge").expect("one of the edge")
    };
    assert_eq!(finding().await.verdict, Verdict::Good);
    let (control, edge) = platform.another().await;
    edge.fail(Some("nginx -t says no"));
    platform.clock.advance(SignedDuration::from_hours(3 * 24));
    let told = |of: &str| platform.outbox().iter().any(|mail| mail.contains(of));
    let workers = Workers::of(&control);
    platform.until("the letter", async || told("Certificate expires: bakery.example")).await;
    platform.until("the finding", async || finding().await.verdict == Verdict::Bad).await;
    assert!(finding().await.found.contains("nginx -t says no"), "{:?}", finding().await);
    workers.stop().await;
    assert!(!told("Nothing new is served"), "it may come up by itself");
    platform.clock.advance(SignedDuration::from_hours(1));
    let workers = Workers::of(&control);
    platform.until("the other letter", async || told("Nothing new is served: the edge")).await;
    workers.stop().await;
    edge.fail(None);
    let workers = Workers::of(&control);
    platform.until("the edge", async || finding().await.verdict == Verdict::Good).await;
    workers.stop().await;
    assert_eq!(edge.table().certificates.len(), 1);
}

pub async fn put(platform: &TestPlatform, order: &CertificateOrder) {
    let put = platform.db.write(|tx| Box::pin(async move { certificate_orders::order_put(&tx, order).await })).await;
    put.expect("written");
}

/// How the shop's certificate stands.
async fn order(platform: &TestPlatform) -> CertificateOrder {
    order_of(platform, "bakery.stoa.test").await.expect("an order")
}

pub async fn order_of(platform: &TestPlatform, name: &str) -> Option<CertificateOrder> {
    certificate_orders::order_get(&platform.db, &CertName::host(host(name))).await.expect("an answer")
}

/// How often the authority was asked for the shop's certificate.
async fn ordered(platform: &TestPlatform) -> u64 {
    let subject = CertName::host(host("bakery.stoa.test"));
    let since = Timestamp::UNIX_EPOCH;
    certificate_orders::tries_since(&platform.db, Some(&subject), certificate_orders::Attempt::Ordered, since)
        .await
        .expect("a count")
}

async fn failures(platform: &TestPlatform) -> u32 {
    let subject = CertName::host(host("bakery.stoa.test"));
    certificate_orders::order_get(&platform.db, &subject).await.expect("an answer").map_or(0, |order| order.failures)
}

/// A certificate with its key.
fn own(names: &[&str], from: Timestamp, to: Timestamp) -> (String, String) {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let day = |at: Timestamp| {
        let day = at.to_zoned(TimeZone::UTC);
        rcgen::date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs())
    };
    let mut params = rcgen::CertificateParams::new(names).expect("names");
    (params.not_before, params.not_after) = (day(from), day(to));
    let key = rcgen::KeyPair::generate().expect("a key");
    (params.self_signed(&key).expect("signed").pem(), key.serialize_pem())
}

/// The proven domain bakery.example of a site.
pub async fn brought(platform: &TestPlatform, jane: &RequestContext, site: SiteId) -> DomainId {
    let cx = platform.now(jane);
    let command = AddDomain { name: "bakery.example".into(), ..AddDomain::default() };
    let domain = platform.control.domains.add_domain(&cx, site, command).await.expect("a claim").remove(0);
    crate::domains::prove_by_text(platform, &domain);
    platform.control.domains.check_domain(&cx, domain.id).await.expect("proven");
    domain.id
}

/// A shop with the domain bakery.example, and a certificate for it that runs out in so many days, of 90.
pub async fn uploaded(platform: &TestPlatform, days_left: i32) -> (RequestContext, SiteId) {
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    platform.world_dns.set_addresses(&host("bakery.example"), &[[127, 0, 0, 1].into()]);
    brought(platform, &jane, site).await;
    let cx = platform.now(&jane);
    let day = SignedDuration::from_hours(24);
    let end = cx.now + day * days_left;
    let (chain, key) = own(&["bakery.example"], end - day * 90, end);
    let upload = UploadCertificate { chain, key: key.into() };
    platform.control.domains.upload_certificate(&platform.now(&jane), site, upload).await.expect("a good one");
    (jane, site)
}
