//! Plans, orders that must be paid, and what follows from an overdue payment. The operator collects; Stripe is elsewhere.

use jiff::SignedDuration;
use stoa_billing::{
    Placed,
    command::{MarkPaid, SavePlan},
    view::{CheckoutView, SubscriptionView},
};
use stoa_core::{Error, RequestContext};
use stoa_model::{
    account::Role,
    billing::{
        access::Access,
        plan::Feature,
        subscription::{Provider, SubscriptionStatus},
    },
    id::SiteId,
    limits::{Bytes, MilliCpu},
    site::{SiteState, SuspensionReason},
};
use stoa_sites::command::OrderSite;
use stoa_testkit::{TestPlatform, shop, shop_plan};

use crate::support::{fields, site};

const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn plan(platform: &TestPlatform, command: SavePlan) {
    let admin = platform.staff(Role::Admin).await;
    platform.control.billing.create_plan(&admin, command).await.expect("a plan");
}

async fn order(platform: &TestPlatform, cx: &RequestContext, name: &str) -> Result<Placed, Error> {
    platform.control.billing.order(&platform.now(cx), shop(name), None).await
}

/// Orders a shop that must be paid first.
async fn begin(platform: &TestPlatform, cx: &RequestContext, name: &str) -> CheckoutView {
    match order(platform, cx, name).await.expect("ordered") {
        Placed::Checkout(checkout) => *checkout,
        Placed::Site(_) => panic!("it was not paid"),
    }
}

/// A running shop of `jane` whose first month was paid now.
async fn paid_shop(platform: &TestPlatform, jane: &RequestContext, name: &str) -> SiteId {
    let admin = platform.staff(Role::Admin).await;
    let checkout = begin(platform, jane, name).await;
    let admin = platform.now(&admin);
    let ordered = platform.control.billing.mark_checkout_paid(&admin, checkout.id, MarkPaid::default()).await;
    let ordered = ordered.expect("paid");
    platform.run_until_idle().await;
    ordered.site
}

async fn subscription(platform: &TestPlatform, cx: &RequestContext, id: SiteId) -> SubscriptionView {
    let found = platform.control.billing.subscription_of_site(&platform.now(cx), id).await.expect("an answer");
    found.expect("a subscription")
}

/// Lets the time pass, a quarter of a day at a time, as the reconciler sees it.
async fn pass(platform: &TestPlatform, time: SignedDuration) {
    for _ in 0..time.as_hours() / 6 {
        platform.clock.advance(SignedDuration::from_hours(6));
        platform.control.billing.reconcile_subscriptions().await.expect("put into effect");
    }
    platform.run_until_idle().await;
}

/// Subjects of the letters about payments so far.
fn letters(platform: &TestPlatform) -> Vec<String> {
    let subjects = platform.outbox().into_iter().filter_map(|mail| {
        let subject = mail.lines().find_map(|line| line.strip_prefix("Subject: "))?.to_owned();
        (subject.starts_with("Payment for") || subject.contains("stopped")).then_some(subject)
    });
    subjects.collect()
}

#[tokio::test]
async fn a_free_plan_is_ordered_at_once_with_its_limits() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let features = [Feature::RedisCache].into();
    plan(&platform, SavePlan { features, max_body: "10".into(), sites: "1".into(), ..shop_plan("free", "0") }).await;
    let Placed::Site(ordered) = order(&platform, &jane, "bakery").await.expect("ordered") else { panic!("free") };
    platform.run_until_idle().await;
    let made = site(&platform, ordered.site).await;
    assert_eq!((made.limits.memory, made.limits.cpu), (Bytes::mib(512), MilliCpu(500)));
    assert_eq!((made.edge.max_body, made.profiles), (10 << 20, vec!["redis".to_owned()]));
    let stored = platform.control.sites.storage(&jane, ordered.site).await.expect("a view");
    assert_eq!(stored.limit, 5 << 30);
    let held = subscription(&platform, &jane, ordered.site).await;
    assert_eq!((held.provider, held.status, held.access), (Provider::Free, SubscriptionStatus::Active, Access::Full));
    let second = order(&platform, &jane, "florist").await.expect_err("one site is all that the plan allows");
    assert!(second.to_string().contains("1 site on the plan free"), "{second}");
    // It never ends and is never overdue.
    pass(&platform, DAY * 40).await;
    assert_eq!(subscription(&platform, &jane, ordered.site).await.access, Access::Full);
    assert_eq!(letters(&platform), [""; 0]);
}

