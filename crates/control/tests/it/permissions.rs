//! Who may do what: a foreign site is not there, support looks and changes nothing, nobody is nobody.

use stoa_control::Control;

use stoa_core::{Error, RequestContext};
use stoa_model::{
    account::{Actor, Role},
    id::{JobId, SiteId},
};
use stoa_testkit::{TestPlatform, shop};

/// Every method that names a site or a job: looking.
async fn looks(control: &Control, cx: &RequestContext, site: SiteId, job: JobId) -> Vec<(&'static str, Option<Error>)> {
    vec![
        ("get", control.sites.get(cx, site).await.err()),
        ("by name", control.sites.find(cx, "bakery").await.err()),
        ("jobs", control.jobs.list_of_site(cx, site, 20).await.err()),
        ("logs", control.sites.logs(cx, site, 10).await.err()),
        ("stats", control.sites.stats(cx, site).await.err()),
        ("history", control.sites.history(cx, site).await.err()),
        ("job", control.jobs.get(cx, job).await.err()),
    ]
}

/// And changing, or getting in.
async fn changes(
    control: &Control,
    cx: &RequestContext,
    site: SiteId,
    job: JobId,
) -> Vec<(&'static str, Option<Error>)> {
    vec![
        ("start", control.sites.start(cx, site).await.err()),
        ("stop", control.sites.stop(cx, site).await.err()),
        ("restart", control.sites.restart(cx, site).await.err()),
        ("retry", control.sites.retry(cx, site).await.err()),
        ("delete", control.sites.delete(cx, site).await.err()),
        ("undelete", control.sites.undelete(cx, site).await.err()),
        ("credentials", control.sites.list_credentials(cx, site).await.err()),
        ("reveal", control.sites.reveal_credential(cx, site, 0).await.err()),
        ("login", control.sites.login_link(cx, site).await.err()),
        ("cancel", control.jobs.cancel(cx, job).await.err()),
    ]
}

#[tokio::test]
async fn a_foreign_site_is_not_there() {
    let platform = TestPlatform::new().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    let ordered = platform.shop(&jane, "bakery").await;
    let before = platform.world().await;
    let (control, site, job) = (&platform.control, ordered.site, ordered.job);
    for (verb, error) in
        looks(control, &joe, site, job).await.into_iter().chain(changes(control, &joe, site, job).await)
    {
        assert!(matches!(error, Some(Error::NotFound(_))), "{verb}: {error:?}");
    }
    let missing = SiteId::from_uuid(stoa_core::random::uuid_at(platform.clock.now()));
    let (foreign, nothing) = (control.sites.get(&joe, site).await, control.sites.get(&joe, missing).await);
    assert_eq!(foreign.expect_err("").to_string(), nothing.expect_err("").to_string());
    assert!(control.sites.list(&joe, None, 10).await.expect("his own").items.is_empty());
    assert!(control.sites.counts(&joe).await.expect("his own").is_empty());
    let other = stoa_sites::command::OrderSite { customer: jane.actor.customer(), ..shop("florist") };
    assert!(matches!(control.sites.order(&joe, other, None).await, Err(Error::Forbidden(_))));
    assert_eq!(platform.world().await, before);
}

#[tokio::test]
async fn support_looks_and_changes_nothing() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let support = platform.staff(Role::Support).await;
    let ordered = platform.shop(&jane, "bakery").await;
    let before = platform.world().await;
    let (control, site, job) = (&platform.control, ordered.site, ordered.job);
    for (verb, error) in looks(control, &support, site, job).await {
        assert!(error.is_none(), "{verb}: {error:?}");
    }
    assert_eq!(control.sites.list(&support, None, 10).await.expect("all").items.len(), 1);
    for (verb, error) in changes(control, &support, site, job).await {
        assert!(matches!(error, Some(Error::Forbidden(_))), "{verb}: {error:?}");
    }
    for (verb, error) in [
        ("order", control.sites.order(&support, shop("florist"), None).await.err()),
        ("sync", control.sites.sync(&support).await.err()),
        ("resume", control.jobs.resume(&support, job).await.err()),
        ("abandon", control.jobs.abandon(&support, job).await.err()),
        (
            "staff",
            control
                .accounts
                .create_staff(&support, "x@y.example", Role::Support, None, "long enough 1".into())
                .await
                .err(),
        ),
        ("token", control.accounts.create_token_for(&support, jane.actor, "x").await.err()),
    ] {
        assert!(matches!(error, Some(Error::Forbidden(_))), "{verb}: {error:?}");
    }
    assert_eq!(platform.world().await, before);
}

#[tokio::test]
async fn nobody_gets_nothing() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let ordered = platform.shop(&jane, "bakery").await;
    let (control, nobody) = (&platform.control, platform.request_context(Actor::Nobody));
    let (site, job) = (ordered.site, ordered.job);
    let all = looks(control, &nobody, site, job).await.into_iter().chain(changes(control, &nobody, site, job).await);
    for (verb, error) in all {
        assert!(matches!(error, Some(Error::Unauthenticated(_))), "{verb}: {error:?}");
    }
    assert!(matches!(control.sites.order(&nobody, shop("x1"), None).await, Err(Error::Unauthenticated(_))));
    assert!(matches!(control.doctor(&nobody).await, Err(Error::Unauthenticated(_))));
}

#[tokio::test]
async fn what_staff_order_for_themselves_is_never_a_strangers() {
    let platform = TestPlatform::new().await;
    let admin = platform.staff(Role::Admin).await;
    let register = |email: &str| stoa_accounts::command::Register {
        email: email.into(),
        password: stoa_testkit::PASSWORD.into(),
        company: "A stranger".into(),
    };
    let taken = platform
        .control
        .accounts
        .register(&platform.request_context(Actor::Nobody), register("admin-1@stoa.example"))
        .await;
    let taken = taken.expect("the same answer as ever, with a placeholder instead of the address");
    let taken = platform.request_context(taken.actor);
    // A stranger who was there before the person was made.
    let stranger = platform
        .control
        .accounts
        .register(&platform.request_context(Actor::Nobody), register("admin-2@stoa.example"))
        .await;
    let stranger = platform.request_context(stranger.expect("registered").actor);
    let later = platform.staff(Role::Admin).await;
    let refused = platform.control.sites.order(&later, shop("bakery"), None).await.expect_err("refused");
    assert_eq!(crate::support::fields(&refused), ["customer"]);
    platform.control.sites.order(&admin, shop("bakery"), None).await.expect("ordered");
    platform.control.sites.order(&admin, shop("florist"), None).await.expect("the same account again");
    for other in [&stranger, &taken] {
        assert!(platform.control.sites.list(other, None, 10).await.expect("their own").items.is_empty());
    }
    let login = |password: &str| stoa_accounts::command::LogIn {
        email: "admin-1@stoa.example".into(),
        password: password.into(),
        browser: None,
    };
    // Both have the same password here: the operator's log-in comes first.
    let nobody = platform.request_context(Actor::Nobody);
    let session = platform.control.accounts.log_in(&nobody, login(stoa_testkit::PASSWORD)).await.expect("logged in");
    let session = session.session().expect("no second step");
    assert_eq!(session.actor, admin.actor);
}
