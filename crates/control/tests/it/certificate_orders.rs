//! How orders of certificates share the authority, and who may hurry them.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use stoa_core::{
    RequestContext,
    settings::{AcmeSettings, IssuanceLimits},
};
use stoa_db::{
    certificate_orders::{self, Attempt, CertificateOrder},
    certificates,
};
use stoa_domains::command::AddDomain;
use stoa_integrations::acme::AcmeConfig;
use stoa_model::certificate::CertName;
use stoa_provider::dns::{RecordKind, RecordName, fake::FakeDns};
use stoa_testkit::{TestPlatform, Workers};
use tokio::net::TcpListener;

use crate::{
    certificate_trouble::{brought, order_of, put},
    domains::host,
    pebble::{Bed, bed, served},
};

/// How the order for bakery.example stands, last looked at an hour ago.
fn paused(platform: &TestPlatform) -> CertificateOrder {
    let subject = CertName::host(host("bakery.example"));
    let before = platform.clock.now() - SignedDuration::from_hours(1);
    CertificateOrder {
        subject: subject.clone(),
        names: vec![subject],
        failures: 0,
        next_at: before,
        problem: None,
        detail: None,
        order_url: None,
        key: None,
        updated_at: before,
    }
}

/// A platform with this authority, which is none.
async fn with_authority(directory: String) -> TestPlatform {
    let wait = Duration::from_secs(60);
    let ca = AcmeConfig { directory, contact: None, external_account: None, roots: None, patience: wait };
    let acme = AcmeSettings { ca, allowance: IssuanceLimits::LETS_ENCRYPT, first_wait: wait, dns_wait: wait };
    let build = TestPlatform::builder().settings(|settings| {
        settings.https_port = Some(443);
        settings.acme = Some(acme);
    });
    build.build().await
}

/// The customer has repaired everything while the authority was still working on the attempt before.
#[tokio::test]
async fn another_try_that_is_asked_for_during_one_is_made() {
    let authority = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let platform = with_authority(format!("https://{}", authority.local_addr().expect("its address"))).await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let domain = brought(&platform, &jane, site).await;
    put(&platform, &paused(&platform)).await;
    let workers = platform.run();
    let call = authority.accept().await.expect("a call");
    platform.control.domains.check_domain(&platform.now(&jane), domain).await.expect("looked at");
    drop((call, authority));
    let tries = async || order_of(&platform, "bakery.example").await.map_or(0, |order| order.failures);
    platform.until("both failures", async || tries().await == 2).await;
    workers.stop().await;
}

#[tokio::test]
async fn a_pause_that_the_authority_asks_for_is_kept() {
    let platform = with_authority("https://127.0.0.1:1".into()).await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let domain = brought(&platform, &jane, site).await;
    let (now, hour) = (platform.clock.now(), SignedDuration::from_hours(1));
    let after_a_click = async |detail: &str| {
        put(&platform, &CertificateOrder { next_at: now + hour, detail: Some(detail.into()), ..paused(&platform) })
            .await;
        platform.control.domains.check_domain(&platform.now(&jane), domain).await.expect("looked at");
        order_of(&platform, "bakery.example").await.expect("an order").next_at
    };
    assert_eq!(after_a_click("the authority asks us to wait: rate limit").await, now + hour);
    assert!(after_a_click("refused").await <= platform.clock.now());
}

/// Each new site asks for the certificate of all, where there is one for all.
#[tokio::test]
async fn a_new_site_ends_no_pause() {
    let Some(bed) = bed(|_| ()).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    let subject = CertName::host(host("bakery.stoa.test"));
    let next_at = platform.clock.now() + SignedDuration::from_hours(1);
    put(platform, &CertificateOrder { subject: subject.clone(), names: vec![subject], next_at, ..paused(platform) })
        .await;
    platform.shop(&jane, "bakery").await;
    assert_eq!(ordered(platform, "bakery.stoa.test").await, 0);
}

#[tokio::test]
async fn one_name_is_ordered_a_few_times_an_hour() {
    let Some(bed) = bed(|_| ()).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    note(platform, "bakery.stoa.test", 5).await;
    platform.shop(&jane, "bakery").await;
    assert_eq!(ordered(platform, "bakery.stoa.test").await, 5);
    let problem = order_of(platform, "bakery.stoa.test").await.and_then(|order| order.problem).expect("words");
    assert!(problem.contains("asked for several times"), "{problem}");
}

