//! Making a domain a site's main address, and giving it up again.

use jiff::SignedDuration;
use stoa_core::Error;
use stoa_domains::command::AddDomain;
use stoa_model::{domain::DomainState, route::Target};
use stoa_sites::view::Ordered;
use stoa_testkit::TestPlatform;

use super::{ELSEWHERE, HERE, add, check, host, ip, platform, prove_by_text, refused};
use crate::support;

#[tokio::test]
async fn from_instructions_to_the_main_address_and_back() {
    let platform = platform().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    let claimed = add(&platform, &jane, site, "https://Bakery.Example/").await;
    assert_eq!((claimed.name.as_str(), claimed.state), ("bakery.example", DomainState::Claimed));
    assert_eq!(claimed.records.iter().map(|r| r.value.as_str()).nth(1), Some(HERE), "the real address");

    // Nothing is there yet: the words say so, and nothing changes.
    let seen = check(&platform, &jane, &claimed).await;
    let problem = seen.problem.expect("a problem");
    assert!(problem.contains("TXT record was not found") && problem.contains("no address records"), "{problem}");
    assert!(!platform.edge.routes().contains_key("bakery.example"));

    // Proven, but it leads elsewhere.
    prove_by_text(&platform, &claimed);
    platform.world_dns.set_addresses(&host("bakery.example"), &[ip(ELSEWHERE)]);
    let seen = check(&platform, &jane, &claimed).await;
    assert_eq!(seen.state, DomainState::Verified);
    let problem = seen.problem.expect("a problem");
    assert!(problem.contains("bakery.example still points to 203.0.113.9, not to this server"), "{problem}");
    platform.run_until_idle().await;
    assert_eq!(support::site(&platform, site.site).await.hostname, host("bakery.localhost"), "not yet");

    // It leads here: the platform makes it the main address by itself, and the old one leads there.
    platform.world_dns.set_addresses(&host("bakery.example"), &[ip(HERE)]);
    assert_eq!(check(&platform, &jane, &claimed).await.problem, None);
    moved(&platform, site, "bakery.example").await;
    let now = support::site(&platform, site.site).await;
    assert_eq!(now.url.as_deref(), Some("http://bakery.example:8080"));
    let routes = platform.edge.routes();
    assert!(matches!(routes["bakery.example"].target, Target::Upstream(_)));
    assert_eq!(routes["bakery.localhost"].target, Target::Redirect(host("bakery.example")));

    // The main address can't be given up; another one can, after it was made the main one.
    let cx = platform.now(&jane);
    assert!(matches!(platform.control.domains.remove_domain(&cx, claimed.id).await, Err(Error::Conflict(_))));
    platform.control.sites.set_main_address(&cx, site.site, "bakery.localhost").await.expect("a job");
    platform.run_until_idle().await;
    assert_eq!(support::site(&platform, site.site).await.hostname, host("bakery.localhost"), "and it stays");
    platform.control.domains.remove_domain(&platform.now(&jane), claimed.id).await.expect("removed");
    assert!(!platform.edge.routes().contains_key("bakery.example"));
    assert!(platform.control.domains.list_domains(&cx, site.site).await.expect("domains").domains.is_empty());
}

/// Lets the platform work until the site has this main address.
pub async fn moved(platform: &TestPlatform, site: Ordered, name: &str) {
    let workers = platform.run();
    platform
        .until("the move", async || {
            let now = support::site(platform, site.site).await;
            now.hostname == host(name) && now.url.is_some_and(|url| url.contains(name))
        })
        .await;
    platform.idle().await;
    workers.stop().await;
}

#[tokio::test]
async fn www_comes_along_and_leads_to_the_main_address() {
    let platform = platform().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    let command = AddDomain { name: "bakery.example".into(), with_www: true, main: true };
    let both = platform.control.domains.add_domain(&platform.now(&jane), site.site, command).await.expect("claims");
    assert_eq!(both.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), ["bakery.example", "www.bakery.example"]);
    for domain in &both {
        platform.world_dns.set_addresses(&host(&domain.name), &[ip(HERE)]);
        prove_by_text(&platform, domain);
        check(&platform, &jane, domain).await;
    }
    moved(&platform, site, "bakery.example").await;
    assert_eq!(platform.edge.routes()["www.bakery.example"].target, Target::Redirect(host("bakery.example")));
}