#[tokio::test]
async fn a_paid_plan_waits_for_its_payment_and_keeps_the_address() {
    let platform = TestPlatform::new().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    plan(&platform, shop_plan("basic", "29.90")).await;
    let before = platform.world().await;
    let checkout = begin(&platform, &jane, "bakery").await;
    assert_eq!((checkout.hostname.as_str(), checkout.price.as_str()), ("bakery.localhost", "€29.90 per month"));
    assert_eq!(begin(&platform, &jane, "bakery").await.id, checkout.id, "the same order again is the same one");
    let taken = order(&platform, &joe, "bakery").await.expect_err("it is reserved");
    assert_eq!(fields(&taken), ["subdomain"]);
    assert!(!platform.control.sites.check_address(&joe, "bakery").await.expect("an answer").available);
    platform.run_until_idle().await;
    assert_eq!(platform.world().await, before, "nothing exists before the payment");

    let (admin, support) = (platform.staff(Role::Admin).await, platform.staff(Role::Support).await);
    let billing = &platform.control.billing;
    assert!(billing.mark_checkout_paid(&support, checkout.id, MarkPaid::default()).await.is_err());
    assert!(billing.mark_checkout_paid(&jane, checkout.id, MarkPaid::default()).await.is_err());
    assert!(matches!(billing.checkout(&joe, checkout.id).await, Err(Error::NotFound(_))));
    // Two members of staff at once: one site, one payment.
    let paid = || {
        billing.mark_checkout_paid(&admin, checkout.id, MarkPaid { reference: "A 17".into(), ..MarkPaid::default() })
    };
    let (one, two) = tokio::join!(paid(), paid());
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    platform.run_until_idle().await;
    let ordered = one.or(two).expect("one of them");
    assert_eq!(site(&platform, ordered.site).await.state(), SiteState::Active);
    let held = subscription(&platform, &jane, ordered.site).await;
    assert_eq!((held.provider, held.access, held.owed_since), (Provider::Manual, Access::Full, None));
    let payments = billing.own_payments(&jane).await.expect("payments");
    assert_eq!(payments.len(), 1);
    assert_eq!((payments[0].money.minor, payments[0].reference.as_str()), (2990, "A 17"));
    assert_eq!(billing.open_checkouts(&jane).await.expect("a list").len(), 0);
    assert!(matches!(billing.cancel_checkout(&jane, checkout.id).await, Err(Error::Conflict(_))), "it is paid");
}

#[tokio::test]
async fn an_order_that_is_never_paid_gives_its_address_back() {
    let platform = TestPlatform::new().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    plan(&platform, shop_plan("basic", "29.90")).await;
    let first = begin(&platform, &jane, "bakery").await;
    platform.control.billing.cancel_checkout(&jane, first.id).await.expect("cancelled");
    let admin = platform.staff(Role::Admin).await;
    let late = platform.control.billing.mark_checkout_paid(&admin, first.id, MarkPaid::default()).await;
    assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
    begin(&platform, &joe, "bakery").await;
    for name in ["one", "two", "three"].map(|name| format!("shop-{name}")) {
        begin(&platform, &jane, &name).await;
    }
    let fourth = order(&platform, &jane, "shop-four").await.expect_err("each reserves an address");
    assert!(matches!(fourth, Error::Conflict(_)), "{fourth}");
    platform.clock.advance(DAY * 8);
    platform.control.billing.expire_checkouts().await.expect("given up");
    assert_eq!(platform.control.billing.all_open_checkouts(&platform.now(&admin)).await.expect("a list").len(), 0);
    begin(&platform, &jane, "bakery").await;
}

