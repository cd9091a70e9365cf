//! Pinned blueprints and updates: what an operator changes on disk reaches no running site before it is
//! updated, and an update that fails leaves the site as it was.

use std::{fs, path::Path};

use stoa_control::Control;
use stoa_core::{Error, RequestContext};
use stoa_domains::command::AddDomain;
use stoa_model::{
    account::Role,
    id::{JobId, SiteId},
    job::JobState,
    site::SiteState,
};
use stoa_provider::engine::{Engine, fake::Fault, fake::Verb};
use stoa_sites::command::{ChangeLimits, OrderSite, UpdateSite};
use stoa_testkit::{TestPlatform, shop};
use tempfile::TempDir;

use crate::support;

/// A copy of the shipped blueprints, with one of them changed.
fn changed(name: &str, change: impl FnOnce(String) -> String) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints");
    for blueprint in ["woocommerce", "ebuilder"] {
        let text = fs::read_to_string(shipped.join(blueprint).join("compose.yaml")).expect("a blueprint");
        fs::create_dir_all(folder.path().join(blueprint)).expect("a folder");
        fs::write(folder.path().join(blueprint).join("compose.yaml"), text).expect("written");
    }
    let file = folder.path().join(name).join("compose.yaml");
    fs::write(&file, change(fs::read_to_string(&file).expect("a blueprint"))).expect("written");
    folder
}

/// The `db` service first, `web` after it.
fn reordered(text: String) -> String {
    let services = text.find("services:\n").expect("services") + "services:\n".len();
    let end = services + text[services..].find("\nvolumes:").expect("volumes");
    let body = &text[services..end];
    let starts: Vec<usize> =
        body.match_indices("\n  ").map(|(at, _)| at + 1).filter(|at| is_service(&body[*at..])).collect();
    let starts: Vec<usize> = [0].into_iter().chain(starts).collect();
    let mut parts: Vec<&str> =
        starts.iter().enumerate().map(|(n, at)| &body[*at..*starts.get(n + 1).unwrap_or(&body.len())]).collect();
    parts.reverse();
    let parts: Vec<String> = parts.into_iter().map(|part| format!("{}\n", part.trim_end())).collect();
    format!("{}{}{}", &text[..services], parts.concat(), &text[end..])
}

fn is_service(line: &str) -> bool {
    line.starts_with("  ") && line[2..].starts_with(|c: char| c.is_ascii_lowercase())
}

async fn finish(platform: &TestPlatform, control: &Control, job: JobId) -> JobState {
    platform.run_until_idle_with(control).await;
    platform.job(job).await.state
}

async fn site_builder(platform: &TestPlatform, jane: &RequestContext) -> SiteId {
    let order = OrderSite { blueprint: "ebuilder".into(), ..shop("builder") };
    let ordered = platform.control.sites.order(&platform.now(jane), order, None).await.expect("ordered");
    platform.run_until_idle().await;
    ordered.site
}

#[tokio::test]
async fn a_blueprint_that_is_reordered_on_disk_reaches_no_running_site() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let mut sites = Vec::new();
    for n in 0..50 {
        sites.push(platform.order(&jane, &format!("shop-{n}")).await.site);
    }
    platform.run_until_idle().await;
    let before = platform.world().await;
    let folder = changed("woocommerce", reordered);
    let next = platform.with_blueprints(folder.path()).await;
    platform.engine.forget_calls();
    next.sites.adopt_sites().await.expect("nothing to adopt");
    next.sites.reconcile_runtime().await.expect("compared");
    assert_eq!(platform.world().await, before, "no container was replaced and no route changed");
    assert_eq!(platform.engine.count(Verb::Deploy), 0);

    let job = next.sites.restart(&platform.now(&jane), sites[7]).await.expect("a job");
    assert_eq!(finish(&platform, &next, job).await, JobState::Succeeded);
    assert_eq!(platform.world().await, before, "also not by a restart");

    let admin = platform.staff(Role::Admin).await;
    let outdated = next.sites.list_outdated(&admin).await.expect("a list");
    assert_eq!((outdated.len(), outdated[0].changed_images.len()), (50, 0));
}