#[tokio::test]
async fn a_deleted_site_can_give_its_main_address_up_and_comes_back_without_it() {
    let platform = platform().await;
    let jane = platform.customer("jane").await;
    let (old, new) = (platform.shop(&jane, "bakery").await, platform.shop(&jane, "patisserie").await);
    let domain = add(&platform, &jane, old, "bakery.example").await;
    let open = add(&platform, &jane, old, "open.example").await;
    prove_by_text(&platform, &domain);
    platform.world_dns.set_addresses(&host("bakery.example"), &[ip(HERE)]);
    check(&platform, &jane, &domain).await;
    platform.control.sites.set_main_address(&platform.now(&jane), old.site, "bakery.example").await.ok();
    moved(&platform, old, "bakery.example").await;
    platform.control.sites.delete(&platform.now(&jane), old.site).await.expect("deleted");

    // Nothing more comes to a site that ends, and what is refused says what to do.
    let marked = refused(&platform, &jane, old, "other.example").await;
    assert!(marked.contains("marked for deletion"), "{marked}");
    prove_by_text(&platform, &open);
    let seen = check(&platform, &jane, &open).await;
    assert_eq!((seen.state, seen.problem), (DomainState::Claimed, Some(marked.clone())));
    let main = platform.control.sites.set_main_address(&platform.now(&jane), old.site, "bakery.localhost").await;
    assert!(matches!(main, Err(Error::Conflict(words)) if words == marked));
    assert!(refused(&platform, &jane, new, "bakery.example").await.contains("Remove it there first"));
    platform.control.domains.remove_domain(&platform.now(&jane), domain.id).await.expect("removed there");
    let again = add(&platform, &jane, new, "bakery.example").await;
    prove_by_text(&platform, &again);
    assert_eq!(check(&platform, &jane, &again).await.state, DomainState::Verified);

    let restored = platform.control.sites.undelete(&platform.now(&jane), old.site).await.expect("restored");
    let start = restored.job.expect("it is started again");
    platform.run_until_idle().await;
    let start = platform.job(start).await;
    assert_eq!(start.state, stoa_model::job::JobState::Succeeded, "{:?}", start.error_detail);
    moved(&platform, old, "bakery.localhost").await;
    assert!(matches!(platform.edge.routes()["bakery.localhost"].target, Target::Upstream(_)));
    moved(&platform, new, "bakery.example").await;
}

#[tokio::test]
async fn a_site_that_the_edge_refuses_keeps_no_other_from_its_own() {
    let platform = platform().await;
    let jane = platform.customer("jane").await;
    let bad = platform.shop(&jane, "bakery").await;
    platform.edge.refuse(Some(bad.site));
    let cx = platform.now(&jane);
    platform.control.sites.stop(&cx, bad.site).await.expect("a job");
    let good = platform.order(&jane, "butcher").await;
    let workers = platform.run();
    platform
        .until("the other shop", async || {
            support::site(&platform, good.site).await.state() == stoa_model::site::SiteState::Active
        })
        .await;
    assert!(matches!(platform.edge.routes()["butcher.localhost"].target, Target::Upstream(_)));
    assert!(matches!(platform.edge.routes()["bakery.localhost"].target, Target::Upstream(_)), "as it was");
    platform.edge.refuse(None);
    platform
        .until("the stop", async || {
            support::site(&platform, bad.site).await.state() == stoa_model::site::SiteState::Stopped
        })
        .await;
    platform.idle().await;
    workers.stop().await;
}

#[tokio::test]
async fn the_newest_wish_for_a_main_address_counts() {
    let platform = platform().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    let first = add(&platform, &jane, site, "z.example").await;
    prove_by_text(&platform, &first);
    platform.world_dns.set_addresses(&host("z.example"), &[ip(HERE)]);
    check(&platform, &jane, &first).await;
    moved(&platform, site, "z.example").await;
    let second = add(&platform, &jane, site, "a.example").await;
    prove_by_text(&platform, &second);
    platform.world_dns.set_addresses(&host("a.example"), &[ip(HERE)]);
    check(&platform, &jane, &second).await;
    moved(&platform, site, "a.example").await;

    // A look at the new one that fails must not bring the old one back.
    platform.world_dns.set_addresses(&host("a.example"), &[ip(ELSEWHERE)]);
    assert!(check(&platform, &jane, &second).await.problem.is_some());
    platform.clock.advance(SignedDuration::from_hours(7));
    platform.run_until_idle().await;
    assert_eq!(support::site(&platform, site.site).await.hostname, host("a.example"));
}
