//! Ordering a site.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use stoa_core::Error;

use stoa_model::{account::Role, job::JobState, secret::ExposeSecret};
use stoa_provider::engine::{ExecOutput, fake::Verb};
use stoa_sites::command::OrderSite;
use stoa_testkit::{TestPlatform, shop};

use crate::support::{self, fields};

#[tokio::test]
async fn an_order_becomes_a_store() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let ordered = platform.shop(&jane, "bakery").await;
    let world = platform.world().await;
    let kinds = ["network", "volume", "container", "lease", "secret", "credential", "schedule", "file", "route"];
    assert_eq!(kinds.map(|kind| world.count(kind)), [1, 2, 2, 1, 5, 1, 1, 2, 1], "{world}");
    let view = platform.control.jobs.get(&jane, ordered.job).await.expect("a job");
    assert!(view.steps.iter().all(|step| step.state == "done" && step.duration_ms.is_some()), "{view:?}");
    let mail = platform.outbox();
    assert_eq!(mail.len(), 1);
    for part in [" is online", "/wp-admin/", "User name: admin", &format!("/sites/{}", ordered.site)] {
        assert!(mail[0].contains(part), "{part} in {}", mail[0]);
    }
}

#[tokio::test]
async fn all_bad_fields_are_named_at_once_and_nothing_is_made() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let before = platform.world().await;
    let order = OrderSite {
        plan: String::new(),
        blueprint: "oscommerce".into(),
        subdomain: "-".into(),
        title: " ".into(),
        admin_user: "x y".into(),
        admin_email: "\"jane doe\"@example.com".into(),
        admin_password: "short".into(),
        customer: None,
    };
    let error = platform.control.sites.order(&jane, order, None).await.expect_err("refused");
    assert_eq!(fields(&error), ["blueprint", "subdomain", "title", "admin_user", "admin_email", "admin_password"]);
    let long = "a".repeat(1 << 20);
    let megabytes =
        OrderSite { title: long.clone(), admin_user: long.clone(), admin_email: long.clone(), ..shop(&long) };
    let error = platform.control.sites.order(&jane, megabytes, None).await.expect_err("refused");
    assert_eq!(fields(&error), ["subdomain", "title", "admin_user", "admin_email"]);
    assert!(error.to_string().len() < 2000, "an answer does not repeat a megabyte");
    assert_eq!(platform.world().await, before);
}

#[tokio::test]
async fn addresses_that_are_taken_reserved_or_confusable() {
    let platform = TestPlatform::new().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    platform.order(&jane, "bakery").await;
    for name in ["bakery", "BAKERY", "www", "admin", "mail", "xn--bckery-5wa", "bäckery", "а-bakery", "a.b", "a_b", ""]
    {
        let error = platform.control.sites.order(&platform.now(&joe), shop(name), None).await.expect_err(name);
        assert_eq!(fields(&error), ["subdomain"], "{name}");
        let check = platform.control.sites.check_address(&joe, name).await.expect("an answer");
        assert!(!check.available && !check.message.is_empty(), "{check:?}");
    }
    assert!(platform.control.sites.check_address(&joe, "florist").await.expect("an answer").available);
    assert_eq!(platform.world().await.count("lease"), 1);
}

#[tokio::test]
async fn hostile_titles_arrive_verbatim_and_nowhere_else() {
    let titles = [
        "\"; rm -rf / #'",
        "line, privileged: true, volumes: [/:/host]",
        "${SECRET_KEY} $(id) `id` %s {{x}}",
        "'; DROP TABLE sites; --",
        "- !!python/object:os.system &a *a \\u0000 \\",
        "<script>alert(1)</script> ]]> 🛒 Ä",
    ];
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heard = seen.clone();
    platform.engine.on_exec(move |_, _, exec| {
        let said = exec.stdin.as_ref().map(|text| text.expose_secret().to_owned()).unwrap_or_default();
        heard.lock().expect("no panic").push((exec.argv.clone(), said));
        Some(ExecOutput { code: 0, stdout: String::new(), stderr: String::new() })
    });
    for (n, title) in titles.iter().enumerate() {
        let store = OrderSite { title: (*title).into(), ..shop(&format!("store-{n}")) };
        platform.control.sites.order(&platform.now(&jane), store, None).await.expect("ordered");
        platform.run_until_idle().await;
        let (argv, said) = seen.lock().expect("no panic").pop().expect("the claim hook ran");
        assert_eq!(argv, ["php", "/opt/store/claim.php"], "the command never changes");
        let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(said["title"], *title);
        one_image(&platform, &jane, title, &format!("site-{n}")).await;
    }
}