#[tokio::test]
async fn an_overdue_payment_is_announced_then_restricts_then_stops_and_paying_resumes() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    plan(&platform, shop_plan("basic", "29.90")).await;
    let id = paid_shop(&platform, &jane, "bakery").await;
    let due = subscription(&platform, &jane, id).await.period_end.expect("a date");
    let start = platform.clock.now();
    pass(&platform, due.duration_since(start) - DAY).await;
    assert_eq!((subscription(&platform, &jane, id).await.access, letters(&platform).len()), (Access::Full, 0));
    pass(&platform, DAY * 2).await;
    let held = subscription(&platform, &jane, id).await;
    assert_eq!((held.access, held.status), (Access::Grace, SubscriptionStatus::PastDue));
    assert_eq!(held.suspends_at, Some(due + DAY * 14));
    platform.control.sites.stop(&platform.now(&jane), id).await.expect("nothing is blocked yet");
    platform.run_until_idle().await;
    platform.control.sites.start(&platform.now(&jane), id).await.expect("nothing is blocked yet");

    pass(&platform, DAY * 7).await;
    assert_eq!(subscription(&platform, &jane, id).await.access, Access::Restricted);
    assert_eq!(site(&platform, id).await.state(), SiteState::Active, "it runs");
    let refused = platform.control.sites.stop(&platform.now(&jane), id).await.expect_err("nothing can be changed");
    assert!(refused.to_string().contains("payment"), "{refused}");
    platform.control.sites.list_credentials(&platform.now(&jane), id).await.expect("she can still log in");

    pass(&platform, DAY * 7).await;
    let stopped = site(&platform, id).await;
    assert_eq!(stopped.state(), SiteState::Suspended);
    assert_eq!(stopped.suspensions[0].reason, SuspensionReason::NonPayment);
    assert_eq!(letters(&platform).len(), 4, "due, three days, one day, stopped; each once: {:?}", letters(&platform));
    // However long it lasts, nothing is deleted and nothing more is said.
    pass(&platform, DAY * 60).await;
    assert_eq!((site(&platform, id).await.state(), letters(&platform).len()), (SiteState::Suspended, 4));

    // Three months are owed; with the last of them the shop is back.
    let admin = platform.staff(Role::Admin).await;
    let billing = &platform.control.billing;
    for month in 1..=3 {
        let held = subscription(&platform, &jane, id).await;
        let command = MarkPaid {
            reference: format!("month {month}"),
            paid_until: held.period_end.map(|end| end.as_millisecond()),
        };
        let again = command.clone();
        billing.mark_paid(&platform.now(&admin), held.id, command).await.expect("marked");
        let twice = billing.mark_paid(&platform.now(&admin), held.id, again).await;
        assert!(matches!(twice, Err(Error::Conflict(_))), "the same payment is not marked twice: {twice:?}");
    }
    platform.run_until_idle().await;
    let held = subscription(&platform, &jane, id).await;
    assert_eq!((held.access, held.status, held.owed_since), (Access::Full, SubscriptionStatus::Active, None));
    assert_eq!(site(&platform, id).await.state(), SiteState::Active);
    assert_eq!(billing.own_payments(&platform.now(&jane)).await.expect("payments").len(), 4);
}

#[tokio::test]
async fn paying_ends_no_suspension_but_that_of_billing() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    plan(&platform, shop_plan("basic", "10")).await;
    let id = paid_shop(&platform, &jane, "bakery").await;
    let admin = platform.staff(Role::Admin).await;
    let abuse = stoa_sites::command::Suspend { reason: SuspensionReason::Abuse, note: String::new() };
    platform.control.sites.suspend(&admin, id, abuse).await.expect("suspended");
    pass(&platform, DAY * 50).await;
    assert_eq!(site(&platform, id).await.suspensions.len(), 2);
    let held = subscription(&platform, &jane, id).await;
    for _ in 0..2 {
        platform.control.billing.mark_paid(&platform.now(&admin), held.id, MarkPaid::default()).await.expect("marked");
    }
    let left = site(&platform, id).await.suspensions;
    assert_eq!(left.iter().map(|known| known.reason).collect::<Vec<_>>(), [SuspensionReason::Abuse]);
}

