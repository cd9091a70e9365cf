//! Lifecycle, suspension and power are three things: none of them forgets another.

use http::StatusCode;
use stoa_core::{Error, RequestContext};
use stoa_db::{
    domains::edges::edges_all,
    listing::Window,
    sites::list::{SiteFilter, SiteSort, sites_listed},
};
use stoa_model::{
    account::Role,
    id::SiteId,
    job::{JobKind, JobState},
    route::{Notice, Target},
    site::{Power, SiteState, SuspensionReason},
    status::StatusGroup,
};
use stoa_provider::engine::fake::{Fault, Verb};
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
async fn a_command_returns_when_the_servers_edge_has_applied_its_change() {
    let (platform, _, admin, site) = running().await;
    let _server = platform.run();
    let is_known = async || !edges_all(&platform.db).await.expect("an answer").is_empty();
    platform.until("the edge of the server is known", is_known).await;
    let command = platform.command().await;
    command.sites.suspend(&platform.now(&admin), site, reason(SuspensionReason::Abuse)).await.expect("suspended");
    assert_eq!(notice(&platform), Some(Notice::Suspended), "visitors see it when the command returns");
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

#[tokio::test]
async fn a_cancelled_order_says_so_and_its_name_is_free() {
    let platform = TestPlatform::new().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    let sites = &platform.control.sites;
    // One that waits, and one that a worker has begun.
    let waiting = platform.order(&jane, "bakery").await;
    platform.control.jobs.cancel(&platform.now(&jane), waiting.job).await.expect("cancelled");
    platform.probe.ill_for(u32::MAX, Some(StatusCode::SERVICE_UNAVAILABLE));
    let workers = platform.run();
    let begun = platform.order(&jane, "cafe").await;
    platform.until("questions in vain", async || platform.probe.asks() > 3).await;
    platform.control.jobs.cancel(&platform.now(&jane), begun.job).await.expect("cancelled");
    platform.rest(begun.job).await;
    platform.probe.well();
    for ordered in [waiting, begun] {
        assert_eq!(state(&platform, ordered.site).await, SiteState::Cancelled);
        let reason = support::site(&platform, ordered.site).await.reason;
        assert_eq!(reason.as_deref(), Some("The order was cancelled."));
    }
    let counts = stoa_db::sites::site_counts(&platform.db, None).await.expect("counts");
    assert_eq!(counts, [(SiteState::Cancelled, 2)]);
    for (group, count) in [(StatusGroup::Stopped, 2), (StatusGroup::Attention, 0)] {
        let filter = SiteFilter { group: Some(group), ..SiteFilter::default() };
        let found = sites_listed(&platform.db, &filter, SiteSort::Newest, Window::first(10)).await.expect("sites");
        assert_eq!(found.len(), count, "{group}");
    }

    // Somebody else takes the name; the other order can be made again.
    platform.shop(&joe, "bakery").await;
    let taken = sites.retry(&platform.now(&jane), waiting.site).await;
    assert!(
        matches!(&taken, Err(Error::Conflict(text)) if text.contains("bakery.localhost has been taken")),
        "{taken:?}"
    );
    assert_eq!(state(&platform, waiting.site).await, SiteState::Cancelled);
    let again = sites.retry(&platform.now(&jane), begun.site).await.expect("a job");
    assert_eq!(platform.rest(again).await.state, JobState::Succeeded);
    assert_eq!(state(&platform, begun.site).await, SiteState::Active);
    let own =
        stoa_db::sites::site_by_hostname(&platform.db, &support::site(&platform, begun.site).await.hostname).await;
    assert_eq!(own.expect("an answer").map(|site| site.id), Some(begun.site), "its name is its own again");
    sites.delete(&platform.now(&jane), waiting.site).await.expect("deleted");
    workers.stop().await;
}

/// The page of the deletion promises "as it was".
#[tokio::test]
async fn a_restored_site_that_ran_is_kept_running_though_its_start_fails() {
    let (platform, jane, admin, site) = running().await;
    let sites = &platform.control.sites;
    sites.delete(&platform.now(&jane), site).await.expect("marked");
    sites.reconcile_dirty_sites().await.expect("stopped");
    let view = sites.undelete(&platform.now(&jane), site).await.expect("restored");
    assert_eq!(view.state, SiteState::Active, "not stopped");
    platform.engine.fail(Verb::Deploy, 1, Fault::DiskFull);
    platform.run_until_idle().await;
    assert_eq!(platform.job(view.job.expect("a job")).await.state, JobState::Failed);
    assert_eq!(state(&platform, site).await, SiteState::Active);
    sites.sync(&admin).await.expect("compared");
    assert_eq!(notice(&platform), None, "it runs again");
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

/// Its database takes seconds to start: nobody sees the application's error meanwhile.
#[tokio::test]
async fn visitors_are_sent_to_a_site_once_its_health_check_has_passed() {
    let (platform, jane, _, site) = running().await;
    let sites = &platform.control.sites;
    sites.stop(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    let workers = platform.run();
    for (kind, shown) in [(JobKind::Start, Notice::Stopped), (JobKind::Restart, Notice::Starting)] {
        platform.probe.ill_for(u32::MAX, Some(StatusCode::SERVICE_UNAVAILABLE));
        let asked = platform.probe.asks();
        let cx = platform.now(&jane);
        let job = if kind == JobKind::Start { sites.start(&cx, site).await } else { sites.restart(&cx, site).await };
        let job = job.expect("a job");
        platform.until("questions in vain", async || platform.probe.asks() > asked + 20).await;
        assert_eq!(notice(&platform), Some(shown), "{kind} before the check has passed");
        platform.probe.well();
        assert_eq!(platform.rest(job).await.state, JobState::Succeeded);
        assert_eq!(notice(&platform), None, "{kind}");
    }
    workers.stop().await;
}

/// The old version takes its time to come back after an update or a restart that failed.
#[tokio::test]
async fn a_job_that_is_undone_sends_visitors_back_once_the_check_has_passed() {
    let (platform, jane, _, site) = running().await;
    let sites = &platform.control.sites;
    let workers = platform.run();
    platform.probe.ill_for(u32::MAX, Some(StatusCode::SERVICE_UNAVAILABLE));
    let asked = platform.probe.asks();
    let job = sites.restart(&platform.now(&jane), site).await.expect("a job");
    platform.until("questions in vain", async || platform.probe.asks() > asked + 5).await;
    platform.control.jobs.cancel(&platform.now(&jane), job).await.expect("cancelled");
    platform.until("the undo", async || platform.job(job).await.state == JobState::Unwinding).await;
    let asked = platform.probe.asks();
    platform.until("questions in vain", async || platform.probe.asks() > asked + 20).await;
    assert_eq!(notice(&platform), Some(Notice::Starting));
    platform.probe.well();
    assert_eq!(platform.rest(job).await.state, JobState::Cancelled);
    assert_eq!(notice(&platform), None);
    workers.stop().await;
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