/// eBuilder gets its title by environment: it is there verbatim, and nothing else of the stack is
/// other than for a plain title.
async fn one_image(platform: &TestPlatform, jane: &stoa_core::RequestContext, title: &str, name: &str) {
    let order = OrderSite { title: title.into(), blueprint: "ebuilder".into(), ..shop(name) };
    let ordered = platform.control.sites.order(&platform.now(jane), order, None).await.expect("ordered");
    platform.run_until_idle().await;
    assert_eq!(platform.job(ordered.job).await.state, JobState::Succeeded);
    let (mut plan, key) = (support::plan(platform, ordered.job).await, support::key(platform));
    let hostile = plan.stack(&key).expect("a stack");
    plan.facts.insert("SITE_NAME".into(), "plain".into());
    let mut plain = plan.stack(&key).expect("a stack");
    let named = |stack: &stoa_model::stack::Stack| stack.services[0].environment.get("SITE_NAME").cloned();
    assert_eq!(named(&hostile).map(|value| value.0), Some(title.to_owned()));
    plain.services[0].environment.insert("SITE_NAME".into(), named(&hostile).expect("a name"));
    assert_eq!(hostile, plain);
    let file = std::fs::read_to_string(plan.directory.join("compose.yaml")).expect("a Compose file");
    let manifests =
        stoa_provider::engine::Engine::manifests(&*platform.engine, &hostile, plan.placement.as_ref().expect("placed"));
    assert_eq!(file, manifests.expect("manifests")[0].text);
}

#[tokio::test]
async fn an_idempotency_key_answers_the_same_and_only_for_the_same() {
    let platform = TestPlatform::new().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    let order = async |cx, name: &str| platform.control.sites.order(cx, shop(name), Some("key-1".into())).await;
    let first = order(&jane, "bakery").await.expect("ordered");
    let again = order(&jane, "bakery").await.expect("answered");
    assert_eq!((first.site, first.job), (again.site, again.job));
    assert!(matches!(order(&jane, "florist").await, Err(Error::Conflict(_))), "another body");
    order(&joe, "grocer").await.expect("another customer has other keys");
    assert_eq!(
        fields(&platform.control.sites.order(&jane, shop("x1"), Some("a b".into())).await.expect_err("bad")),
        ["Idempotency-Key"]
    );
    assert_eq!(platform.world().await.count("lease"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_order_eight_times_at_once_is_one_site() {
    let platform = Arc::new(TestPlatform::new().await);
    let jane = platform.customer("jane").await;
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (platform, cx) = (platform.clone(), jane.clone());
            tokio::spawn(async move { platform.control.sites.order(&cx, shop("bakery"), Some("k".into())).await })
        })
        .collect();
    let mut sites = HashSet::new();
    for call in calls {
        sites.insert(call.await.expect("no panic").expect("answered").site);
    }
    assert_eq!(sites.len(), 1);
    assert_eq!(platform.world().await.count("lease"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_orders_at_once() {
    let platform = Arc::new(TestPlatform::new().await);
    let jane = platform.customer("jane").await;
    let workers = platform.run();
    let calls: Vec<_> = (0..30)
        .map(|n| {
            let (platform, cx) = (platform.clone(), jane.clone());
            tokio::spawn(async move { platform.control.sites.order(&cx, shop(&format!("shop-{n}")), None).await })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic").expect("ordered");
    }
    platform.idle().await;
    workers.stop().await;
    let world = platform.world().await;
    let subnets: HashSet<_> =
        world.of("lease").iter().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect();
    let upstreams: HashSet<_> =
        world.of("route").iter().filter_map(|line| line.rsplit(' ').next().map(str::to_owned)).collect();
    assert_eq!((subnets.len(), upstreams.len(), platform.outbox().len()), (30, 30, 30), "{world}");
    assert!(world.of("site").iter().all(|line| line.contains("is active")), "{world}");
    assert_eq!(platform.engine.count(Verb::Deploy), 30);
}

/// The operator's own account is made with his first order; here with ten first orders.
#[tokio::test]
async fn an_operators_first_orders_at_once() {
    let platform = TestPlatform::new().await;
    let admin = platform.staff(Role::Admin).await;
    let names: Vec<_> = (0..10).map(|n| format!("own-{n}")).collect();
    let orders = names.iter().map(|name| platform.control.sites.order(&admin, shop(name), None));
    for ordered in futures_util::future::join_all(orders).await {
        ordered.expect("all of them are orders of one account");
    }
}

#[tokio::test]
async fn one_account_cannot_order_everything() {
    let platform = TestPlatform::builder().settings(|s| s.sites_per_customer = 2).build().await;
    let (jane, admin) = (platform.customer("jane").await, platform.staff(Role::Admin).await);
    let first = platform.shop(&jane, "one").await.site;
    platform.shop(&jane, "two").await;
    let order = |subdomain: &str| shop(subdomain);
    let refused = platform.control.sites.order(&platform.now(&jane), order("three"), None).await;
    assert!(refused.expect_err("too many").to_string().contains("You have 2 sites"));
    platform.control.sites.delete(&platform.now(&jane), first).await.expect("marked");
    let held = platform.control.sites.order(&platform.now(&jane), order("three"), None).await;
    assert!(held.is_err(), "its space is held until it is purged");
    let customer = jane.actor.customer();
    let command = OrderSite { customer, ..order("three") };
    platform.control.sites.order(&platform.now(&admin), command, None).await.expect("staff decide");

    let platform = TestPlatform::builder().settings(|s| s.rates.order_hour = 2).build().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    let order = |subdomain: &str| shop(subdomain);
    for subdomain in ["one", "two"] {
        platform.control.sites.order(&platform.now(&jane), order(subdomain), None).await.expect("ordered");
    }
    let third = platform.control.sites.order(&platform.now(&jane), order("three"), None).await;
    assert!(matches!(third, Err(Error::RateLimited(_))), "{third:?}");
    platform.control.sites.order(&platform.now(&joe), order("three"), None).await.expect("another customer's");
}