#[tokio::test]
async fn a_cancelled_subscription_ends_with_its_period_and_can_be_kept_until_then() {
    let platform = TestPlatform::new().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    plan(&platform, shop_plan("basic", "10")).await;
    let id = paid_shop(&platform, &jane, "bakery").await;
    let billing = &platform.control.billing;
    let held = subscription(&platform, &jane, id).await;
    assert!(matches!(billing.cancel_subscription(&joe, held.id).await, Err(Error::NotFound(_))));
    let cancelled = billing.cancel_subscription(&platform.now(&jane), held.id).await.expect("cancelled");
    assert_eq!(cancelled.cancel_at, held.period_end);
    assert_eq!(billing.keep_subscription(&platform.now(&jane), held.id).await.expect("kept").cancel_at, None);
    billing.cancel_subscription(&platform.now(&jane), held.id).await.expect("cancelled");
    pass(&platform, DAY * 32).await;
    let ended = subscription(&platform, &jane, id).await;
    assert_eq!(
        (ended.status, ended.access, ended.ended_at),
        (SubscriptionStatus::Canceled, Access::Ended, held.period_end)
    );
    assert_eq!(site(&platform, id).await.state(), SiteState::Suspended, "its data is kept");
    assert_eq!(letters(&platform), [""; 0], "nothing is owed");
    let admin = platform.staff(Role::Admin).await;
    assert!(billing.mark_paid(&platform.now(&admin), held.id, MarkPaid::default()).await.is_err());
    platform.control.sites.delete(&platform.now(&jane), id).await.expect("deleting is always possible");
}

#[tokio::test]
async fn a_deleted_site_ends_its_subscription() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    plan(&platform, SavePlan { sites: "1".into(), ..shop_plan("basic", "10") }).await;
    let id = paid_shop(&platform, &jane, "bakery").await;
    let held = subscription(&platform, &jane, id).await;
    platform.control.sites.delete(&platform.now(&jane), id).await.expect("marked");
    platform.clock.advance(DAY * 8);
    platform.control.sites.purge_due().await.expect("purged");
    platform.run_until_idle().await;
    platform.control.billing.reconcile_subscriptions().await.expect("ended");
    let ended = platform.control.billing.subscription(&platform.now(&jane), held.id).await.expect("it is kept");
    assert_eq!(ended.status, SubscriptionStatus::Canceled);
    paid_shop(&platform, &jane, "florist").await;
}

#[tokio::test]
async fn who_has_bought_a_plan_keeps_its_terms_and_its_price() {
    let platform = TestPlatform::new().await;
    let (jane, admin) = (platform.customer("jane").await, platform.staff(Role::Admin).await);
    plan(&platform, shop_plan("basic", "10")).await;
    let id = paid_shop(&platform, &jane, "bakery").await;
    let billing = &platform.control.billing;
    let sold = billing.list_plans(&admin).await.expect("plans").remove(0);
    let dearer = SavePlan { memory: "2".into(), ..shop_plan("basic", "20") };
    let changed = billing.update_plan(&admin, sold.id, sold.version, dearer.clone()).await.expect("changed");
    assert_eq!((changed.version, changed.prices[0].money.minor, changed.terms.memory), (2, 2000, Bytes::mib(2048)));
    let stale = billing.update_plan(&admin, sold.id, sold.version, dearer.clone()).await;
    assert!(matches!(stale, Err(Error::Conflict(_))), "{stale:?}");
    let same =
        billing.update_plan(&admin, sold.id, 2, SavePlan { name: "Basic".into(), ..dearer }).await.expect("renamed");
    assert_eq!((same.version, same.prices[0].id), (2, changed.prices[0].id), "neither terms nor price are new");
    let held = subscription(&platform, &jane, id).await;
    assert_eq!((held.money.minor, held.terms.memory), (1000, Bytes::mib(512)));
    // An order that waits is paid at the price that it was made at.
    let waiting = begin(&platform, &jane, "florist").await;
    billing
        .update_plan(&admin, sold.id, 2, SavePlan { is_active: false, ..shop_plan("basic", "99") })
        .await
        .expect("withdrawn");
    let ordered =
        billing.mark_checkout_paid(&platform.now(&admin), waiting.id, MarkPaid::default()).await.expect("paid");
    assert_eq!(subscription(&platform, &jane, ordered.site).await.money.minor, 2000);
    let refused = order(&platform, &jane, "grocer").await.expect_err("it is not sold any more");
    assert_eq!(fields(&refused), ["plan"]);
}

