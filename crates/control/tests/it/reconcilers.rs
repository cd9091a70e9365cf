//! What is kept true without anybody asking: what runs, and where names lead.

use jiff::SignedDuration;
use stoa_core::Error;
use stoa_db::{
    certificates::{certificate_retire, certificates_get, certificates_live},
    meta::meta_get,
};
use stoa_model::{
    account::Role,
    site::{Health, SiteState},
    stack::{ServiceName, VolumeName},
};
use stoa_provider::{
    edge::Edge,
    engine::{
        Engine, Readiness,
        fake::{Fault, Verb},
    },
};
use stoa_sites::{Drift, Repair};
use stoa_testkit::TestPlatform;

use crate::support;

async fn sync(platform: &TestPlatform) -> Vec<Drift> {
    let admin = platform.staff(Role::Admin).await;
    platform.control.sites.sync(&admin).await.expect("a look")
}

#[tokio::test]
async fn what_should_run_is_started_again_with_its_data() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let whole = platform.world().await;
    let (project, web, db) =
        (support::site(&platform, site).await.project, ServiceName("web".into()), ServiceName("db".into()));
    assert!(sync(&platform).await.is_empty());

    platform.engine.crash(&project, &web, 137);
    let drift = sync(&platform).await;
    assert_eq!((drift.len(), drift[0].repair, drift[0].what.as_str()), (1, Repair::Started, "bakery.localhost"));
    assert_eq!(platform.world().await, whole);

    // A container that somebody removed is created again; what was there keeps its label.
    platform.engine.lose_container(&project, &db);
    assert_eq!(sync(&platform).await.len(), 1);
    let (gone, made) = (whole.minus(&platform.world().await), platform.world().await.minus(&whole));
    assert_eq!((gone.count("container"), made.count("container")), (1, 1));
    assert_eq!(gone.without(&["container"]), stoa_testkit::World::default());
    assert!(sync(&platform).await.is_empty());
}

#[tokio::test]
async fn a_site_without_its_data_is_stopped_and_starts_again_once_the_data_is_back() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let whole = platform.world().await;
    let project = support::site(&platform, site).await.project;
    for volume in ["content", "data"].map(|name| VolumeName(name.into())) {
        let lost = platform.engine.lose_volume(&project, &volume).expect("it was there");
        let without = platform.world().await;
        for (look, repair) in [Repair::Stopped, Repair::Reported, Repair::Reported].into_iter().enumerate() {
            let drift = sync(&platform).await;
            let found = format!("the data of this site is missing: the volume {volume}");
            assert_eq!((drift.len(), drift[0].repair, &drift[0].found), (1, repair, &found), "{look}");
        }
        assert_eq!(support::site(&platform, site).await.health, Health::Down);
        assert_eq!(platform.world().await.of("volume"), without.of("volume"), "nothing took its place");
        assert!(platform.world().await.of("container").iter().all(|line| !line.ends_with("Running")));
        // Nor can anybody start it.
        let job = platform.control.sites.restart(&platform.now(&jane), site).await.expect("a job");
        platform.run_until_idle().await;
        assert_eq!(platform.job(job).await.state, stoa_model::job::JobState::Failed);
        assert_eq!(platform.world().await.of("volume"), without.of("volume"));

        platform.engine.return_volume(&project, &volume, lost);
        assert_eq!(sync(&platform).await[0].repair, Repair::Started);
        assert_eq!(platform.world().await, whole);
        assert!(sync(&platform).await.is_empty());
        assert_eq!(support::site(&platform, site).await.health, Health::Healthy);
    }
    // The same without a container that a restart's undo could lead visitors to.
    let data = VolumeName("data".into());
    let lost = platform.engine.lose_volume(&project, &data).expect("it was there");
    for service in ["web", "db"] {
        platform.engine.lose_container(&project, &ServiceName(service.into()));
    }
    platform.control.sites.restart(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    assert_eq!(support::site(&platform, site).await.upstream, None, "visitors see a page");
    platform.engine.return_volume(&project, &data, lost);
    assert_eq!(sync(&platform).await[0].repair, Repair::Started);
    assert!(support::site(&platform, site).await.upstream.is_some());
    assert!(sync(&platform).await.is_empty());
}

