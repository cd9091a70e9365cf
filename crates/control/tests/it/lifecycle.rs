//! Lifecycle, suspension and power are three things: none of them forgets another.

use http::StatusCode;
use stoa_core::{Error, RequestContext};
use stoa_model::{
    account::Role,
    id::SiteId,
    job::JobState,
    route::{Notice, Target},
    site::{Power, SiteState, SuspensionReason},
};
use stoa_sites::command::Suspend;
use stoa_testkit::TestPlatform;

use crate::support;

fn reason(reason: SuspensionReason) -> Suspend {
    Suspend { reason, note: "see the ticket".into() }
}

async fn state(platform: &TestPlatform, site: SiteId) -> SiteState {
    support::site(platform, site).await.state()
}

fn notice(platform: &TestPlatform) -> Option<Notice> {
    match platform.edge.routes().get("bakery.localhost").map(|route| route.target.clone()) {
        Some(Target::Notice(notice)) => Some(notice),
        _ => None,
    }
}

async fn running() -> (TestPlatform, RequestContext, RequestContext, SiteId) {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let admin = platform.staff(Role::Admin).await;
    let site = platform.shop(&jane, "bakery").await.site;
    (platform, jane, admin, site)
}

#[tokio::test]
async fn a_suspended_site_stops_at_once_and_runs_again_when_the_last_reason_ends() {
    let (platform, jane, admin, site) = running().await;
    let before = platform.world().await;
    let sites = &platform.control.sites;
    let view =
        sites.suspend(&platform.now(&admin), site, reason(SuspensionReason::NonPayment)).await.expect("suspended");
    assert_eq!((view.state, view.suspensions.len()), (SiteState::Suspended, 1));
    assert_eq!(view.suspensions[0].note.as_deref(), Some("see the ticket"));
    assert_eq!(view.suspensions[0].actor, admin.actor.to_string());
    assert_eq!(notice(&platform), Some(Notice::Suspended), "visitors see it at once");
    sites.reconcile_dirty_sites().await.expect("stopped");
    assert!(platform.engine.things().iter().filter_map(|thing| thing.state).all(|state| !state.is_running()));
    sites.suspend(&platform.now(&admin), site, reason(SuspensionReason::Abuse)).await.expect("twice");

    for refused in [
        sites.start(&platform.now(&jane), site).await,
        sites.restart(&platform.now(&jane), site).await,
        sites.update(&platform.now(&admin), site, Default::default()).await,
    ] {
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    }
    let own = sites.resume(&platform.now(&jane), site, None).await;
    assert!(matches!(own, Err(Error::Forbidden(_))), "its owner can't resume it");

    sites.resume(&platform.now(&admin), site, Some(SuspensionReason::NonPayment)).await.expect("one reason less");
    assert_eq!(state(&platform, site).await, SiteState::Suspended, "the other one holds");
    let none = sites.resume(&platform.now(&admin), site, Some(SuspensionReason::Quota)).await;
    assert!(matches!(none, Err(Error::Conflict(_))));
    sites.resume(&platform.now(&admin), site, None).await.expect("resumed");
    platform.run_until_idle().await;
    assert_eq!(platform.world().await, before, "it runs again, with all that it had");
}

#[tokio::test]
async fn a_suspended_site_stays_suspended_through_deletion_and_restore() {
    let (platform, jane, admin, site) = running().await;
    let sites = &platform.control.sites;
    sites.suspend(&platform.now(&admin), site, reason(SuspensionReason::Abuse)).await.expect("suspended");
    sites.delete(&platform.now(&jane), site).await.expect("marked");
    assert_eq!(state(&platform, site).await, SiteState::Deleting);
    let view = sites.undelete(&platform.now(&jane), site).await.expect("restored");
    assert_eq!((view.state, view.job), (SiteState::Suspended, None));
    platform.run_until_idle().await;
    assert_eq!(support::site(&platform, site).await.power, Power::On, "it is to run when it is resumed");
    sites.resume(&platform.now(&admin), site, None).await.expect("resumed");
    platform.run_until_idle().await;
    assert_eq!(state(&platform, site).await, SiteState::Active);
    assert_eq!(notice(&platform), None);
}

#[tokio::test]
async fn a_restored_site_runs_again_if_it_ran_and_stays_stopped_if_it_was() {
    let (platform, jane, _, site) = running().await;
    let before = platform.world().await;
    let sites = &platform.control.sites;
    sites.delete(&platform.now(&jane), site).await.expect("marked");
    sites.reconcile_dirty_sites().await.expect("stopped");
    sites.undelete(&platform.now(&jane), site).await.expect("restored");
    platform.run_until_idle().await;
    assert_eq!(platform.world().await, before);

    sites.stop(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    sites.delete(&platform.now(&jane), site).await.expect("marked");
    let view = sites.undelete(&platform.now(&jane), site).await.expect("restored");
    assert_eq!((view.state, view.job), (SiteState::Stopped, None));
}

#[tokio::test]
async fn a_site_that_is_suspended_while_a_job_works_on_it_is_suspended_afterwards() {
    let (platform, jane, admin, site) = running().await;
    let sites = &platform.control.sites;
    sites.restart(&platform.now(&jane), site).await.expect("a job");
    sites.suspend(&platform.now(&admin), site, reason(SuspensionReason::Operator)).await.expect("suspended");
    platform.run_until_idle().await;
    sites.reconcile_runtime().await.expect("compared");
    assert_eq!(state(&platform, site).await, SiteState::Suspended);
    assert_eq!(notice(&platform), Some(Notice::Suspended));
    assert!(platform.engine.things().iter().filter_map(|thing| thing.state).all(|state| !state.is_running()));
}

/// A shop in maintenance, behind a password, or whose front page leads elsewhere.
#[tokio::test]
async fn what_a_site_answers_itself_is_its_own_business() {
    let (platform, jane, _, site) = running().await;
    let sites = &platform.control.sites;
    for own in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::FORBIDDEN, StatusCode::FOUND, StatusCode::NOT_FOUND] {
        platform.probe.front(Some(own));
        let job = sites.restart(&platform.now(&jane), site).await.expect("a job");
        platform.run_until_idle().await;
        assert_eq!(platform.job(job).await.state, JobState::Succeeded, "{own}");
        assert_eq!(state(&platform, site).await, SiteState::Active);
    }
    sites.stop(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    sites.start(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    assert_eq!(state(&platform, site).await, SiteState::Active, "it could be started again");
}

#[tokio::test]
async fn what_the_edge_answers_for_a_site_is_a_failure() {
    let (platform, jane, _, site) = running().await;
    // It asks for the front page twice: outside, where the edge answers, and inside, where the site is well.
    platform.probe.edge_front(Some(StatusCode::BAD_GATEWAY));
    let workers = platform.run();
    let job = platform.control.sites.restart(&platform.now(&jane), site).await.expect("a job");
    platform.until("questions in vain", async || platform.probe.asks() > 20).await;
    assert_eq!(platform.job(job).await.state, JobState::Running);
    platform.probe.edge_front(None);
    assert_eq!(platform.rest(job).await.state, JobState::Succeeded);
    workers.stop().await;
}