#[tokio::test]
async fn bad_plans_are_refused_with_all_that_is_wrong() {
    let platform = TestPlatform::new().await;
    let (admin, support) = (platform.staff(Role::Admin).await, platform.staff(Role::Support).await);
    let billing = &platform.control.billing;
    assert!(matches!(billing.create_plan(&support, shop_plan("basic", "1")).await, Err(Error::Forbidden(_))));
    let bad = SavePlan {
        slug: "a b".into(),
        blueprint: "nothing".into(),
        name: String::new(),
        currency: "XXX".into(),
        memory: "64g".into(),
        cpu: "x".into(),
        disk: "1z".into(),
        ..SavePlan::default()
    };
    let refused = billing.create_plan(&admin, bad).await.expect_err("bad");
    assert_eq!(fields(&refused), ["slug", "blueprint", "name", "currency", "cpu", "disk"]);
    let bounds =
        SavePlan { memory: "64".into(), trial_days: "1000".into(), monthly: "-1".into(), ..shop_plan("a-plan", "") };
    assert_eq!(
        fields(&billing.create_plan(&admin, bounds).await.expect_err("bad")),
        ["monthly", "memory", "trial_days"]
    );
    billing.create_plan(&admin, shop_plan("basic", "1")).await.expect("a plan");
    let again = billing.create_plan(&admin, shop_plan("basic", "1")).await.expect_err("its name is taken");
    assert_eq!(fields(&again), ["slug"]);
    let jane = platform.customer("jane").await;
    let unknown = OrderSite { plan: "gold".into(), title: String::new(), ..shop("bakery") };
    let refused = billing.order(&jane, unknown, None).await.expect_err("no such plan");
    assert_eq!(fields(&refused), ["plan", "title"], "all in one round");
}

#[tokio::test]
async fn a_trial_runs_first_and_is_due_at_its_end() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    plan(&platform, SavePlan { trial_days: "14".into(), ..shop_plan("basic", "10") }).await;
    let Placed::Site(ordered) = order(&platform, &jane, "bakery").await.expect("ordered") else { panic!("a trial") };
    platform.run_until_idle().await;
    let held = subscription(&platform, &jane, ordered.site).await;
    assert_eq!((held.status, held.access), (SubscriptionStatus::Trialing, Access::Full));
    pass(&platform, DAY * 15).await;
    let held = subscription(&platform, &jane, ordered.site).await;
    assert_eq!((held.status, held.access), (SubscriptionStatus::PastDue, Access::Grace));
}

/// Machines count nanoseconds, the database milliseconds.
#[tokio::test]
async fn a_subscription_is_looked_at_when_something_changes_and_not_before() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    plan(&platform, shop_plan("basic", "10")).await;
    let id = paid_shop(&platform, &jane, "bakery").await;
    let (admin, held) = (platform.staff(Role::Admin).await, subscription(&platform, &jane, id).await);
    let now = platform.clock.now() + SignedDuration::from_nanos(123_456);
    let admin = RequestContext { now, ..admin };
    platform.control.billing.mark_paid(&admin, held.id, MarkPaid::default()).await.expect("marked");
    let end = subscription(&platform, &jane, id).await.period_end.expect("a date");
    let due = async |now| {
        let found = stoa_db::billing::subscriptions::subscriptions_due(&platform.control.core.db, now, 10).await;
        found.expect("a list").len()
    };
    assert_eq!(due(end - DAY).await, 0, "nothing is to be done before the next payment is due");
    assert_eq!(due(end).await, 1);
}

#[tokio::test]
async fn a_closed_account_keeps_its_payments_and_no_orders() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    plan(&platform, shop_plan("basic", "10")).await;
    let id = paid_shop(&platform, &jane, "bakery").await;
    let held = subscription(&platform, &jane, id).await;
    begin(&platform, &jane, "florist").await;
    let customer = jane.actor.customer().expect("a customer");
    platform.control.billing.forget_checkouts(customer).await.expect("forgotten");
    let admin = platform.staff(Role::Admin).await;
    let billing = &platform.control.billing;
    assert_eq!(billing.all_open_checkouts(&admin).await.expect("a list").len(), 0);
    assert_eq!(billing.subscription(&admin, held.id).await.expect("it is kept").id, held.id);
}