#[tokio::test]
async fn the_route_of_a_site_that_was_repaired_opens_when_its_check_has_passed() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let closed = platform.db.write(|tx| Box::pin(async move { stoa_db::sites::site_publish(&tx, site, None).await }));
    closed.await.expect("closed");
    platform.probe.ill_for(u32::MAX, Some(http::StatusCode::SERVICE_UNAVAILABLE));
    let drift = sync(&platform).await;
    assert_eq!((drift.len(), drift[0].repair), (1, Repair::Failed));
    assert!(drift[0].reason.as_ref().is_some_and(|reason| reason.contains("503")), "{drift:?}");
    assert_eq!(support::site(&platform, site).await.upstream, None);
    platform.probe.well();
    assert_eq!(sync(&platform).await[0].repair, Repair::Started);
    assert!(support::site(&platform, site).await.upstream.is_some());
}

#[tokio::test]
async fn a_crash_is_mended_at_once_and_written_down() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let (project, web) = (support::site(&platform, site).await.project, ServiceName("web".into()));
    let workers = platform.run();
    platform.until("the reconciler's ear", async || platform.engine.count(Verb::Events) >= 2).await;
    platform.engine.crash(&project, &web, 1);
    platform
        .until("the repair", async || {
            platform.world().await.of("container").iter().all(|line| line.ends_with("Running"))
        })
        .await;
    platform.until("the good news", async || support::site(&platform, site).await.health == Health::Healthy).await;
    platform.engine.set_health(&project, &ServiceName("db".into()), Readiness::Failing);
    platform.until("the bad news", async || support::site(&platform, site).await.health == Health::Unhealthy).await;
    workers.stop().await;
}

/// Docker runs its first check after the check's interval, a minute for the shops' databases.
#[tokio::test]
async fn a_site_whose_check_has_not_ended_yet_is_starting_and_not_unhealthy() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let (project, db) = (support::site(&platform, site).await.project, ServiceName("db".into()));
    let health = async || support::site(&platform, site).await.health;
    let set = |readiness| platform.engine.set_health(&project, &db, readiness);

    // Its job has checked it: what Docker does not know yet takes nothing back.
    set(Readiness::Starting);
    assert!(sync(&platform).await.is_empty());
    assert_eq!(health().await, Health::Healthy);
    platform.control.sites.restart(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    set(Readiness::Starting);
    sync(&platform).await;
    assert_eq!(health().await, Health::Healthy, "a passed check writes it");

    // One that nobody has checked is starting, until its check has ended well or badly.
    platform.engine.crash(&project, &db, 1);
    assert_eq!(sync(&platform).await[0].repair, Repair::Started);
    assert_eq!(health().await, Health::Starting);
    set(Readiness::Starting);
    sync(&platform).await;
    assert_eq!(health().await, Health::Starting);
    set(Readiness::Failing);
    sync(&platform).await;
    assert_eq!(health().await, Health::Unhealthy);
    set(Readiness::Starting);
    sync(&platform).await;
    assert_eq!(health().await, Health::Starting);
    set(Readiness::Passing);
    sync(&platform).await;
    assert_eq!(health().await, Health::Healthy);
    let history = platform.control.sites.history(&jane, site).await.expect("a history");
    assert!(history.iter().all(|(_, _, text)| !text.contains("starting")), "{history:?}");
}

