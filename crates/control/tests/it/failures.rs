//! What the engine, the application or the edge refuse: the site fails with a readable reason, nothing
//! is left, staff are told, and one more try works.

use std::time::Duration;

use http::StatusCode;
use stoa_core::Error;
use stoa_model::{account::Role, job::JobState, secret::ExposeSecret, site::SiteState, stack::ServiceName};
use stoa_provider::engine::{
    ExecOutput,
    fake::{Fault, Verb},
};
use stoa_sites::command::OrderSite;
use stoa_testkit::{TestPlatform, shop};

use crate::support;

/// Orders a site that fails, looks at what is left and who gets a message, and tries again.
async fn fails_then_works(platform: &TestPlatform, reason: &str, mend: impl FnOnce()) {
    let jane = platform.customer("jane").await;
    let before = platform.world().await;
    let ordered = platform.order(&jane, "bakery").await;
    platform.run_until_idle().await;
    let job = platform.job(ordered.job).await;
    assert_eq!(job.state, JobState::Failed, "{job:?}");
    let site = support::site(platform, ordered.site).await;
    assert_eq!(site.state(), SiteState::Failed);
    assert_eq!(site.reason.as_deref(), Some(reason));
    let world = platform.world().await;
    assert_eq!(world.without(&["site"]), before, "nothing is left");
    let mail = platform.outbox();
    assert_eq!(mail.len(), 1, "only staff are told");
    assert!(mail[0].contains("To: staff@stoa.example") && mail[0].contains("Provisioning failed"), "{}", mail[0]);
    let view = platform.control.jobs.get(&jane, ordered.job).await.expect("a job");
    assert!(view.advice.is_some_and(|advice| advice.contains("Try again")));
    assert_eq!(view.error_detail, None, "the cause is for staff");

    mend();
    let again = platform.control.sites.retry(&platform.now(&jane), ordered.site).await.expect("one more try");
    platform.run_until_idle().await;
    let job = platform.job(again).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
    assert_eq!(support::site(platform, ordered.site).await.state(), SiteState::Active);
    assert_eq!(platform.outbox().len(), 2);
}

#[tokio::test]
async fn a_chosen_password_is_the_administrators_also_after_a_second_try() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let sites = &platform.control.sites;
    for refused in ["seven77", "two\nlines of it", " blanks at its ends "] {
        let order = OrderSite { admin_password: refused.into(), ..shop("bakery") };
        let error = sites.order(&platform.now(&jane), order, None).await.expect_err("refused");
        assert_eq!(support::fields(&error), ["admin_password"], "{refused:?}");
    }
    platform.engine.fail(Verb::Deploy, 1, Fault::Refused("no".into()));
    let chosen = "p$\"{W}' ö8";
    let order = OrderSite { admin_password: chosen.into(), ..shop("bakery") };
    let ordered = sites.order(&platform.now(&jane), order, None).await.expect("ordered");
    platform.run_until_idle().await;
    assert_eq!(platform.job(ordered.job).await.state, JobState::Failed);
    sites.retry(&platform.now(&jane), ordered.site).await.expect("one more try");
    platform.run_until_idle().await;
    let shown = sites.reveal_credential(&platform.now(&jane), ordered.site, 0).await.expect("a password");
    assert_eq!(shown.expose_secret(), chosen);
}

#[tokio::test]
async fn the_engine_refuses() {
    let platform = TestPlatform::new().await;
    platform.engine.fail(Verb::Deploy, 1, Fault::Refused("no".into()));
    fails_then_works(&platform, "The store's containers could not be started.", || ()).await;
}

#[tokio::test]
async fn the_engine_stops_half_way() {
    let platform = TestPlatform::new().await;
    platform.engine.fail(Verb::Deploy, 1, Fault::Half);
    fails_then_works(&platform, "The store's containers could not be started.", || ()).await;
}

#[tokio::test]
async fn the_engines_disk_is_full() {
    let platform = TestPlatform::new().await;
    platform.engine.fail(Verb::Deploy, 1, Fault::DiskFull);
    fails_then_works(&platform, "The platform has no room for another store.", || ()).await;
}

/// As after one command that ran as another user.
#[tokio::test]
async fn a_directory_that_can_not_be_made_ends_the_job_at_once_and_is_named() {
    let platform = TestPlatform::new().await;
    let sites = platform.data_dir().join("sites");
    std::fs::write(&sites, "in the way").expect("written");
    let remedy = || std::fs::remove_file(&sites).expect("removed");
    fails_then_works(&platform, "The site's folder could not be created.", remedy).await;
    let admin = platform.staff(Role::Admin).await;
    let failed = platform.control.jobs.list(&admin, Some(JobState::Failed), None, 10).await.expect("jobs").items;
    let detail = failed[0].error_detail.as_deref().unwrap_or_default();
    assert!(detail.contains(&*sites.to_string_lossy()), "{detail}");
}

