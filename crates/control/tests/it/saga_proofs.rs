//! Every saga through every fault: fail, retry, repeat, crash at every write and inside every step,
//! cancel, stop, takeover, stuck. After each, either all is done or the ledger is as before; and what
//! belongs to another site, or to an earlier job of the same site, is untouched in all of it.

use std::{cell::RefCell, collections::BTreeMap};

use stoa_domains::command::AddDomain;

use stoa_core::jobs::JobSpec;
use stoa_db::history;
use stoa_model::{id::JobId, job::JobKind};
use stoa_provider::engine::{Engine, ImageInfo};
use stoa_saga::{
    Outcome,
    harness::{self, Report},
};
use stoa_sites::sagas::{
    ChangeDomain, CreateSite, OnSite, RestartSite, SitePlan, StartSite, StepContext, StopSite, UpdateSite,
};
use stoa_testkit::{TestPlatform, World};

use crate::support;

/// Pages of the platform itself say nothing of what sites leave.
const PAGES: &[&str] = &["notice"];

#[tokio::test]
async fn create() {
    prove(CreateSite, ordered, async |_, before, world| {
        let made = world.minus(before).without(PAGES);
        let kinds = ["network", "volume", "container", "file", "route", "secret", "credential", "schedule", "mail"];
        assert_eq!(kinds.map(|kind| made.count(kind)), [1, 2, 2, 2, 1, 5, 1, 1, 1], "{made}");
        assert!(made.of("container").iter().all(|line| line.ends_with("Running")), "{made}");
        assert_eq!(before.minus(world).without(PAGES).count("site"), 1, "only the site's own line changed");
        assert_eq!(before.minus(world).without(&["notice", "site"]), World::default());
    })
    .await;
}

#[tokio::test]
async fn stop() {
    prove(StopSite, active, async |_, before, world| {
        let (gone, made) = (before.minus(world), world.minus(before));
        assert_eq!(["container", "route", "site"].map(|kind| gone.count(kind)), [2, 1, 1], "{gone}");
        assert_eq!(["container", "notice", "site"].map(|kind| made.count(kind)), [2, 1, 1], "{made}");
        assert!(made.of("container").iter().all(|line| line.ends_with("Exited")), "{made}");
        assert_eq!(gone.without(&["container", "route", "site"]), World::default());
    })
    .await;
}

#[tokio::test]
async fn start() {
    prove(StartSite, stopped, async |_, before, world| {
        let (gone, made) = (before.minus(world), world.minus(before));
        assert_eq!(["container", "notice", "site"].map(|kind| gone.count(kind)), [2, 1, 1], "{gone}");
        assert_eq!(["container", "route", "site"].map(|kind| made.count(kind)), [2, 1, 1], "{made}");
        assert!(made.of("container").iter().all(|line| line.ends_with("Running")), "{made}");
        assert_eq!(gone.without(&["container", "notice", "site"]), World::default());
    })
    .await;
}

#[tokio::test]
async fn restart() {
    prove(RestartSite, active, async |_, before, world| assert_eq!(before, world)).await;
}

/// The image of one service has changed since the site was made.
#[tokio::test]
async fn update() {
    prove(UpdateSite, outdated, async |_, before, world| {
        let (gone, made) = (before.minus(world), world.minus(before));
        assert_eq!((gone.count("container"), made.count("container")), (1, 1), "{made}");
        assert_eq!((gone.count("site"), made.count("site")), (1, 1), "the site has another revision: {made}");
        assert_eq!(
            made.without(&["container", "site"]),
            World::default(),
            "route, volumes and secrets are as they were"
        );
    })
    .await;
}

/// From the platform's own name to a domain that was brought along.
#[tokio::test]
async fn change_domain() {
    prove(ChangeDomain, proven, async |_, before, world| {
        let (gone, made) = (before.minus(world), world.minus(before));
        assert_eq!(gone.count("route"), 2, "{gone}");
        let mut routes = made.of("route");
        routes.sort_unstable();
        let leading = before.of("route").into_iter().find(|line| line.contains(" leads to ")).expect("a route");
        let upstream = leading.rsplit(' ').next().expect("an upstream").to_owned();
        let leads = format!("bakery.example leads to {upstream}");
        assert_eq!(routes, [leads.as_str(), "bakery.localhost redirects to bakery.example"]);
        assert_eq!(made.without(&["route", "site"]), World::default());
    })
    .await;
}

type Scene = (TestPlatform, World);

