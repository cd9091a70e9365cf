//! Refusals for want of room: a clear word, and the world as before.

use stoa_core::{Error, Settings, view::Verdict};
use stoa_model::{account::Role, limits::Bytes, placement::LeasePool};
use stoa_provider::engine::fake::Verb;
use stoa_testkit::{Builder, TestPlatform, shop};

/// Orders are refused on this platform, after `fit` that are not.
async fn refused(builder: Builder, fit: usize, prepare: impl FnOnce(&TestPlatform)) -> Error {
    let platform = builder.build().await;
    let jane = platform.customer("jane").await;
    for n in 0..fit {
        platform.order(&jane, &format!("shop-{n}")).await;
    }
    platform.run_until_idle().await;
    prepare(&platform);
    // What was seen of the machine before is no longer believed.
    platform.clock.advance(jiff::SignedDuration::from_secs(31));
    let before = platform.world().await;
    let refusal = platform.control.sites.order(&platform.now(&jane), shop("bakery"), Some("key".into())).await;
    let again = platform.control.sites.order(&platform.now(&jane), shop("bakery"), Some("key".into())).await;
    assert!(again.is_err(), "a refusal is not remembered as a success");
    platform.run_until_idle().await;
    assert_eq!(platform.world().await, before);
    assert!(platform.control.sites.check_address(&jane, "bakery").await.expect("an answer").available);
    refusal.expect_err("refused")
}

fn with(change: impl FnOnce(&mut Settings) + Send + 'static) -> Builder {
    TestPlatform::builder().settings(change)
}

#[tokio::test]
async fn no_memory_left_to_promise() {
    // The fake machine has 4 GiB, a store is promised 1.5.
    let error = refused(with(|s| s.memory_overcommit = 1.0), 2, |_| ()).await;
    assert!(matches!(&error, Error::Capacity(words) if words.contains("nothing was ordered")), "{error:?}");
}

#[tokio::test]
async fn no_room_on_the_disk() {
    let error = refused(with(|s| s.min_free_disk = Bytes(u64::MAX)), 0, |_| ()).await;
    assert!(matches!(&error, Error::Capacity(words) if words.contains("no room")), "{error:?}");
}

#[tokio::test]
async fn no_room_on_the_engines_disk() {
    // A file system without any room that every Linux has.
    let full = |p: &TestPlatform| p.engine.set_data_directory("/proc");
    let error = refused(with(|s| s.min_free_disk = Bytes(1)), 0, full).await;
    assert!(matches!(&error, Error::Capacity(words) if words.contains("no room")), "{error:?}");
}

#[tokio::test]
async fn the_doctor_names_the_fuller_disk() {
    let platform = with(|s| s.min_free_disk = Bytes(1)).build().await;
    let support = platform.staff(Role::Support).await;
    let disk = async || {
        let findings = platform.control.doctor(&support).await.expect("a look");
        findings.into_iter().find(|finding| finding.check == "disk").expect("the disk was looked at")
    };
    // One that only the engine can see is left out.
    platform.engine.set_data_directory("/nowhere/docker");
    let found = disk().await;
    assert_eq!(found.verdict, Verdict::Good);
    assert!(found.found.contains(&platform.settings.data_dir.display().to_string()), "{found:?}");
    platform.engine.set_data_directory("/proc");
    let found = disk().await;
    assert!(found.verdict == Verdict::Bad && found.found.contains("/proc"), "{found:?}");
}

#[tokio::test]
async fn an_image_is_missing() {
    let lose = |p: &TestPlatform| p.engine.lose_image(&"stoa/wordpress:1".parse().expect("an image"));
    let error = refused(TestPlatform::builder(), 0, lose).await;
    assert!(matches!(&error, Error::Capacity(words) if words.contains("can't be ordered")), "{error:?}");
}

#[tokio::test]
async fn the_engine_is_away() {
    let error = refused(TestPlatform::builder(), 0, |p| p.engine.go_down()).await;
    assert!(
        matches!(&error, Error::Unavailable { message, .. } if message.contains("nothing was ordered")),
        "{error:?}"
    );
}

#[tokio::test]
async fn all_addresses_are_leased() {
    // As the fake's own pool, but with room for the two that are there.
    let pool = LeasePool { name: "fake".into(), first: 0x0ad5_0000, step: 16, count: 2, taken: Vec::new() };
    let error = refused(TestPlatform::builder(), 2, |p| p.engine.set_lease_pool(pool)).await;
    assert!(matches!(&error, Error::Capacity(words) if words.contains("no room")), "{error:?}");
}

#[tokio::test]
async fn a_retry_needs_room_too() {
    let platform = with(|s| s.memory_overcommit = 0.5).build().await;
    let jane = platform.customer("jane").await;
    platform.engine.fail(Verb::Deploy, 1, stoa_provider::engine::fake::Fault::DiskFull);
    let failed = platform.order(&jane, "bakery").await;
    platform.run_until_idle().await;
    platform.shop(&jane, "florist").await;
    let before = platform.world().await;
    let error = platform.control.sites.retry(&platform.now(&jane), failed.site).await.expect_err("refused");
    assert!(matches!(error, Error::Capacity(_)), "{error:?}");
    assert_eq!(platform.world().await, before);
}