#[tokio::test]
async fn the_application_can_not_be_set_up() {
    let platform = TestPlatform::new().await;
    let answer =
        |code| move |_: &_, _: &_, _: &_| Some(ExecOutput { code, stdout: String::new(), stderr: "boom".into() });
    platform.engine.on_exec(answer(1));
    let mend = || platform.engine.on_exec(answer(0));
    fails_then_works(&platform, "The store's software could not be set up.", mend).await;
    let admin = platform.staff(Role::Admin).await;
    let failed = platform.control.jobs.list(&admin, Some(JobState::Failed), None, 10).await.expect("jobs").items;
    assert!(failed[0].error_detail.as_ref().is_some_and(|text| text.contains("boom")), "{failed:?}");
}

#[tokio::test]
async fn the_site_never_answers_well() {
    for answer in [Some(StatusCode::INTERNAL_SERVER_ERROR), None] {
        let soon = |s: &mut stoa_core::Settings| s.start_limit = Duration::from_millis(50);
        let platform = TestPlatform::builder().settings(soon).build().await;
        platform.probe.ill_for(u32::MAX, answer);
        let mend = || platform.probe.well();
        fails_then_works(&platform, "The store was started but does not answer.", mend).await;
    }
}

#[tokio::test]
async fn software_that_ends_again_and_again_is_not_waited_for() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let web = ServiceName("web".into());
    platform.engine.on_start(|_| vec!["Fatal error: no such table".to_owned()]);
    platform.engine.crash_loop(&web, Some(3));
    let began = std::time::Instant::now();
    let job = platform.control.sites.restart(&platform.now(&jane), site).await.expect("a job");
    let workers = platform.run();
    platform.until("the failure", async || platform.job(job).await.error.is_some()).await;
    assert!(began.elapsed() < Duration::from_secs(30), "not until the limit of two minutes");
    let failed = platform.job(job).await;
    let detail = failed.error_detail.unwrap_or_default();
    let found = "web ended 3 times, the last time with code 3; its last output: web: Fatal error: no such table";
    assert!(detail.contains(found), "{detail}");
    assert!(failed.error.unwrap_or_default().contains("stops again and again"));
    platform.engine.crash_loop(&web, None);
    workers.stop().await;
}

#[tokio::test]
async fn new_software_that_ends_again_and_again_is_named() {
    let platform = TestPlatform::new().await;
    let web = ServiceName("web".into());
    platform.engine.crash_loop(&web, Some(127));
    let fixed = || platform.engine.crash_loop(&web, None);
    let reason = "The store's software stops again and again, each time soon after its start.";
    fails_then_works(&platform, reason, fixed).await;
    let admin = platform.staff(Role::Admin).await;
    let failed = platform.control.jobs.list(&admin, Some(JobState::Failed), None, 10).await.expect("jobs").items;
    assert!(failed[0].error_detail.as_ref().is_some_and(|text| text.contains("with code 127")), "{failed:?}");
}

#[tokio::test]
async fn a_site_that_is_slow_to_answer_is_waited_for() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    platform.probe.ill_for(4, Some(StatusCode::SERVICE_UNAVAILABLE));
    platform.shop(&jane, "bakery").await;
    assert_eq!(
        platform.probe.asks(),
        7,
        "four times ill, then well before and after the route opens, and once through the edge"
    );
}

#[tokio::test]
async fn answers_that_get_lost_and_an_edge_that_fails_once_are_tried_again() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    for verb in [Verb::Deploy, Verb::Exec] {
        platform.engine.fail(verb, 1, Fault::AnswerLost);
    }
    let workers = platform.run();
    platform.until("the first table", async || stoa_provider::edge::Edge::applied(&*platform.edge) > 0).await;
    platform.edge.fail_next("a fault of the test");
    let ordered = platform.order(&jane, "bakery").await;
    assert_eq!(platform.rest(ordered.job).await.state, JobState::Succeeded);
    workers.stop().await;
    assert_eq!(platform.world().await.count("route"), 1);
}

