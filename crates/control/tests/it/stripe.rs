//! What Stripe collects: from the payment page to the site, whatever events come, in whatever order, however often.

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use stoa_billing::{
    Changed, Placed,
    command::SavePlan,
    stripe::{MismatchKind, WebhookRefused},
    view::{CheckoutView, SubscriptionView},
};
use stoa_core::{Error, RequestContext};
use stoa_model::{
    account::Role,
    billing::{
        access::Access,
        subscription::{Provider, SubscriptionStatus},
    },
    id::SiteId,
    limits::Bytes,
    site::{SiteState, SuspensionReason},
};
use stoa_testkit::{
    TestPlatform, shop, shop_plan,
    stripe::{StripeDouble, signed},
};

use crate::support::site;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn platform_with(plans: impl IntoIterator<Item = SavePlan>) -> TestPlatform {
    let platform = TestPlatform::builder().stripe().build().await;
    let admin = platform.staff(Role::Admin).await;
    for plan in plans {
        platform.control.billing.create_plan(&platform.now(&admin), plan).await.expect("a plan");
    }
    platform
}

fn double(platform: &TestPlatform) -> &StripeDouble {
    platform.stripe.as_deref().expect("a double")
}

async fn begin(platform: &TestPlatform, cx: &RequestContext, name: &str) -> CheckoutView {
    match platform.control.billing.order(&platform.now(cx), shop(name), None).await.expect("ordered") {
        Placed::Checkout(checkout) => *checkout,
        Placed::Site(_) => panic!("it was not paid"),
    }
}

/// Opens the payment page and pays; the session's id.
async fn pay(platform: &TestPlatform, cx: &RequestContext, checkout: &CheckoutView, card: &str) -> String {
    let url = platform.control.billing.payment_page(&platform.now(cx), checkout.id).await.expect("a page");
    let session = url.rsplit('/').next().expect("its id").to_owned();
    double(platform).control("pay", &json!({ "session": session, "card": card }));
    session
}

async fn deliver(platform: &TestPlatform, event: &Value) -> Result<(), WebhookRefused> {
    let (header, body) = signed(event, platform.clock.now());
    platform.control.billing.receive_stripe_event(&header, &body).await
}

/// Delivers what Stripe has said so far, each once, and lets it take effect.
async fn deliver_all(platform: &TestPlatform) {
    for event in double(platform).events() {
        deliver(platform, &event).await.expect("accepted");
    }
    platform.run_until_idle().await;
}

async fn subscription_of(platform: &TestPlatform, cx: &RequestContext, id: SiteId) -> SubscriptionView {
    let found = platform.control.billing.subscription_of_site(&platform.now(cx), id).await.expect("an answer");
    found.expect("a subscription")
}

/// A running shop that is paid by card.
async fn paid_shop(platform: &TestPlatform, jane: &RequestContext, name: &str) -> SiteId {
    let checkout = begin(platform, jane, name).await;
    pay(platform, jane, &checkout, "good").await;
    deliver_all(platform).await;
    let found = platform.control.billing.checkout(&platform.now(jane), checkout.id).await.expect("an order");
    found.site.expect("a site")
}

/// Moves both clocks.
fn wait(platform: &TestPlatform, time: SignedDuration) {
    platform.clock.advance(time);
    double(platform).control("advance", &json!({ "to": platform.clock.now().as_second() }));
}

/// Lets the time pass here and at Stripe; events come each half day.
async fn pass(platform: &TestPlatform, time: SignedDuration) {
    for _ in 0..time.as_hours() / 12 {
        wait(platform, HOUR * 12);
        deliver_all(platform).await;
        platform.control.billing.reconcile_subscriptions().await.expect("put into effect");
    }
    platform.run_until_idle().await;
}

async fn mismatches(platform: &TestPlatform) -> Vec<MismatchKind> {
    let admin = platform.staff(Role::Admin).await;
    let all = platform.control.billing.mismatches(&admin).await.expect("a list");
    all.into_iter().map(|of| of.kind).collect()
}

