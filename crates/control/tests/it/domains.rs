//! Domains that customers bring along: claimed, proven, made the main address, given up, and
//! never taken from somebody else.

use std::net::IpAddr;

use jiff::SignedDuration;
use stoa_core::{Error, RequestContext};
use stoa_domains::{command::AddDomain, view::DomainView};
use stoa_model::{account::Role, domain::DomainState, host::Hostname};
use stoa_sites::view::Ordered;
use stoa_testkit::TestPlatform;

mod claims;
mod main_address;

use self::main_address::moved;

pub const HERE: &str = "198.51.100.1";
pub const ELSEWHERE: &str = "203.0.113.9";

pub fn host(text: &str) -> Hostname {
    Hostname::parse(text).expect("a hostname")
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub async fn platform() -> TestPlatform {
    TestPlatform::builder().settings(|s| s.public_addresses = vec![ip(HERE)]).build().await
}

pub async fn add(platform: &TestPlatform, cx: &RequestContext, site: Ordered, name: &str) -> DomainView {
    let command = AddDomain { name: name.into(), main: true, ..AddDomain::default() };
    let added = platform.control.domains.add_domain(&platform.now(cx), site.site, command).await;
    added.unwrap_or_else(|error| panic!("{name} was refused: {error}")).remove(0)
}

pub async fn refused(platform: &TestPlatform, cx: &RequestContext, site: Ordered, name: &str) -> String {
    let command = AddDomain { name: name.into(), ..AddDomain::default() };
    match platform.control.domains.add_domain(&platform.now(cx), site.site, command).await {
        Err(error @ (Error::Invalid(_) | Error::Conflict(_))) => error.to_string(),
        other => panic!("{name:?}: {other:?}"),
    }
}

pub fn prove_by_text(platform: &TestPlatform, domain: &DomainView) {
    let record = &domain.records[0];
    assert_eq!((record.kind, record.name.as_str()), ("TXT", format!("_stoa.{}", domain.name).as_str()));
    platform.prove(&host(&domain.name), &record.value);
}

pub async fn check(platform: &TestPlatform, cx: &RequestContext, domain: &DomainView) -> DomainView {
    platform.control.domains.check_domain(&platform.now(cx), domain.id).await.expect("a look")
}

#[tokio::test]
async fn names_that_can_not_be_brought_along() {
    let platform = platform().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    let long = format!("{}.example", "a".repeat(64));
    for name in [
        "",
        " ",
        "localhost",
        "shop",
        "bakery.localhost",
        "other.localhost",
        "a b.example",
        "a.com;\n}\nserver{",
        "*.example",
        "<script>.example",
        "user@shop.example",
        "shop.example:80",
        "shop.example/path",
        "127.0.0.1",
        "[::1]",
        "-a.example",
        "a..example",
        &long,
        "a_b.example",
        "127.1",
        "1.2.3",
    ] {
        refused(&platform, &jane, site, name).await;
    }
    for (name, part) in [
        ("other.localhost.", "platform's own domain"),
        ("nas.local", "inside of a network"),
        ("shop.corp.internal", "inside of a network"),
        ("4.3.2.1.in-addr.arpa", "inside of a network"),
        ("shop", "not a whole domain"),
        ("co.uk", "such as shop.co.uk."),
        ("com.", "not a whole domain"),
    ] {
        let refusal = refused(&platform, &jane, site, name).await;
        assert!(refusal.contains(part), "{name}: {refusal}");
    }
    let before = platform.world().await;
    let idn = add(&platform, &jane, site, "BÜCHER.example").await;
    assert_eq!((idn.name.as_str(), idn.display.as_str()), ("xn--bcher-kva.example", "bücher.example"));
    refused(&platform, &jane, site, "xn--bcher-kva.example").await;
    assert_eq!(platform.world().await, before);
    add(&platform, &jane, site, "shop.co.uk").await;
}

#[tokio::test]
async fn every_command_takes_a_name_in_all_its_forms() {
    let platform = platform().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    platform.world_dns.set_addresses(&host("xn--bcher-kva.example"), &[ip(HERE)]);
    for form in ["bücher.example", "BÜCHER.example.", "xn--bcher-kva.example", "https://bücher.example/"] {
        let (cx, command) = (platform.now(&jane), AddDomain { name: form.into(), ..AddDomain::default() });
        let claimed = platform.control.domains.add_domain(&cx, site.site, command).await.expect("a claim").remove(0);
        let found = platform.control.domains.find_domains(&cx, form).await.expect("found");
        assert_eq!(found.iter().map(|domain| domain.id).collect::<Vec<_>>(), [claimed.id]);
        prove_by_text(&platform, &claimed);
        check(&platform, &jane, &claimed).await;
        assert_eq!(platform.control.sites.find(&cx, form).await.map(|found| found.id).expect("found"), site.site);
        platform.control.sites.set_main_address(&cx, site.site, form).await.expect("a job");
        platform.run_until_idle().await;
        let job = platform.control.sites.set_main_address(&platform.now(&jane), site.site, "bakery.localhost.").await;
        job.expect("a job");
        platform.run_until_idle().await;
        platform.control.domains.remove_domain(&platform.now(&jane), claimed.id).await.expect("removed");
    }
}

#[tokio::test]
async fn another_customers_domain_is_not_there_and_support_only_looks() {
    let platform = platform().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    let site = platform.shop(&jane, "bakery").await;
    let domain = add(&platform, &jane, site, "bakery.example").await;
    let support = platform.staff(Role::Support).await;
    for cx in [&joe, &platform.request_context(stoa_model::account::Actor::Nobody)] {
        assert!(platform.control.domains.list_domains(cx, site.site).await.is_err());
        assert!(platform.control.domains.check_domain(cx, domain.id).await.is_err());
        assert!(platform.control.domains.remove_domain(cx, domain.id).await.is_err());
    }
    assert!(matches!(platform.control.domains.remove_domain(&joe, domain.id).await, Err(Error::NotFound("domain"))));
    assert_eq!(platform.control.domains.list_domains(&support, site.site).await.expect("a look").domains.len(), 1);
    assert!(matches!(platform.control.domains.remove_domain(&support, domain.id).await, Err(Error::Forbidden(_))));
}

#[tokio::test]
async fn a_proven_domain_that_leads_elsewhere_is_soon_looked_at_again() {
    let platform = platform().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    let domain = add(&platform, &jane, site, "bakery.example").await;
    prove_by_text(&platform, &domain);
    platform.world_dns.set_addresses(&host("bakery.example"), &[ip(ELSEWHERE)]);
    let seen = check(&platform, &jane, &domain).await;
    assert!((seen.state, seen.problem.is_some()) == (DomainState::Verified, true), "{:?}", seen.problem);
    // The customer has done as he was told, and waits.
    platform.world_dns.set_addresses(&host("bakery.example"), &[ip(HERE)]);
    platform.clock.advance(SignedDuration::from_mins(6));
    moved(&platform, site, "bakery.example").await;
}

#[tokio::test]
async fn what_was_served_is_rolled_up_by_the_hour() {
    let platform = platform().await;
    if platform.is_split() {
        return eprintln!("SKIPPED: another process counts");
    }
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    platform.edge.serve(site, 200, 1000);
    platform.run_until_idle().await;
    platform.edge.serve(site, 503, 10);
    platform.run_until_idle().await;
    platform.clock.advance(SignedDuration::from_hours(1));
    platform.edge.serve(site, 200, 5);
    platform.run_until_idle().await;
    let hours = platform.control.sites.traffic(&platform.now(&jane), site, 3).await.expect("hours");
    let counts: Vec<_> = hours.iter().map(|hour| (hour.traffic.requests, hour.traffic.bytes_out)).collect();
    assert_eq!(counts, [(0, 0), (2, 1010), (1, 5)]);
    assert_eq!(hours[1].traffic.statuses, [0, 0, 1, 0, 0, 1]);
}

#[tokio::test]
async fn a_domain_stays_while_a_job_works_on_its_site() {
    let platform = platform().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    let claimed = add(&platform, &jane, site, "shop.example").await;
    platform.control.sites.stop(&platform.now(&jane), site.site).await.expect("a job, and no worker");
    let refused = platform.control.domains.remove_domain(&platform.now(&jane), claimed.id).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    platform.run_until_idle().await;
    platform.control.domains.remove_domain(&platform.now(&jane), claimed.id).await.expect("removed");
}

/// A domain without subdomain can't be an alias (RFC 1034 3.6.2), so a platform that does not know its addresses can't say
/// where it should point to.
#[tokio::test]
async fn an_apex_asks_for_the_missing_setting_and_never_for_an_alias() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    let apex = add(&platform, &jane, site, "janes-bakery.example").await;
    assert!(apex.records.iter().all(|record| record.kind == "TXT"), "{:?}", apex.records);
    let question = apex.problem.expect("a question");
    assert!(question.contains("Which address should janes-bakery.example point to?"), "{question}");
    assert!(question.contains("`public_addresses`"), "{question}");
    let below = add(&platform, &jane, site, "shop.janes-bakery.example").await;
    assert_eq!((below.records[1].kind, below.problem), ("CNAME", None));
}