#[tokio::test]
async fn what_should_not_run_is_stopped_and_strangers_are_only_reported() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    platform.control.sites.stop(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    let stopped = platform.world().await;
    platform.engine.start(&support::site(&platform, site).await.project).await.expect("started by hand");
    let drift = sync(&platform).await;
    assert_eq!((drift.len(), drift[0].repair), (1, Repair::Stopped));
    assert_eq!(platform.world().await, stopped);

    // Something of this installation that no row knows: after a restored database, for instance.
    let other = TestPlatform::new().await;
    let joe = other.customer("joe").await;
    other.shop(&joe, "spare").await;
    let lost = other.shop(&joe, "lost").await;
    let lost = support::deployment(&other, &support::plan(&other, lost.job).await);
    platform.engine.deploy(&lost).await.expect("deployed");
    let before = platform.world().await;
    for _ in 0..2 {
        let drift = sync(&platform).await;
        assert_eq!((drift.len(), drift[0].repair), (1, Repair::Reported));
        assert_eq!(drift[0].what, lost.stack.project.to_string());
    }
    platform.run_until_idle().await;
    assert_eq!(platform.world().await, before, "never removed");
}

#[tokio::test]
async fn a_repair_that_fails_is_said_and_tried_again() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let (project, web) = (support::site(&platform, site).await.project, ServiceName("web".into()));
    platform.engine.crash(&project, &web, 1);
    platform.engine.fail(Verb::Deploy, 1, Fault::Refused("no".into()));
    let failed = sync(&platform).await.remove(0);
    assert_eq!(failed.repair, Repair::Failed);
    assert!(failed.reason.is_some_and(|reason| reason.contains("the engine refused") && reason.ends_with("no")));
    assert_eq!(support::site(&platform, site).await.health, Health::Down);
    let started = sync(&platform).await.remove(0);
    assert_eq!((started.repair, started.reason), (Repair::Started, None));
    assert!(sync(&platform).await.is_empty());
    assert_eq!(support::site(&platform, site).await.health, Health::Healthy);
}

#[tokio::test]
async fn a_cleanup_that_fails_says_why() {
    let platform = TestPlatform::new().await;
    let (jane, admin) = (platform.customer("jane").await, platform.staff(Role::Admin).await);
    let ordered = platform.shop(&jane, "bakery").await;
    let left = support::deployment(&platform, &support::plan(&platform, ordered.job).await);
    platform.control.sites.delete(&platform.now(&jane), ordered.site).await.expect("marked");
    platform.control.sites.purge_now(&platform.now(&admin), ordered.site).await.expect("purged soon");
    let workers = platform.run();
    platform.until("the purge", async || platform.world().await.of("site").is_empty()).await;
    platform.idle().await;
    workers.stop().await;
    // Left behind, as by a process that was killed.
    platform.engine.deploy(&left).await.expect("deployed");
    platform.engine.fail(Verb::Remove, 1, Fault::Refused("in use".into()));
    let cleanup = async || platform.control.sites.cleanup(&admin).await;
    let failed = cleanup().await.expect("a look").remove(0);
    assert!(
        failed.repair == Repair::Failed && failed.reason.as_ref().is_some_and(|r| r.contains("in use")),
        "{failed:?}"
    );
    assert_eq!(cleanup().await.expect("a look").remove(0).repair, Repair::Removed);

    platform.engine.go_down();
    let error = cleanup().await.expect_err("the engine is away");
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_site_that_a_job_works_on_is_the_jobs() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    platform.control.sites.stop(&platform.now(&jane), site).await.expect("a job, and no worker");
    platform.engine.stop(&support::site(&platform, site).await.project).await.expect("stopped");
    assert!(sync(&platform).await.is_empty());
}

#[tokio::test]
async fn a_new_process_routes_as_the_rows_say() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    platform.shop(&jane, "bakery").await;
    let stopped = platform.shop(&jane, "florist").await.site;
    platform.control.sites.stop(&platform.now(&jane), stopped).await.expect("a job");
    platform.run_until_idle().await;
    let process = platform.process().await;
    platform.until("its table", async || process.edge.applied() > 0).await;
    assert_eq!(process.edge.routes(), platform.edge.routes());

    // What one process changes the other follows.
    platform.control.sites.delete(&platform.now(&jane), stopped).await.expect("marked");
    platform.until("the change", async || process.edge.routes() == platform.edge.routes()).await;
    assert_eq!(process.edge.routes().len(), 1);
}