#[tokio::test]
async fn an_update_replaces_what_differs_and_keeps_everything_else() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = site_builder(&platform, &jane).await;
    let before = (support::site(&platform, site).await, platform.secrets_of(site).await);
    let current = platform.control.sites.update(&platform.now(&jane), site, UpdateSite::default()).await;
    assert!(matches!(current, Err(Error::Conflict(text)) if text.contains("up to date")));

    // A new generated secret, in the environment.
    let folder = changed("ebuilder", |text| {
        text.replace(
            "      SECRET_KEY: ${SECRET_KEY}\n",
            "      SECRET_KEY: ${SECRET_KEY}\n      SIGNING_KEY: ${SIGNING_KEY}\n",
        )
        .replace("    SECRET_KEY: {", "    SIGNING_KEY: { generate: hex, length: 64 }\n    SECRET_KEY: {")
    });
    let next = platform.with_blueprints(folder.path()).await;
    let job = next.sites.update(&platform.now(&jane), site, UpdateSite::default()).await.expect("a job");
    assert_eq!(finish(&platform, &next, job).await, JobState::Succeeded, "{:?}", platform.job(job).await);
    let after = support::site(&platform, site).await;
    assert_eq!((after.state(), after.revision, after.upstream), (SiteState::Active, 2, before.0.upstream));
    assert_ne!(after.blueprint_version, before.0.blueprint_version);
    assert_eq!((after.lease, &after.placement), (before.0.lease, &before.0.placement), "it lies where it lay");
    assert_eq!(platform.secrets_of(site).await.len(), before.1.len() + 1);

    // And back, by the version that it had.
    let to = Some(before.0.blueprint_version.clone().expect("pinned")[..12].to_owned());
    let job = next.sites.update(&platform.now(&jane), site, UpdateSite { to }).await.expect("a job");
    assert_eq!(finish(&platform, &next, job).await, JobState::Succeeded);
    let back = support::site(&platform, site).await;
    assert_eq!((back.blueprint_version, back.revision), (before.0.blueprint_version, 3));
    let unknown = next.sites.update(&platform.now(&jane), site, UpdateSite { to: Some("0123456789ab".into()) }).await;
    assert!(matches!(unknown, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn an_update_that_fails_leaves_the_site_as_it_was() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = site_builder(&platform, &jane).await;
    let before = platform.world().await;
    let was = support::site(&platform, site).await;
    let folder = changed("ebuilder", |text| {
        text.replace("    SECRET_KEY: {", "    SIGNING_KEY: { generate: hex, length: 64 }\n    SECRET_KEY: {").replace(
            "      SITE_NAME: ${SITE_NAME}\n",
            "      SITE_NAME: ${SITE_NAME}\n      SIGNING_KEY: ${SIGNING_KEY}\n",
        )
    });
    let next = platform.with_blueprints(folder.path()).await;
    platform.engine.fail(Verb::Deploy, 1, Fault::Refused("no".into()));
    let job = next.sites.update(&platform.now(&jane), site, UpdateSite::default()).await.expect("a job");
    assert_eq!(finish(&platform, &next, job).await, JobState::Failed);
    assert_eq!(platform.world().await, before);
    let is = support::site(&platform, site).await;
    assert_eq!((is.state(), is.revision, is.blueprint_version), (was.state(), was.revision, was.blueprint_version));
}

#[tokio::test]
async fn names_reach_the_environment_of_an_application_that_has_them_there() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = site_builder(&platform, &jane).await;
    let hosts = async |platform: &TestPlatform| {
        let seen = platform.engine.deployments();
        let last = seen.last().expect("a deployment").stack.clone();
        last.services[0].environment["ALLOWED_HOSTS"].0.clone()
    };
    assert_eq!(hosts(&platform).await, "builder.localhost");
    let (control, cx) = (&platform.control, platform.now(&jane));
    let command = AddDomain { name: "builder.example".into(), ..AddDomain::default() };
    let domain = control.domains.add_domain(&cx, site, command).await.expect("a claim").remove(0);
    crate::domains::prove_by_text(&platform, &domain);
    control.domains.check_domain(&cx, domain.id).await.expect("a proof");
    platform.control.sites.reconcile_environments().await.expect("reconciled");
    platform.run_until_idle().await;
    assert_eq!(hosts(&platform).await, "builder.localhost,builder.example");
    let job =
        platform.control.sites.set_main_address(&platform.now(&jane), site, "builder.example").await.expect("a job");
    platform.run_until_idle().await;
    assert_eq!(platform.job(job).await.state, JobState::Succeeded);
    assert_eq!(hosts(&platform).await, "builder.example,builder.localhost");
    let world = platform.engine.observe(&support::site(&platform, site).await.project).await.expect("observed");
    assert!(world.all_running());
}

#[tokio::test]
async fn changed_limits_reach_the_containers_that_would_be_stricter() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let limits = || {
        let last = platform.engine.deployments().pop().expect("a deployment").stack;
        let web = last.service("web").expect("web").environment.clone();
        ["STOA_MAX_BODY", "STOA_RESPONSE_SECONDS"].map(|name| web[name].0.clone())
    };
    let usual = support::site(&platform, site).await.edge;
    assert_eq!(limits(), [usual.max_body.to_string(), usual.response_seconds.to_string()]);
    let change = ChangeLimits { max_body: Some(500 << 20), response_seconds: Some(900), ..ChangeLimits::default() };
    let admin = platform.staff(Role::Admin).await;
    platform.control.sites.set_edge_limits(&admin, site, change).await.expect("changed");
    platform.control.sites.reconcile_environments().await.expect("reconciled");
    platform.run_until_idle().await;
    assert_eq!(limits(), [(500 << 20).to_string(), "900".to_owned()]);
    let before = platform.engine.deployments().len();
    platform.control.sites.reconcile_environments().await.expect("reconciled");
    platform.run_until_idle().await;
    assert_eq!(platform.engine.deployments().len(), before, "once");
}