/// Proves the saga of a kind of job in worlds that `set` makes; `complete` looks at what success came to.
async fn prove<S: JobSpec<Context = StepContext, Plan: OnSite>>(
    spec: fn(StepContext) -> S,
    set: impl AsyncFn(JobKind) -> (TestPlatform, JobId),
    complete: impl AsyncFn(&SitePlan, &World, &World),
) {
    let scene: RefCell<Option<Scene>> = RefCell::default();
    let fresh = async || {
        let (platform, job) = set(S::KIND).await;
        let plan: S::Plan = serde_json::from_value(platform.plan(job).await).expect("a plan");
        let made = (plan, platform.control.sites.step_context());
        let before = platform.world().await;
        scene.replace(Some((platform, before)));
        made
    };
    let check = async |plan: &S::Plan, _: &StepContext, outcome: &Outcome| {
        let plan = plan.site();
        let (platform, before) = scene.take().expect("a scene");
        let (world, lines) = (platform.world().await, lines(&platform, plan).await);
        let (left, right) = (before.without(PAGES), world.without(PAGES));
        let as_before = match S::KIND {
            JobKind::Update => left.without_origins() == right.without_origins(),
            _ => left == right,
        };
        match outcome {
            Outcome::Succeeded => complete(plan, &before, &world).await,
            _ if !as_before => {
                return Err(format!("left:\n{}lost:\n{}", world.minus(&before), before.minus(&world)));
            }
            _ => {}
        }
        let told = usize::from(matches!(outcome, Outcome::Succeeded));
        if lines == told { Ok(()) } else { Err(format!("the site's history has {lines} lines of it")) }
    };
    let context = set(S::KIND).await.0.control.sites.step_context();
    let saga = || spec(context.clone()).saga();
    let report: Report = harness::prove(saga, fresh, check).await.expect("every scenario holds");
    let steps = saga().names().len();
    assert!(report.rows.len() > 30 * steps, "only {} scenarios", report.rows.len());
}

/// How often the site's history tells of the job's success.
async fn lines(platform: &TestPlatform, plan: &SitePlan) -> usize {
    let job = platform.job(plan.job).await;
    let word = match job.kind {
        JobKind::Create => "created",
        JobKind::Start => "started",
        JobKind::Stop => "stopped",
        JobKind::Restart => "restarted",
        JobKind::Update => "updated",
        JobKind::ChangeDomain => "address",
    };
    let events = history::site_events(&platform.db, plan.site, 50).await.expect("events");
    events.iter().filter(|event| event.kind == word && event.at >= job.queued_at).count()
}

/// A new site of a customer who has another one, with data.
async fn ordered(_: JobKind) -> (TestPlatform, JobId) {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let older = platform.order(&jane, "older").await;
    let plan = support::plan(&platform, older.job).await;
    platform.engine.deploy(&support::deployment(&platform, &plan)).await.expect("deployed");
    std::fs::create_dir_all(&plan.directory).expect("a directory");
    std::fs::write(plan.directory.join("photo.jpg"), "a customer's photo").expect("a photo");
    let ordered = platform.order(&jane, "bakery").await;
    support::begin(&platform, ordered.site).await;
    (platform, ordered.job)
}

/// A job on a site that runs.
async fn active(kind: JobKind) -> (TestPlatform, JobId) {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let made = platform.order(&jane, "bakery").await;
    support::begin(&platform, made.site).await;
    support::carry_out(&platform, made.job).await;
    let (control, cx) = (&platform.control, platform.now(&jane));
    let job = match kind {
        JobKind::Restart => control.sites.restart(&cx, made.site).await,
        _ => control.sites.stop(&cx, made.site).await,
    };
    (platform, job.expect("a job"))
}

/// A job that starts a stopped site.
async fn stopped(_: JobKind) -> (TestPlatform, JobId) {
    let (platform, stop) = active(JobKind::Stop).await;
    support::carry_out(&platform, stop).await;
    let job = platform.job(stop).await;
    let cx = platform.request_context(job.actor);
    let start = platform.control.sites.start(&cx, job.site).await.expect("a job");
    (platform, start)
}

/// A job that updates a site whose web image has changed.
async fn outdated(_: JobKind) -> (TestPlatform, JobId) {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let made = platform.order(&jane, "bakery").await;
    support::begin(&platform, made.site).await;
    support::carry_out(&platform, made.job).await;
    let id = format!("sha256:{}", "7".repeat(64)).parse().expect("an image id");
    platform
        .engine
        .set_image(&"stoa/wordpress:1".parse().expect("an image"), ImageInfo { id, labels: BTreeMap::new() });
    platform.clock.advance(jiff::SignedDuration::from_secs(31));
    let job = platform.control.sites.update(&platform.now(&jane), made.site, Default::default()).await.expect("a job");
    (platform, job)
}

/// A job that gives a running site a domain that was brought along as its main address.
async fn proven(_: JobKind) -> (TestPlatform, JobId) {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let made = platform.order(&jane, "bakery").await;
    support::begin(&platform, made.site).await;
    support::carry_out(&platform, made.job).await;
    let (control, cx) = (&platform.control, platform.now(&jane));
    let command = AddDomain { name: "bakery.example".into(), ..AddDomain::default() };
    let domain = control.domains.add_domain(&cx, made.site, command).await.expect("a claim").remove(0);
    crate::domains::prove_by_text(&platform, &domain);
    control.domains.check_domain(&cx, domain.id).await.expect("a proof");
    let job = control.sites.set_main_address(&cx, made.site, "bakery.example").await.expect("a job");
    (platform, job)
}