#[tokio::test]
async fn an_edge_that_fails_at_first_gets_the_whole_table_later() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    platform.shop(&jane, "bakery").await;
    let site = platform.shop(&jane, "florist").await.site;
    let (again, edge) = platform.another().await;
    edge.fail_next("a fault of the test");
    edge.fail_next("a fault of the test");
    let workers = stoa_testkit::Workers::of(&again);
    // A change of one site before anything was loaded must not remove the routes of the others.
    again.sites.stop(&platform.now(&jane), site).await.expect("a job");
    platform.until("both names", async || edge.routes().len() == 2).await;
    platform.idle().await;
    workers.stop().await;
    assert_eq!(support::site(&platform, site).await.state(), SiteState::Stopped);
    assert_eq!(edge.routes().len(), 2);
}

/// A clock that was ahead once has cost no certificate; one that goes on as clocks do tidies them away.
#[tokio::test]
async fn a_clock_that_leaps_deletes_nothing() {
    let platform = TestPlatform::builder().settings(|s| s.https_port = Some(443)).build().await;
    crate::certificate_trouble::uploaded(&platform, 16).await;
    let (day, start) = (SignedDuration::from_hours(24), platform.clock.now());
    let (id, _) = certificates_live(&platform.db, start).await.expect("certificates")[0];
    let is_kept = async || !certificates_get(&platform.db, &[id]).await.expect("an answer").is_empty();
    let tidied = async || meta_get(&platform.db, "tidied").await.expect("an answer");
    let after = async |by: SignedDuration| {
        let before = tidied().await;
        platform.clock.advance(by);
        let workers = platform.run();
        platform.until("the end of a round", async || tidied().await != before).await;
        workers.stop().await;
    };
    after(day / 2).await;
    after(day * 400).await;
    after(-day * 400).await;
    assert!(is_kept().await);
    let live = certificates_live(&platform.db, platform.clock.now()).await.expect("certificates");
    assert_eq!(live.len(), 1, "it is served again");

    let long_ago = platform.clock.now() - day * 31;
    let retired = platform.db.write(|tx| Box::pin(async move { certificate_retire(&tx, id, long_ago).await }));
    retired.await.expect("retired");
    after(day * 2 / 3).await;
    assert!(is_kept().await, "the clock may leap again");
    after(day * 2 / 3).await;
    assert!(!is_kept().await);
}

#[tokio::test]
async fn a_deletion_stands_though_the_edge_can_not_follow_at_once() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    platform.edge.fail_next("a fault of the test");
    platform.control.sites.delete(&platform.now(&jane), site).await.expect("it is marked, and says so");
    let workers = platform.run();
    platform.until("the edge", async || platform.edge.routes().is_empty()).await;
    workers.stop().await;
}

#[tokio::test]
async fn a_health_is_written_down_once_and_only_if_it_is_known() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let project = support::site(&platform, site).await.project;
    let system = platform.control.core.system_context("sync");
    let sync = || platform.control.sites.sync(&system);
    platform.engine.set_health(&project, &ServiceName("db".into()), Readiness::Failing);
    let (first, second) = tokio::join!(sync(), sync());
    first.and(second).expect("both looked");
    platform.control.sites.stop(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    sync().await.expect("looked");
    assert_eq!(support::site(&platform, site).await.health, Health::Unknown);
    let history = platform.control.sites.history(&jane, site).await.expect("a history");
    let told: Vec<_> = history.iter().filter(|line| line.1 == "health").map(|line| line.2.as_str()).collect();
    assert_eq!(told, ["The site stopped responding"]);
}
