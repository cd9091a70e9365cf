//! Domains behind a proxy, a CDN, a load balancer or NAT: their addresses are not the platform's.

use stoa_db::certificates;
use stoa_testkit::Forwarder;

use crate::{
    certificate_orders::ordered,
    certificate_trouble::{brought, order_of},
    domains::{host, ip},
    pebble::{bed, served},
};

const PROXY: &str = "9.9.9.9";

#[tokio::test]
async fn a_name_whose_proxy_forwards_here_gets_and_renews_its_certificate() {
    let Some(bed) = bed(|_| ()).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    platform.world_dns.set_addresses(&host("bakery.example"), &[ip(PROXY)]);
    platform.probe.proxy(ip(PROXY), Forwarder::Closed);
    let site = platform.shop(&jane, "bakery").await.site;
    let domain = brought(platform, &jane, site).await;
    let check = async || {
        let seen = platform.control.domains.check_domain(&platform.now(&jane), domain).await.expect("checked");
        seen.problem
    };

    // Nothing of ours comes back: no order, and the problem names the proxy and the ways out.
    let workers = platform.run();
    platform.until("the check", async || order_of(platform, "bakery.example").await.is_some()).await;
    workers.stop().await;
    let order = order_of(platform, "bakery.example").await.expect("an order");
    assert_eq!((order.failures, order.order_url), (0, None), "the authority was not asked");
    for problem in [order.problem, check().await] {
        let problem = problem.expect("a problem");
        for part in ["still points to 9.9.9.9 (cloudflare)", "/.well-known/acme-challenge/", "upload a certificate"] {
            assert!(problem.contains(part), "{part}: {problem}");
        }
    }

    platform.probe.proxy(ip(PROXY), Forwarder::EndToEnd);
    assert_eq!(check().await, None);
    let workers = platform.run();
    platform.until("the certificate", async || served(&platform.edge, "bakery.example").is_some()).await;
    workers.stop().await;
    let first = served(&platform.edge, "bakery.example");
    let now = platform.clock.now();
    for (id, _) in certificates::certificates_live(&platform.db, now).await.expect("certificates") {
        let due =
            platform.db.write(|tx| Box::pin(async move { certificates::certificate_renew_at(&tx, id, now).await }));
        due.await.expect("due");
    }
    let workers = platform.run();
    platform.until("its renewal", async || served(&platform.edge, "bakery.example") != first).await;
    workers.stop().await;

    // What comes back over plain HTTP only would be redirected for ever.
    platform.probe.proxy(ip(PROXY), Forwarder::PlainBehind);
    let problem = check().await.expect("a problem");
    assert!(problem.contains("in circles") && problem.contains("Full (strict)"), "{problem}");
    platform.probe.proxy(ip(PROXY), Forwarder::EndToEnd);
    assert_eq!(check().await, None);
}

/// A forgotten AAAA record: what the authority refuses once, it refuses until the records change.
#[tokio::test]
async fn an_old_address_costs_one_order() {
    let Some(bed) = bed(|_| ()).await else { return };
    let (platform, jane) = (&bed.platform, bed.platform.customer("jane").await);
    // Nobody listens there.
    let (here, old) = ("127.0.0.1", "127.0.0.9");
    bed.names.set_addresses("bakery.example", &[old]);
    platform.world_dns.set_addresses(&host("bakery.example"), &[ip(here), ip(old)]);
    let site = platform.shop(&jane, "bakery").await.site;
    let domain = brought(platform, &jane, site).await;
    let check = async || {
        platform.control.domains.check_domain(&platform.now(&jane), domain).await.expect("checked");
    };
    let refusal = async || order_of(platform, "bakery.example").await.filter(|order| order.problem.is_some());
    let workers = platform.run();
    platform.until("the refusal", async || refusal().await.is_some()).await;
    workers.stop().await;
    let detail = refusal().await.and_then(|order| order.detail).expect("a detail");
    assert!(detail.starts_with("refused while the name pointed to 127.0.0.1, 127.0.0.9: "), "{detail}");
    for _ in 0..5 {
        check().await;
        let due = refusal().await.expect("an order").next_at;
        let workers = platform.run();
        platform.until("another attempt", async || refusal().await.is_some_and(|order| order.next_at > due)).await;
        workers.stop().await;
        let order = refusal().await.expect("an order");
        assert!(order.problem.expect("a problem").contains("also to 127.0.0.9. Remove the records"));
    }
    assert_eq!(ordered(platform, "bakery.example").await, 1);

    bed.names.set_addresses("bakery.example", &[here]);
    platform.world_dns.set_addresses(&host("bakery.example"), &[ip(here)]);
    check().await;
    let workers = platform.run();
    platform.until("the certificate", async || served(&platform.edge, "bakery.example").is_some()).await;
    workers.stop().await;
    assert_eq!(ordered(platform, "bakery.example").await, 2);
}

/// One token serves for many names, as each makes all edges apply a change; none outlives its hour by much.
#[tokio::test]
async fn tokens_are_few_and_short_lived() {
    let platform =
        stoa_testkit::TestPlatform::builder().settings(|s| s.public_addresses = vec![ip("198.51.100.1")]).build().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    platform.probe.proxy(ip(PROXY), Forwarder::EndToEnd);
    platform.world_dns.set_addresses(&host("bakery.example"), &[ip(PROXY)]);
    let domain = brought(&platform, &jane, site).await;
    let answers = async || {
        let seen = platform.control.domains.check_domain(&platform.now(&jane), domain).await.expect("checked");
        assert_eq!(seen.problem, None);
        platform.edge.table().answers.clone()
    };
    let first = answers().await;
    assert_eq!(first.len(), 1);
    assert_eq!(answers().await, first);
    platform.clock.advance(jiff::SignedDuration::from_hours(2));
    let second = answers().await;
    assert!(second.keys().any(|path| !first.contains_key(path)), "{second:?}");
    // An edge of another process follows: nobody waits until it has forgotten the old one.
    platform.until("one token", async || platform.edge.table().answers.len() == 1).await;
    assert!(platform.edge.table().answers.keys().all(|path| !first.contains_key(path)), "{second:?}");
}
