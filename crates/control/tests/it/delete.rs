//! Stop, start, restart, delete, take back, purge.

use jiff::SignedDuration;
use stoa_core::Error;
use stoa_model::{account::Role, site::SiteState};
use stoa_provider::engine::fake::{Fault, Verb};
use stoa_sites::view::SiteAction;
use stoa_testkit::TestPlatform;

use crate::support;

#[tokio::test]
async fn stop_start_restart() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let running = platform.world().await;
    let control = &platform.control;

    assert!(matches!(control.sites.start(&platform.now(&jane), site).await, Err(Error::Conflict(_))), "it runs");
    control.sites.stop(&platform.now(&jane), site).await.expect("a job");
    let busy = control.sites.restart(&platform.now(&jane), site).await.expect_err("one job at a time");
    assert!(busy.to_string().contains("Another job"), "{busy}");
    platform.run_until_idle().await;
    let stopped = platform.world().await;
    assert!(stopped.of("container").iter().all(|line| line.ends_with("Exited")), "{stopped}");
    assert_eq!(stopped.of("notice"), ["bakery.localhost is Stopped"]);
    assert_eq!(stopped.of("volume"), running.of("volume"));

    control.sites.start(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    assert_eq!(platform.world().await, running);
    control.sites.restart(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    assert_eq!(platform.world().await, running);
    let kinds: Vec<_> =
        control.sites.history(&jane, site).await.expect("a history").into_iter().map(|line| line.1).collect();
    assert_eq!(kinds.iter().filter(|kind| ["stopped", "started", "restarted"].contains(&kind.as_str())).count(), 3);
}

#[tokio::test]
async fn a_deletion_can_be_taken_back_until_its_grace_is_over() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let running = platform.world().await;
    let control = &platform.control;
    let view = control.sites.delete(&platform.now(&jane), site).await.expect("marked");
    assert_eq!((view.state, view.actions.as_slice()), (SiteState::Deleting, &[SiteAction::Undelete][..]));
    assert!(!control.sites.check_address(&jane, "bakery").await.expect("an answer").available);
    platform.clock.advance(SignedDuration::from_hours(7 * 24 - 1));
    let workers = platform.run();
    platform
        .until("the containers' end", async || {
            platform.world().await.of("container").iter().all(|line| line.ends_with("Exited"))
        })
        .await;
    workers.stop().await;
    assert_eq!(platform.world().await.of("volume"), running.of("volume"), "its data is kept");

    let view = control.sites.undelete(&platform.now(&jane), site).await.expect("restored");
    assert_eq!((view.state, view.purge_at), (SiteState::Active, None));
    assert!(view.job.is_some(), "it ran, so it is started again");
    platform.run_until_idle().await;
    assert_eq!(platform.world().await, running, "with all that it had");

    control.sites.delete(&platform.now(&jane), site).await.expect("marked");
    platform.clock.advance(SignedDuration::from_hours(7 * 24 + 1));
    let late = control.sites.undelete(&platform.now(&jane), site).await.expect_err("too late");
    assert!(late.to_string().contains("can't be undone"), "{late}");
}

#[tokio::test]
async fn a_purge_leaves_nothing_and_no_other_site_feels_it() {
    let platform = TestPlatform::new().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    platform.shop(&joe, "florist").await;
    platform.shop(&jane, "older").await;
    let before = platform.world().await;
    let site = platform.shop(&jane, "bakery").await.site;
    platform.control.sites.delete(&platform.now(&jane), site).await.expect("marked");
    platform.clock.advance(SignedDuration::from_hours(7 * 24 + 1));
    let workers = platform.run();
    platform.until("the purge", async || support::site(&platform, site).await.state() == SiteState::Deleted).await;
    workers.stop().await;
    assert_eq!(platform.world().await, before);
    assert!(matches!(platform.control.sites.get(&jane, site).await, Err(Error::NotFound(_))));
    assert!(platform.control.sites.list(&jane, None, 10).await.expect("sites").items.iter().all(|s| s.id != site));
    let again = platform.shop(&joe, "bakery").await;
    assert_ne!(again.site, site, "its address is free again");
}

#[tokio::test]
async fn staff_end_a_grace_and_a_failed_site_has_none() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let (support, admin) = (platform.staff(Role::Support).await, platform.staff(Role::Admin).await);
    let before = platform.world().await;
    let control = &platform.control;
    let site = platform.shop(&jane, "bakery").await.site;
    assert!(matches!(control.sites.purge_now(&admin, site).await, Err(Error::Conflict(_))), "not marked");
    control.sites.delete(&platform.now(&jane), site).await.expect("marked");
    for other in [&jane, &support] {
        assert!(matches!(control.sites.purge_now(other, site).await, Err(Error::Forbidden(_))));
    }
    control.sites.purge_now(&platform.now(&admin), site).await.expect("ordered");
    let late = control.sites.undelete(&platform.now(&jane), site).await;
    assert!(late.is_err(), "the purge was ordered");

    platform.engine.fail(Verb::Deploy, 1, Fault::DiskFull);
    let failed = platform.order(&jane, "florist").await;
    let workers = platform.run();
    platform.rest(failed.job).await;
    control.sites.delete(&platform.now(&jane), failed.site).await.expect("marked");
    platform.until("both purges", async || platform.world().await.of("site").is_empty()).await;
    platform.idle().await;
    workers.stop().await;
    assert_eq!(platform.world().await, before);
}

#[tokio::test]
async fn a_purge_that_fails_goes_on_later_and_keeps_no_other() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let (one, two) = (platform.shop(&jane, "one").await.site, platform.shop(&jane, "two").await.site);
    for site in [one, two] {
        platform.control.sites.delete(&platform.now(&jane), site).await.expect("marked");
    }
    platform.clock.advance(SignedDuration::from_hours(7 * 24 + 1));
    platform.engine.fail(Verb::Remove, 1, Fault::Half);
    let one = support::site(&platform, one).await.project;
    let two = support::site(&platform, two).await.project;
    platform.engine.forget_calls();
    let workers = platform.run();
    platform.until("both purges", async || platform.world().await.is_empty()).await;
    workers.stop().await;
    let removals = platform.engine.calls().into_iter().filter(|call| call.verb == Verb::Remove);
    let removals: Vec<_> = removals.filter_map(|call| call.project).collect();
    assert_eq!(removals, [one.clone(), two, one], "the other did not wait, and the first was gone on with");
}

#[tokio::test]
async fn the_name_of_a_purged_site_rests_for_its_former_owner() {
    let platform = TestPlatform::builder()
        .settings(|settings| settings.name_rest = std::time::Duration::from_secs(5 * 24 * 3600))
        .build()
        .await;
    let (jane, bob) = (platform.customer("jane").await, platform.customer("bob").await);
    let site = platform.shop(&jane, "bakery").await.site;
    let control = &platform.control;
    control.sites.delete(&platform.now(&jane), site).await.expect("marked");
    platform.clock.advance(SignedDuration::from_hours(8 * 24));
    control.sites.purge_due().await.expect("purged");
    let order = async |who| control.sites.order(&platform.now(who), stoa_testkit::shop("bakery"), None).await;
    let refused = order(&bob).await.expect_err("it rests").to_string();
    assert!(refused.contains("used this address until recently"), "{refused}");
    let check = async |who| control.sites.check_address(&platform.now(who), "bakery").await.expect("an answer");
    assert!(!check(&bob).await.available && check(&jane).await.available);
    platform.clock.advance(SignedDuration::from_hours(5 * 24));
    assert!(check(&bob).await.available);
    order(&bob).await.expect("free for everyone");
}