/// Customers who bring many domains along leave orders for what is served already.
#[tokio::test]
async fn new_domains_leave_a_quarter_of_all_orders() {
    let Some(bed) = bed(|_| ()).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    for name in ["bakery.example", "www.bakery.example"] {
        platform.world_dns.set_addresses(&host(name), &[[127, 0, 0, 1].into()]);
    }
    let site = platform.shop(&jane, "bakery").await.site;
    brought(platform, &jane, site).await;
    let workers = platform.run();
    platform.until("the certificate", async || served(&platform.edge, "bakery.example").is_some()).await;
    workers.stop().await;
    let first = served(&platform.edge, "bakery.example");

    note(platform, "florist.example", 225).await;
    let now = platform.clock.now();
    for (id, _) in certificates::certificates_live(&platform.db, now).await.expect("certificates") {
        let due =
            platform.db.write(|tx| Box::pin(async move { certificates::certificate_renew_at(&tx, id, now).await }));
        due.await.expect("due");
    }
    let command = AddDomain { name: "www.bakery.example".into(), ..AddDomain::default() };
    let cx = platform.now(&jane);
    let domain = platform.control.domains.add_domain(&cx, site, command).await.expect("a claim").remove(0);
    crate::domains::prove_by_text(platform, &domain);
    platform.control.domains.check_domain(&cx, domain.id).await.expect("proven");
    let workers = platform.run();
    let waits = async || {
        let problem = order_of(platform, "www.bakery.example").await.and_then(|order| order.problem);
        problem.is_some_and(|problem| problem.contains("Many certificates"))
    };
    platform.until("its turn", async || waits().await).await;
    platform.until("the renewal", async || served(&platform.edge, "bakery.example") != first).await;
    workers.stop().await;
    assert_eq!(ordered(platform, "www.bakery.example").await, 0);
}

/// One customer's domains, removed ones included, leave two thirds of all orders to others.
#[tokio::test]
async fn a_customer_has_a_share_of_all_orders() {
    let Some(bed) = bed(|_| ()).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    let (hers, joe) = (platform.shop(&jane, "bakery").await.site, platform.customer("joe").await);
    let domains = &platform.control.domains;
    let claim = async |cx: &RequestContext, site, name: &str| {
        platform.world_dns.set_addresses(&host(name), &[[127, 0, 0, 1].into()]);
        let command = AddDomain { name: name.into(), ..AddDomain::default() };
        domains.add_domain(&platform.now(cx), site, command).await.expect("a claim").remove(0)
    };
    let removed = claim(&jane, hers, "florist.example").await;
    domains.remove_domain(&platform.now(&jane), removed.id).await.expect("removed");
    note(platform, "florist.example", 100).await;
    platform.world_dns.set_addresses(&host("bakery.example"), &[[127, 0, 0, 1].into()]);
    brought(platform, &jane, hers).await;

    let his = platform.shop(&joe, "butcher").await.site;
    let domain = claim(&joe, his, "butcher.example").await;
    crate::domains::prove_by_text(platform, &domain);
    domains.check_domain(&platform.now(&joe), domain.id).await.expect("proven");
    let workers = platform.run();
    let waits = async || {
        let problem = order_of(platform, "bakery.example").await.and_then(|order| order.problem);
        problem.is_some_and(|problem| problem.contains("for your domains"))
    };
    platform.until("its turn", async || waits().await).await;
    platform.until("the other's", async || served(&platform.edge, "butcher.example").is_some()).await;
    workers.stop().await;
    assert_eq!(ordered(platform, "bakery.example").await, 0);
}

/// The wildcard's record takes its time to be seen.
#[tokio::test]
async fn a_name_waits_for_no_other_order() {
    let Some(Bed { mut platform, pebble: _pebble, names: _names }) = bed(|options| options.always_valid = true).await
    else {
        return;
    };
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let dns = Arc::new(FakeDns::new(host("stoa.test")));
    platform.dns = Some(dns.clone());
    platform.settings.acme.as_mut().expect("an authority").dns_wait = Duration::from_secs(3600);
    let is_asked = || !dns.contents(&RecordName::acme_challenge(&host("stoa.test")), RecordKind::Txt).is_empty();
    let (control, edge) = platform.another().await;
    let workers = Workers::of(&control);
    platform.until("the wildcard's order", async || is_asked()).await;
    platform.world_dns.set_addresses(&host("bakery.example"), &[[127, 0, 0, 1].into()]);
    brought(&platform, &jane, site).await;
    platform.until("the domain's", async || served(&edge, "bakery.example").is_some()).await;
    assert!(is_asked(), "the wildcard's is still under way");
    workers.stop().await;
}

/// Counts so many orders of a name.
async fn note(platform: &TestPlatform, name: &str, count: usize) {
    let (subject, now) = (&CertName::host(host(name)), platform.clock.now());
    let noted = platform.db.write(|tx| {
        Box::pin(async move {
            for _ in 0..count {
                certificate_orders::try_note(&tx, subject, now, Attempt::Ordered).await?;
            }
            Ok::<_, stoa_db::DbError>(())
        })
    });
    noted.await.expect("counted");
}

/// How often the authority was asked for this name's certificate.
pub async fn ordered(platform: &TestPlatform, name: &str) -> u64 {
    let subject = CertName::host(host(name));
    certificate_orders::tries_since(&platform.db, Some(&subject), Attempt::Ordered, Timestamp::UNIX_EPOCH)
        .await
        .expect("a count")
}
