//! What goes wrong on the way to a certificate, and that it does not stay so.

use jiff::{SignedDuration, Timestamp};
use stoa_control::keys::MasterKey;
use stoa_db::orders::{self, CertOrder};
use stoa_model::certificate::CertName;
use stoa_testkit::{
    TestPlatform, Workers,
    pebble::{Options, Pebble},
};
use stoa_vendors::acme::new_key;

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
    let known = CertOrder {
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
    platform.world_dns.lead(&host("bakery.stoa.test"), &["203.0.113.9".parse().unwrap()]);
    let master = MasterKey::load(&platform.data_dir().join("master.key")).expect("the master key");
    let directory = bed.pebble.directory();
    let other = master.seal(&format!("order/{directory} {subject}"), &new_key().expect("a key"));
    put(platform, &CertOrder { key: Some(other), next_at: now, ..order }).await;
    let workers = platform.run();
    platform.until("another try", async || failures(platform).await == 6).await;
    workers.stop().await;
    let order = self::order(platform).await;
    assert_eq!((order.order_url, order.key), (None, None));
}

async fn put(platform: &TestPlatform, order: &CertOrder) {
    let put = platform.db.write(|tx| Box::pin(async move { orders::order_put(&tx, order).await })).await;
    put.expect("written");
}

/// How the shop's certificate stands.
async fn order(platform: &TestPlatform) -> CertOrder {
    let subject = CertName::host(host("bakery.stoa.test"));
    orders::order_get(&platform.db, &subject).await.expect("an answer").expect("an order")
}

/// How often the authority was asked for the shop's certificate.
async fn ordered(platform: &TestPlatform) -> u64 {
    let subject = CertName::host(host("bakery.stoa.test"));
    let since = Timestamp::UNIX_EPOCH;
    orders::tries_since(&platform.db, Some(&subject), orders::Try::Ordered, since).await.expect("a count")
}

async fn failures(platform: &TestPlatform) -> u32 {
    let subject = CertName::host(host("bakery.stoa.test"));
    orders::order_get(&platform.db, &subject).await.expect("an answer").map_or(0, |order| order.failures)
}
