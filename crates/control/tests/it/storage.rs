//! What sites store, and what follows from it.

use stoa_model::{
    account::Role,
    route::{Route, Target},
    site::{SiteState, SuspensionReason},
    stack::VolumeName,
    storage::{FULL_BODY, StorageLevel},
};
use stoa_testkit::TestPlatform;

use crate::support;

/// Makes the site's volume `content` hold this much, and measures.
async fn fill(platform: &TestPlatform, site: stoa_model::id::SiteId, bytes: usize) {
    let project = support::site(platform, site).await.project;
    platform.engine.fill_volume(&project, &VolumeName("content".into()), bytes);
    platform.control.sites.measure_storage().await.expect("measured");
}

/// What the edge knows of a name.
fn route(platform: &TestPlatform, name: &str) -> Route {
    platform.edge.routes().get(name).expect("a route").clone()
}

#[tokio::test]
async fn a_site_that_stores_too_much_is_warned_then_limited_then_suspended() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let (site, other) = (platform.shop(&jane, "bakery").await.site, platform.shop(&jane, "spare").await.site);
    let admin = platform.staff(Role::Admin).await;
    let sites = &platform.control.sites;
    let none = sites.storage(&jane, site).await.expect("a view");
    assert_eq!((none.bytes, none.level), (0, StorageLevel::Free));
    sites.set_storage_limit(&admin, site, Some(1_000_000)).await.expect("a limit");

    let usual = support::site(&platform, site).await.edge.max_body;
    for (bytes, level, body, said) in [
        (500_000, StorageLevel::Free, usual, None),
        (850_000, StorageLevel::High, usual, Some("80 % full: 830 kB of 976 kB")),
        (950_000, StorageLevel::NearlyFull, usual, Some("90 % full")),
        (1_050_000, StorageLevel::Full, FULL_BODY, Some("Uploads are refused")),
        (700_000, StorageLevel::Free, usual, None),
    ] {
        fill(&platform, site, bytes).await;
        let view = sites.storage(&jane, site).await.expect("a view");
        assert_eq!((view.bytes, view.level, view.volumes["content"]), (bytes as u64, level, bytes as u64));
        assert_eq!(
            view.message.as_deref().map(|text| text.contains(said.unwrap_or("?"))),
            said.map(|_| true),
            "{view:?}"
        );
        let route = route(&platform, "bakery.localhost");
        assert_eq!(route.limits.max_body, body, "{level}");
        assert_eq!(view.days.len(), 1, "one figure a day: {view:?}");
    }
    assert_eq!(route(&platform, "spare.localhost").limits.max_body, usual);
    let events = sites.history(&jane, site).await.expect("its history");
    let said: Vec<_> = events.iter().filter(|(_, kind, _)| kind == "storage").map(|(_, _, text)| text).collect();
    assert_eq!(said.len(), 4, "{said:?}");

    fill(&platform, site, 1_200_000).await;
    let suspended = support::site(&platform, site).await;
    assert_eq!((suspended.state(), suspended.suspensions[0].reason), (SiteState::Suspended, SuspensionReason::Quota));
    assert!(matches!(route(&platform, "bakery.localhost").target, Target::Notice(_)));
    assert_eq!(support::site(&platform, other).await.state(), SiteState::Active);
    fill(&platform, site, 1_300_000).await;
    assert_eq!(support::site(&platform, site).await.suspensions.len(), 1, "once");

    // A higher limit is all that it takes.
    sites.set_storage_limit(&admin, site, Some(2_000_000)).await.expect("a limit");
    platform.run_until_idle().await;
    assert_eq!(support::site(&platform, site).await.state(), SiteState::Active);
    assert_eq!(sites.storage(&jane, site).await.expect("a view").level, StorageLevel::Free);
}

#[tokio::test]
async fn limits_are_for_staff_and_a_suspension_of_theirs_stays() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let (joe, admin) = (platform.customer("joe").await, platform.staff(Role::Admin).await);
    let sites = &platform.control.sites;
    assert!(sites.set_storage_limit(&jane, site, Some(0)).await.is_err());
    assert!(sites.storage(&joe, site).await.is_err());
    let command = stoa_sites::command::Suspend { reason: SuspensionReason::Quota, note: "bandwidth".into() };
    sites.suspend(&admin, site, command).await.expect("suspended");
    fill(&platform, site, 1000).await;
    assert_eq!(support::site(&platform, site).await.state(), SiteState::Suspended);
    // Without any limit there is no level.
    sites.set_storage_limit(&admin, site, Some(0)).await.expect("a limit");
    fill(&platform, site, 5_000_000).await;
    assert_eq!(sites.storage(&admin, site).await.expect("a view").level, StorageLevel::Free);
}
