//! What goes wrong on the way to a certificate, and that it does not stay so.

use jiff::{SignedDuration, Timestamp};
use stoa_control::keys::MasterKey;
use stoa_db::orders;
use stoa_model::certificate::CertName;
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

/// How often the authority was asked for the shop's certificate.
async fn ordered(platform: &TestPlatform) -> u64 {
    let subject = CertName::host(host("bakery.stoa.test"));
    let since = Timestamp::UNIX_EPOCH;
    orders::tries_since(&platform.db, Some(&subject), orders::Try::Ordered, since).await.expect("a count")
}