#[tokio::test]
async fn a_stop_or_a_start_that_fails_leaves_the_site_as_it_was() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let running = platform.world().await;
    platform.engine.fail(Verb::Stop, 1, Fault::Refused("no".into()));
    let stop = platform.control.sites.stop(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    assert_eq!(platform.job(stop).await.state, JobState::Failed);
    assert_eq!(platform.world().await, running);

    let stop = platform.control.sites.stop(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    assert_eq!(platform.job(stop).await.state, JobState::Succeeded);
    let stopped = platform.world().await;
    platform.engine.fail(Verb::Deploy, 1, Fault::DiskFull);
    let start = platform.control.sites.start(&platform.now(&jane), site).await.expect("a job");
    platform.run_until_idle().await;
    assert_eq!(platform.job(start).await.state, JobState::Failed);
    assert_eq!(platform.world().await, stopped);
    let told = platform.control.sites.history(&jane, site).await.expect("a history");
    assert!(told.iter().any(|(_, _, text)| text.contains("did not work")), "{told:?}");
}

/// A job whose undo fails: loudly stuck.
async fn stuck(platform: &TestPlatform) -> (stoa_core::RequestContext, stoa_sites::view::Ordered) {
    let jane = platform.customer("jane").await;
    platform.engine.fail(Verb::Exec, 1, Fault::DiskFull);
    platform.engine.fail(Verb::Remove, 1, Fault::Refused("no".into()));
    let ordered = platform.order(&jane, "bakery").await;
    platform.run_until_idle().await;
    let job = platform.job(ordered.job).await;
    assert_eq!(job.state, JobState::Stuck, "{job:?}");
    let mail = platform.outbox();
    assert!(mail.len() == 1 && mail[0].contains("Stuck: Create the site"), "{mail:?}");
    let busy = platform.control.sites.delete(&platform.now(&jane), ordered.site).await;
    assert!(busy.is_err(), "a stuck job holds its site");
    (jane, ordered)
}

#[tokio::test]
async fn a_stuck_job_is_resumed() {
    let platform = TestPlatform::new().await;
    let before = platform.world().await;
    let (jane, ordered) = stuck(&platform).await;
    let (support, admin) = (platform.staff(Role::Support).await, platform.staff(Role::Admin).await);
    for nobody in [&jane, &support] {
        assert!(matches!(platform.control.jobs.resume(nobody, ordered.job).await, Err(Error::Forbidden(_))));
    }
    platform.control.jobs.resume(&platform.now(&admin), ordered.job).await.expect("resumed");
    platform.run_until_idle().await;
    assert_eq!(platform.job(ordered.job).await.state, JobState::Failed);
    assert_eq!(platform.world().await.without(&["site"]), before, "rolled back");
    assert!(platform.control.jobs.resume(&platform.now(&admin), ordered.job).await.is_err(), "it is over");
}

#[tokio::test]
async fn a_stuck_job_is_abandoned_and_its_site_deleted() {
    let platform = TestPlatform::new().await;
    let before = platform.world().await;
    let (jane, ordered) = stuck(&platform).await;
    let admin = platform.staff(Role::Admin).await;
    platform.control.jobs.abandon(&platform.now(&admin), ordered.job).await.expect("abandoned");
    platform.run_until_idle().await;
    assert_eq!(platform.job(ordered.job).await.state, JobState::Failed);
    assert_eq!(platform.world().await.count("volume"), 2, "the world is left as it is");
    assert_eq!(platform.outbox().len(), 1, "no second mail says that all was undone");
    let again =
        platform.control.sites.retry(&platform.now(&jane), ordered.site).await.expect_err("not upon what is left");
    assert!(matches!(&again, Error::Conflict(words) if words.contains("order it again")), "{again:?}");
    platform.control.sites.delete(&platform.now(&jane), ordered.site).await.expect("deleted");
    let workers = platform.run();
    platform.until("the purge", async || platform.world().await.is_empty()).await;
    workers.stop().await;
    assert_eq!(platform.world().await, before, "then nothing is left");
}

/// No worker can take up a job whose plan can't be read; a person can still free its site.
#[tokio::test]
async fn a_job_with_a_damaged_plan_is_stuck_and_can_be_abandoned() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let ordered = platform.shop(&jane, "bakery").await;
    let mut job = platform.job(ordered.job).await;
    job.id = stoa_model::id::JobId::from_uuid(stoa_core::random::uuid_at(platform.clock.now()));
    (job.kind, job.state) = (stoa_model::job::JobKind::Stop, JobState::Queued);
    (job.started_at, job.ended_at) = (None, None);
    let row = &job;
    let db = &platform.control.core.db;
    db.write(|tx| Box::pin(async move { stoa_db::jobs::job_insert(&tx, row, &serde_json::json!({})).await }))
        .await
        .expect("queued");
    platform.run_until_idle().await;
    assert_eq!(platform.job(job.id).await.state, JobState::Stuck);
    let admin = platform.staff(Role::Admin).await;
    platform.control.jobs.resume(&platform.now(&admin), job.id).await.expect("read again");
    platform.run_until_idle().await;
    assert_eq!(platform.job(job.id).await.state, JobState::Stuck, "the plan is as it was");
    platform.control.jobs.abandon(&platform.now(&admin), job.id).await.expect("abandoned");
    assert_eq!(platform.job(job.id).await.state, JobState::Failed);
    assert_eq!(support::site(&platform, ordered.site).await.state(), SiteState::Active, "the site is untouched");
    platform.control.sites.stop(&platform.now(&jane), ordered.site).await.expect("the site is free again");
}