fn id_of(object: &Value) -> String {
    object["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_payment_becomes_a_site() {
    let platform = platform_with([shop_plan("basic", "29.90")]).await;
    let jane = platform.customer("jane").await;
    let before = platform.world().await;
    let checkout = begin(&platform, &jane, "bakery").await;
    let page = platform.control.billing.payment_page(&jane, checkout.id).await.expect("a page");
    let again = platform.control.billing.payment_page(&jane, checkout.id).await.expect("a page");
    assert_eq!(page, again, "a second tab has the same page");
    let joe = platform.customer("joe").await;
    assert!(matches!(platform.control.billing.payment_page(&joe, checkout.id).await, Err(Error::NotFound(_))));
    deliver_all(&platform).await;
    assert_eq!(platform.world().await, before, "nothing exists before the payment");
    pay(&platform, &jane, &checkout, "declined").await;
    deliver_all(&platform).await;
    assert_eq!(platform.world().await, before, "nor after a declined card");

    pay(&platform, &jane, &checkout, "good").await;
    deliver_all(&platform).await;
    let order = platform.control.billing.checkout(&jane, checkout.id).await.expect("an order");
    let id = order.site.expect("a site");
    assert_eq!(site(&platform, id).await.state(), SiteState::Active);
    let held = subscription_of(&platform, &jane, id).await;
    assert_eq!((held.provider, held.status, held.access), (Provider::Stripe, SubscriptionStatus::Active, Access::Full));
    let payments = platform.control.billing.own_payments(&jane).await.expect("payments");
    assert_eq!(payments.len(), 1);
    assert_eq!((payments[0].money.minor, payments[0].reference.as_str()), (2990, "DOUBLE-0001"));
    let late = platform.control.billing.payment_page(&platform.now(&jane), checkout.id).await;
    assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
    assert_eq!(double(&platform).objects("customer").len(), 1);
    // The second order of the same customer is the same customer's at Stripe.
    paid_shop(&platform, &jane, "florist").await;
    assert_eq!(double(&platform).objects("customer").len(), 1);
    assert_eq!(double(&platform).objects("price").len(), 1);
    assert_eq!(mismatches(&platform).await, []);
}

fn permutations<T: Clone>(of: &[T]) -> Vec<Vec<T>> {
    if of.len() < 2 {
        return vec![of.to_vec()];
    }
    let mut all = Vec::new();
    for (index, first) in of.iter().enumerate() {
        let rest: Vec<_> = of[..index].iter().chain(&of[index + 1..]).cloned().collect();
        all.extend(permutations(&rest).into_iter().map(|rest| [vec![first.clone()], rest].concat()));
    }
    all
}

/// Five events in all 120 orders; each order once looked at event by event, once with each event doubled, once with its first
/// event dropped, and once with all at the same time.
#[tokio::test]
async fn every_order_of_events_ends_alike() {
    let platform = platform_with([shop_plan("basic", "29.90")]).await;
    let orders = permutations(&[0_usize, 1, 2, 3, 4]);
    assert_eq!(orders.len(), 120);
    for (batch, orders) in orders.chunks(24).enumerate() {
        let mut checkouts = Vec::new();
        for (number, order) in orders.iter().enumerate() {
            let name = format!("shop-{batch}-{number}");
            let jane = platform.customer(&name).await;
            let checkout = begin(&platform, &jane, &name).await;
            let events = events_of_payment(&platform, &jane, &checkout).await;
            let mut sequence: Vec<_> = order.iter().map(|&index| events[index].clone()).collect();
            match number % 4 {
                0 => {
                    for event in &sequence {
                        deliver(&platform, event).await.expect("accepted");
                        let look = sync_payload(&event["data"]["object"]).expect("an object");
                        let look = serde_json::from_value(look).expect("an object");
                        platform.control.billing.sync_stripe(&look).await.expect("looked at");
                    }
                }
                1 => sequence = sequence.into_iter().flat_map(|event| [event.clone(), event]).collect(),
                2 => drop(sequence.remove(0)),
                _ => {
                    let all = sequence.iter().flat_map(|event| [event, event]).map(|event| deliver(&platform, event));
                    for answer in join_all(all).await {
                        answer.expect("accepted");
                    }
                }
            }
            for event in &sequence {
                deliver(&platform, event).await.expect("accepted");
            }
            checkouts.push((jane, checkout.id));
        }
        // The workers look at the events of all these orders, some at once.
        platform.run_until_idle().await;
        for (jane, id) in checkouts {
            let order = platform.control.billing.checkout(&platform.now(&jane), id).await.expect("an order");
            let id = order.site.unwrap_or_else(|| panic!("no site: {order:?}"));
            let held = subscription_of(&platform, &jane, id).await;
            assert_eq!((held.status, held.access), (SubscriptionStatus::Active, Access::Full), "{order:?}");
            assert_eq!(site(&platform, id).await.state(), SiteState::Active, "{order:?}");
            let billing = &platform.control.billing;
            assert_eq!(billing.own_payments(&platform.now(&jane)).await.expect("payments").len(), 1, "{order:?}");
            assert_eq!(billing.own_subscriptions(&platform.now(&jane)).await.expect("a list").len(), 1, "{order:?}");
        }
        // Else each run would look through the events of all.
        wait(&platform, HOUR * 2);
    }
    assert_eq!(double(&platform).objects("customer").len(), 120);
    assert_eq!(double(&platform).objects("subscription").len(), 120);
    assert_eq!(mismatches(&platform).await, []);
}

/// Pays an order; its five events.
async fn events_of_payment(platform: &TestPlatform, cx: &RequestContext, checkout: &CheckoutView) -> Vec<Value> {
    let before = double(platform).control("count", &json!({ "object": "event" }));
    pay(platform, cx, checkout, "good").await;
    double(platform).control("emit-last", &json!({ "type": "invoice.payment_failed", "object": "invoice" }));
    let new = double(platform).control("objects", &json!({ "object": "event", "from": before }));
    let wanted = [
        "checkout.session.completed",
        "customer.subscription.created",
        "customer.subscription.updated",
        "invoice.paid",
        "invoice.payment_failed",
    ];
    let new = new.as_array().expect("a list");
    wanted.map(|kind| new.iter().find(|event| event["type"] == kind).expect(kind).clone()).to_vec()
}

/// Workers that look at the same order at the same moment make one site of it.
#[tokio::test]
async fn many_looks_at_once_make_one_site() {
    let platform = platform_with([shop_plan("basic", "29.90")]).await;
    let jane = platform.customer("jane").await;
    let checkout = begin(&platform, &jane, "bakery").await;
    pay(&platform, &jane, &checkout, "good").await;
    let events = double(&platform).events();
    let objects: Vec<_> = events
        .iter()
        .filter_map(|event| serde_json::from_value(sync_payload(&event["data"]["object"])?).ok())
        .collect();
    assert!(objects.len() > 5, "{events:?}");
    let (other, _) = platform.another().await;
    let services = [&platform.control, &other];
    let looks = objects.iter().flat_map(|object| services.map(|control| control.billing.sync_stripe(object)));
    for outcome in join_all(looks).await {
        // A look that comes too late may fail, and its task tries again.
        if let Err(error) = outcome {
            tracing::info!(%error, "a look failed");
        }
    }
    deliver_all(&platform).await;
    let order = platform.control.billing.checkout(&platform.now(&jane), checkout.id).await.expect("an order");
    assert_eq!(site(&platform, order.site.expect("a site")).await.state(), SiteState::Active);
    let payments = platform.control.billing.own_payments(&platform.now(&jane)).await.expect("payments");
    assert_eq!(payments.len(), 1);
    assert_eq!(platform.world().await.count("site"), 1);
    assert_eq!(mismatches(&platform).await, []);
}

fn sync_payload(object: &Value) -> Option<Value> {
    let kind = match object["object"].as_str()? {
        "checkout.session" => "session",
        kind @ ("subscription" | "invoice") => kind,
        _ => return None,
    };
    Some(json!({ "object": kind, "id": object["id"] }))
}

#[tokio::test]
async fn what_is_not_stripes_is_refused_and_repeats_have_no_effect() {
    let platform = platform_with([shop_plan("basic", "29.90")]).await;
    let jane = platform.customer("jane").await;
    let checkout = begin(&platform, &jane, "bakery").await;
    pay(&platform, &jane, &checkout, "good").await;
    let events = double(&platform).events();
    let done = events.iter().find(|event| event["type"] == "checkout.session.completed").expect("an event");
    let billing = &platform.control.billing;
    let (header, body) = signed(done, platform.clock.now());
    for (header, body) in [(String::new(), body.clone()), (header.clone(), b"{}".to_vec()), ("t=1,v1=00".into(), body)]
    {
        let refused = billing.receive_stripe_event(&header, &body).await;
        assert!(matches!(refused, Err(WebhookRefused::Signature(_))), "{refused:?}");
    }
    let (old, body) = signed(done, platform.clock.now() - SignedDuration::from_secs(301));
    assert!(matches!(billing.receive_stripe_event(&old, &body).await, Err(WebhookRefused::Signature(_))));
    let mut live = done.clone();
    live["livemode"] = json!(true);
    assert!(matches!(deliver(&platform, &live).await, Err(WebhookRefused::Mode)));
    assert!(matches!(deliver(&platform, &json!({ "id": "evt_1" })).await, Err(WebhookRefused::Body)));
    // Of an object that is gone, a kind, a customer and an account that we don't know.
    let draft = json!({ "id": "evt_draft", "type": "invoice.created", "livemode": false, "created": 1_900_000_000,
        "data": { "object": { "id": "in_deleted", "object": "invoice" } } });
    deliver(&platform, &draft).await.expect("accepted");
    let foreign = json!({ "id": "evt_foreign", "type": "future.thing", "livemode": false, "created": 1_900_000_000,
        "data": { "object": { "id": "thing_1", "object": "thing" } } });
    deliver(&platform, &foreign).await.expect("accepted");
    let foreign = json!({ "id": "evt_other", "type": "invoice.paid", "livemode": false, "created": 1_900_000_000,
        "data": { "object": { "object": "invoice" } } });
    deliver(&platform, &foreign).await.expect("accepted");
    platform.run_until_idle().await;
    assert_eq!(platform.world().await.count("site"), 0);
    // Eight times at once.
    let all = join_all((0..8).map(|_| deliver(&platform, done))).await;
    assert!(all.into_iter().all(|answer| answer.is_ok()));
    platform.run_until_idle().await;
    assert_eq!(platform.world().await.count("site"), 1);
}

#[tokio::test]
async fn a_failed_card_leads_to_letters_a_stop_and_back_within_one_payment() {
    let platform = platform_with([shop_plan("basic", "29.90")]).await;
    let jane = platform.customer("jane").await;
    let id = paid_shop(&platform, &jane, "bakery").await;
    let customer = double(&platform).objects("customer").first().map(id_of).expect("a customer");
    double(&platform).control("card", &json!({ "customer": customer, "good": false }));
    pass(&platform, DAY * 32).await;
    let held = subscription_of(&platform, &jane, id).await;
    assert_eq!((held.status, held.access), (SubscriptionStatus::PastDue, Access::Grace));
    let due = held.owed_since.expect("since when");
    pass(&platform, DAY * 7).await;
    let held = subscription_of(&platform, &jane, id).await;
    assert_eq!((held.access, held.owed_since), (Access::Restricted, Some(due)), "the date stays");
    pass(&platform, DAY * 8).await;
    let stopped = site(&platform, id).await;
    assert_eq!(stopped.suspensions.first().map(|of| of.reason), Some(SuspensionReason::NonPayment));
    let letters: Vec<_> = platform.outbox().into_iter().filter(|mail| mail.contains("jane@")).collect();
    for subject in ["Payment for", "will be stopped on", "was stopped"] {
        assert!(letters.iter().any(|mail| mail.contains(subject)), "{subject}");
    }
    // A renewal is open by now as well; paying all brings the site back.
    double(&platform).control("card", &json!({ "customer": customer, "good": true }));
    deliver_all(&platform).await;
    let held = subscription_of(&platform, &jane, id).await;
    assert_eq!((held.status, held.access, held.owed_since), (SubscriptionStatus::Active, Access::Full, None));
    assert_eq!(site(&platform, id).await.state(), SiteState::Active);
    assert_eq!(mismatches(&platform).await, []);
}

#[tokio::test]
async fn an_order_that_is_not_paid_gives_its_address_back_and_one_that_is_paid_late_does_not() {
    let platform = platform_with([shop_plan("basic", "29.90")]).await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    let left = begin(&platform, &jane, "bakery").await;
    platform.control.billing.payment_page(&jane, left.id).await.expect("a page");
    let paid = begin(&platform, &jane, "florist").await;
    pay(&platform, &jane, &paid, "good").await;
    // No event has come, and the time is over.
    platform.clock.advance(HOUR * 3);
    platform.control.billing.expire_checkouts().await.expect("looked at");
    platform.run_until_idle().await;
    let order = platform.control.billing.checkout(&platform.now(&jane), paid.id).await.expect("an order");
    assert_eq!(site(&platform, order.site.expect("a site")).await.state(), SiteState::Active);
    let order = platform.control.billing.checkout(&platform.now(&jane), left.id).await.expect("an order");
    assert_eq!(order.state, "expired");
    assert_eq!(double(&platform).objects("checkout.session")[0]["status"], "expired", "nobody can pay it any more");
    begin(&platform, &joe, "bakery").await;
    // Cancelled in one tab while it was paid in the other.
    let both = begin(&platform, &jane, "grocer").await;
    pay(&platform, &jane, &both, "good").await;
    let cancelled = platform.control.billing.cancel_checkout(&platform.now(&jane), both.id).await;
    assert!(matches!(cancelled, Err(Error::Conflict(_))), "{cancelled:?}");
    let order = platform.control.billing.checkout(&platform.now(&jane), both.id).await.expect("an order");
    assert!(order.site.is_some());
}

#[tokio::test]
async fn a_bank_transfer_keeps_the_address_until_it_arrives() {
    let platform = platform_with([shop_plan("basic", "29.90")]).await;
    let jane = platform.customer("jane").await;
    let checkout = begin(&platform, &jane, "bakery").await;
    let session = pay(&platform, &jane, &checkout, "bank").await;
    deliver_all(&platform).await;
    let order = platform.control.billing.checkout(&platform.now(&jane), checkout.id).await.expect("an order");
    assert!(order.is_under_way && order.site.is_none(), "{order:?}");
    let again = platform.control.billing.payment_page(&platform.now(&jane), checkout.id).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    pass(&platform, DAY * 4).await;
    assert_eq!(platform.world().await.count("site"), 0);
    double(&platform).control("settle", &json!({ "session": session }));
    deliver_all(&platform).await;
    let order = platform.control.billing.checkout(&platform.now(&jane), checkout.id).await.expect("an order");
    assert_eq!(site(&platform, order.site.expect("a site")).await.state(), SiteState::Active);
}

/// Stripe is slow, busy, broken, or its answer is lost, at every call.
#[tokio::test]
async fn whatever_stripe_answers_one_payment_is_one_site() {
    let platform = platform_with([shop_plan("basic", "29.90")]).await;
    let jane = platform.customer("jane").await;
    let fault = |kind: &str, method: &str, path: &str, times: u32| {
        let body = json!({ "kind": kind, "method": method, "path": path, "times": times });
        double(&platform).control("fault", &body);
    };
    for (number, kind) in ["500", "429", "lost", "html"].into_iter().enumerate() {
        for path in ["/v1/customers", "/v1/products", "/v1/prices", "/v1/checkout/sessions"] {
            fault(kind, "POST", path, 1);
        }
        let checkout = begin(&platform, &jane, &format!("shop-{number}")).await;
        pay(&platform, &jane, &checkout, "good").await;
        for path in ["/v1/checkout/sessions", "/v1/subscriptions", "/v1/invoices"] {
            fault(kind, "GET", path, 4);
        }
        deliver_all(&platform).await;
        platform.clock.advance(HOUR);
        platform.run_until_idle().await;
        let order = platform.control.billing.checkout(&platform.now(&jane), checkout.id).await.expect("an order");
        assert!(order.site.is_some(), "{kind}: {order:?}");
    }
    for kind in ["customer", "product", "price"] {
        assert_eq!(double(&platform).objects(kind).len(), 1, "{kind}");
    }
    assert_eq!(double(&platform).objects("checkout.session").len(), 4);
    // Away for longer than anybody waits: the order stays, and can be paid later.
    let checkout = begin(&platform, &jane, "patient").await;
    fault("500", "POST", "/v1/checkout/sessions", 20);
    let error = platform.control.billing.payment_page(&jane, checkout.id).await.expect_err("away");
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    fault("500", "POST", "/v1/checkout/sessions", 0);
}

#[tokio::test]
async fn another_plan_costs_what_was_shown_and_changes_the_limits() {
    let small = SavePlan { memory: "512m".into(), disk: "5g".into(), ..shop_plan("small", "10") };
    let large = SavePlan { memory: "1g".into(), disk: "20g".into(), ..shop_plan("large", "40") };
    let platform = platform_with([small, large]).await;
    let jane = platform.customer("jane").await;
    let billing = &platform.control.billing;
    let id = paid_shop(&platform, &jane, "bakery").await;
    let held = subscription_of(&platform, &jane, id).await;
    assert_eq!(site(&platform, id).await.limits.memory, Bytes::mib(512));
    pass(&platform, DAY * 15).await;
    let offer = billing.preview_change(&platform.now(&jane), held.id, "large:month").await.expect("an offer");
    let due = offer.due.expect("an amount");
    assert!((1300..=1600).contains(&due.minor), "about half of the difference: {due}");
    // The card is declined: nothing changes.
    let customer = double(&platform).objects("customer").first().map(id_of).expect("a customer");
    double(&platform).control("card", &json!({ "customer": customer, "good": false }));
    let refused = billing.change_plan(&platform.now(&jane), held.id, "large:month", offer.at).await;
    assert!(matches!(&refused, Err(Error::Conflict(text)) if text.contains("declined")), "{refused:?}");
    deliver_all(&platform).await;
    assert_eq!(subscription_of(&platform, &jane, id).await.plan, "small");
    double(&platform).control("card", &json!({ "customer": customer, "good": true }));
    let offer = billing.preview_change(&platform.now(&jane), held.id, "large:month").await.expect("an offer");
    let changed = billing.change_plan(&platform.now(&jane), held.id, "large:month", offer.at).await;
    let Ok(Changed::Now(changed)) = changed else { panic!("{changed:?}") };
    assert_eq!((changed.plan.as_str(), changed.money.minor), ("large", 4000));
    platform.control.sites.reconcile_environments().await.expect("looked at");
    platform.run_until_idle().await;
    deliver_all(&platform).await;
    let now = site(&platform, id).await;
    assert_eq!((now.limits.memory, now.state()), (Bytes::mib(1024), SiteState::Active));
    let stored = platform.control.sites.storage(&platform.now(&jane), id).await.expect("a view");
    assert_eq!(stored.limit, 20 << 30);
    let paid = billing.own_payments(&platform.now(&jane)).await.expect("payments");
    assert_eq!(paid.iter().map(|of| of.money.minor).collect::<Vec<_>>(), [offer.due.expect("an amount").minor, 1000]);
    // The same plan again, a plan that isn't there, and an old offer.
    let same = billing.preview_change(&platform.now(&jane), held.id, "large:month").await;
    assert!(matches!(same, Err(Error::Conflict(_))), "{same:?}");
    assert!(billing.preview_change(&platform.now(&jane), held.id, "huge").await.is_err());
    let old = billing.change_plan(&platform.now(&jane), held.id, "small:month", offer.at - HOUR * 2).await;
    assert!(matches!(old, Err(Error::Conflict(_))), "{old:?}");
    // Down again, at Stripe's own page: it is mapped back.
    let price =
        double(&platform).objects("price").into_iter().find(|price| price["unit_amount"] == 1000).expect("a price");
    let mut at_stripe = double(&platform).objects("subscription").pop().expect("a subscription");
    at_stripe["items"]["data"][0]["price"] = price;
    let sub = id_of(&at_stripe);
    // At the same time a payment becomes late: both take effect.
    let fields = json!({ "items": at_stripe["items"], "status": "past_due" });
    double(&platform).control("set", &json!({ "id": sub, "fields": fields }));
    double(&platform).control("emit", &json!({ "type": "customer.subscription.updated", "id": sub }));
    deliver_all(&platform).await;
    platform.control.sites.reconcile_environments().await.expect("looked at");
    platform.run_until_idle().await;
    let held = subscription_of(&platform, &jane, id).await;
    assert_eq!((held.plan.as_str(), held.access), ("small", Access::Grace));
    assert_eq!(site(&platform, id).await.limits.memory, Bytes::mib(512));
    assert_eq!(mismatches(&platform).await, []);
}

#[tokio::test]
async fn what_is_changed_at_stripe_is_copied_or_shown() {
    let platform = platform_with([shop_plan("basic", "29.90")]).await;
    let jane = platform.customer("jane").await;
    let id = paid_shop(&platform, &jane, "bakery").await;
    let (double, billing) = (double(&platform), &platform.control.billing);
    let sub = double.objects("subscription").first().map(id_of).expect("a subscription");
    let touch = |fields: Value| {
        double.control("set", &json!({ "id": sub, "fields": fields }));
        double.control("emit", &json!({ "type": "customer.subscription.updated", "id": sub }));
    };
    // The portal sets a date and leaves the switch.
    let end = platform.clock.now().as_second() + 86_400;
    touch(json!({ "cancel_at": end }));
    deliver_all(&platform).await;
    let held = subscription_of(&platform, &jane, id).await;
    assert_eq!(held.cancel_at.map(|at| at.as_second()), Some(end));
    billing.keep_subscription(&platform.now(&jane), held.id).await.expect("kept");
    assert_eq!(double.objects("subscription")[0]["cancel_at"], Value::Null);
    assert_eq!(subscription_of(&platform, &jane, id).await.cancel_at, None);
    // A status that Stripe has invented since.
    touch(json!({ "status": "dormant" }));
    deliver_all(&platform).await;
    assert_eq!(subscription_of(&platform, &jane, id).await.status, SubscriptionStatus::Active);
    assert_eq!(mismatches(&platform).await, [MismatchKind::Unknown]);
    double.control("set", &json!({ "id": sub, "fields": { "status": "active" } }));
    let admin = platform.staff(Role::Admin).await;
    let found = billing.mismatches(&admin).await.expect("a list");
    billing.check_mismatch(&admin, &found[0].id).await.expect("looked at");
    assert_eq!(mismatches(&platform).await, []);
    // Another amount, at a price that isn't ours.
    let mut items = double.objects("subscription")[0]["items"].clone();
    items["data"][0]["price"]["id"] = json!("price_foreign");
    items["data"][0]["price"]["lookup_key"] = Value::Null;
    touch(json!({ "items": items }));
    deliver_all(&platform).await;
    assert_eq!(mismatches(&platform).await, [MismatchKind::Amount]);
    assert_eq!(subscription_of(&platform, &jane, id).await.plan, "basic");
    // A refund is a payment back, once.
    let intent = double.objects("invoice_payment")[0]["payment"]["payment_intent"].clone();
    let call = billing_refund(double, &intent);
    assert!(call.starts_with("re_"), "{call}");
    deliver_all(&platform).await;
    deliver_all(&platform).await;
    let paid = billing.own_payments(&platform.now(&jane)).await.expect("payments");
    assert_eq!(paid.iter().map(|of| of.money.minor).sum::<i64>(), 0);
    double.control("dispute", &json!({}));
    deliver_all(&platform).await;
    assert_eq!(mismatches(&platform).await, [MismatchKind::Amount, MismatchKind::Dispute]);
    let mails = platform.outbox();
    assert!(mails.iter().any(|mail| mail.contains("Payment mismatch")), "staff are told");
}

fn billing_refund(double: &StripeDouble, intent: &Value) -> String {
    id_of(&double.control("refund", &json!({ "payment_intent": intent })))
}

#[tokio::test]
async fn a_deleted_site_is_not_paid_any_longer() {
    let platform = platform_with([shop_plan("basic", "29.90")]).await;
    let jane = platform.customer("jane").await;
    let id = paid_shop(&platform, &jane, "bakery").await;
    platform.control.sites.delete(&platform.now(&jane), id).await.expect("a job");
    platform.run_until_idle().await;
    let billing = &platform.control.billing;
    billing.reconcile_subscriptions().await.expect("put into effect");
    assert_eq!(
        double(&platform).objects("subscription")[0]["cancel_at_period_end"],
        true,
        "not while it can be restored"
    );
    wait(&platform, DAY * 8);
    platform.control.sites.purge_due().await.expect("purged");
    platform.run_until_idle().await;
    billing.reconcile_subscriptions().await.expect("put into effect");
    assert_eq!(double(&platform).objects("subscription")[0]["status"], "canceled");
    assert_eq!(subscription_of(&platform, &jane, id).await.status, SubscriptionStatus::Canceled);
}

/// The payment is a fact before the site is made: what goes wrong then is repeated, and staff are told.
#[tokio::test]
async fn a_paid_site_that_can_not_be_made_is_owed() {
    let platform = platform_with([shop_plan("basic", "29.90")]).await;
    let jane = platform.customer("jane").await;
    let checkout = begin(&platform, &jane, "bakery").await;
    pay(&platform, &jane, &checkout, "good").await;
    platform.break_table("hostnames").await;
    for event in double(&platform).events() {
        deliver(&platform, &event).await.expect("accepted");
    }
    let session = double(&platform).objects("checkout.session").first().map(id_of).expect("a session");
    let look = serde_json::from_value(json!({ "object": "session", "id": session })).expect("an object");
    assert!(platform.control.billing.sync_stripe(&look).await.is_err());
    platform.mend_table("hostnames").await;
    assert_eq!(mismatches(&platform).await, [MismatchKind::NoSite]);
    let order = platform.control.billing.checkout(&platform.now(&jane), checkout.id).await.expect("an order");
    assert_eq!((order.state.as_str(), order.site), ("paid", None), "the address stays reserved");
    let joe = platform.customer("joe").await;
    assert!(platform.control.billing.order(&joe, shop("bakery"), None).await.is_err());
    // The daily comparison would do; the list's button does too.
    platform.control.billing.reconcile_stripe().await.expect("compared");
    platform.run_until_idle().await;
    let order = platform.control.billing.checkout(&platform.now(&jane), checkout.id).await.expect("an order");
    assert_eq!(site(&platform, order.site.expect("a site")).await.state(), SiteState::Active);
    assert_eq!(mismatches(&platform).await, []);
}

#[tokio::test]
async fn events_that_never_come_are_found() {
    let platform = platform_with([shop_plan("basic", "29.90")]).await;
    let jane = platform.customer("jane").await;
    platform.control.billing.reconcile_stripe().await.expect("compared");
    let checkout = begin(&platform, &jane, "bakery").await;
    pay(&platform, &jane, &checkout, "good").await;
    platform.control.billing.reconcile_stripe().await.expect("compared");
    platform.run_until_idle().await;
    let order = platform.control.billing.checkout(&platform.now(&jane), checkout.id).await.expect("an order");
    let id = order.site.expect("a site");
    // A subscription that Stripe has forgotten, and one that was never told to have ended.
    let sub = double(&platform).objects("subscription").first().map(id_of).expect("a subscription");
    double(&platform)
        .control("set", &json!({ "id": sub, "fields": { "status": "canceled", "ended_at": 1_900_000_000 } }));
    wait(&platform, DAY);
    platform.control.billing.reconcile_stripe().await.expect("compared");
    assert_eq!(subscription_of(&platform, &jane, id).await.access, Access::Ended);
    let second = paid_shop(&platform, &jane, "florist").await;
    let sub = double(&platform).objects("subscription").last().map(id_of).expect("a subscription");
    double(&platform).control("delete", &json!({ "id": sub }));
    wait(&platform, DAY);
    platform.control.billing.reconcile_stripe().await.expect("compared");
    assert_eq!(mismatches(&platform).await, [MismatchKind::Missing]);
    assert_eq!(subscription_of(&platform, &jane, second).await.access, Access::Full, "the site goes on");
}

#[tokio::test]
async fn prices_are_made_at_stripe_and_differences_shown() {
    let platform = platform_with([shop_plan("basic", "29.90"), shop_plan("free", "0")]).await;
    let admin = platform.staff(Role::Admin).await;
    let billing = &platform.control.billing;
    let dry = billing.sync_plans(&admin, false).await.expect("differences");
    assert_eq!(dry.len(), 2, "{dry:?}");
    assert_eq!(double(&platform).objects("product").len(), 0, "nothing was changed");
    billing.sync_plans(&admin, true).await.expect("synced");
    assert_eq!(billing.sync_plans(&admin, false).await.expect("differences"), []);
    let plan =
        billing.price_list().await.expect("plans").into_iter().find(|plan| plan.slug == "basic").expect("a plan");
    let command = SavePlan { name: "Renamed".into(), ..shop_plan("basic", "39.90") };
    billing.update_plan(&admin, plan.id, plan.version, command).await.expect("changed");
    let changes: Vec<_> =
        billing.sync_plans(&admin, true).await.expect("synced").into_iter().map(|of| of.change).collect();
    assert_eq!(changes.len(), 3, "{changes:?}");
    assert_eq!(billing.sync_plans(&admin, false).await.expect("differences"), []);
    let active: Vec<_> = double(&platform).objects("price").into_iter().filter(|of| of["active"] == true).collect();
    assert_eq!(active.len(), 1);
    assert_eq!(active[0]["unit_amount"], 3990);
}

/// A site on a free plan, or on none any more, is paid for first; then it is the same site, with its data.
#[tokio::test]
async fn a_site_that_exists_is_paid_for_and_stays_what_it_is() {
    let (free, paid) = (shop_plan("free", "0"), SavePlan { memory: "1g".into(), ..shop_plan("basic", "29.90") });
    let platform = platform_with([free, paid]).await;
    let jane = platform.customer("jane").await;
    let (double, billing) = (double(&platform), &platform.control.billing);
    let Placed::Site(ordered) = billing.order(&jane, shop("bakery"), None).await.expect("ordered") else {
        panic!("it is free")
    };
    platform.run_until_idle().await;
    let id = ordered.site;
    let before = site(&platform, id).await;
    let subscribe = async || {
        let held = subscription_of(&platform, &jane, id).await;
        let offer = billing.preview_change(&platform.now(&jane), held.id, "basic").await.expect("an offer");
        assert!(offer.is_paid_first && offer.due.is_some_and(|due| due.minor == 2990), "{offer:?}");
        let begun = billing.change_plan(&platform.now(&jane), held.id, "basic", offer.at).await.expect("begun");
        let Changed::Checkout(order) = begun else { panic!("{begun:?}") };
        order
    };
    let order = subscribe().await;
    assert_eq!(subscribe().await.id, order.id, "the same order again is the same one");
    assert_eq!(subscription_of(&platform, &jane, id).await.provider, Provider::Free, "nothing changes before");
    let admin = platform.staff(Role::Admin).await;
    let by_hand = billing.mark_checkout_paid(&admin, order.id, Default::default()).await;
    assert!(matches!(by_hand, Err(Error::Conflict(_))), "{by_hand:?}");
    pay(&platform, &jane, &order, "good").await;
    deliver_all(&platform).await;
    platform.control.sites.reconcile_environments().await.expect("looked at");
    platform.run_until_idle().await;
    let held = subscription_of(&platform, &jane, id).await;
    assert_eq!((held.provider, held.access, held.plan.as_str()), (Provider::Stripe, Access::Full, "basic"));
    let now = site(&platform, id).await;
    assert_eq!(
        (now.limits.memory, now.project.clone(), now.state()),
        (Bytes::mib(1024), before.project, SiteState::Active)
    );
    assert_eq!(platform.world().await.count("site"), 1);
    // Cancelled, ended, stopped; and back with a new subscription.
    billing.cancel_subscription(&platform.now(&jane), held.id).await.expect("cancelled");
    pass(&platform, DAY * 32).await;
    assert_eq!(subscription_of(&platform, &jane, id).await.access, Access::Ended);
    assert!(!site(&platform, id).await.suspensions.is_empty());
    let order = subscribe().await;
    pay(&platform, &jane, &order, "good").await;
    deliver_all(&platform).await;
    let again = subscription_of(&platform, &jane, id).await;
    assert!(again.id != held.id && again.access == Access::Full, "{again:?}");
    assert_eq!(site(&platform, id).await.state(), SiteState::Active);
    assert_eq!(double.objects("customer").len(), 1);
    assert_eq!(mismatches(&platform).await, []);
}
