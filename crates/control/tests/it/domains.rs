//! Domains that customers bring along: claimed, proven, made the main address, given up, and
//! never taken from somebody else.

use std::net::IpAddr;

use jiff::SignedDuration;
use stoa_core::{Error, RequestContext};
use stoa_db::domains;
use stoa_domains::{command::AddDomain, view::DomainView};
use stoa_integrations::resolver::{Cause, ResolveError};
use stoa_model::{account::Role, domain::DomainState, host::Hostname, route::Target};
use stoa_sites::view::Ordered;
use stoa_testkit::TestPlatform;

use crate::support;

pub const HERE: &str = "198.51.100.1";
const ELSEWHERE: &str = "203.0.113.9";

pub fn host(text: &str) -> Hostname {
    Hostname::parse(text).expect("a hostname")
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

async fn platform() -> TestPlatform {
    TestPlatform::builder().settings(|s| s.public_addresses = vec![ip(HERE)]).build().await
}

async fn add(platform: &TestPlatform, cx: &RequestContext, site: Ordered, name: &str) -> DomainView {
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

async fn check(platform: &TestPlatform, cx: &RequestContext, domain: &DomainView) -> DomainView {
    platform.control.domains.check_domain(&platform.now(cx), domain.id).await.expect("a look")
}

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
async fn moved(platform: &TestPlatform, site: Ordered, name: &str) {
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

/// The path of a claim's file, and what is in it.
fn file_of(domain: &DomainView) -> (String, String) {
    let (url, body) = domain.file.clone();
    (url.strip_prefix(&format!("http://{}", domain.name)).expect("at the domain").to_owned(), body)
}

#[tokio::test]
async fn a_file_on_somebody_elses_web_server_proves_a_domain() {
    let platform = platform().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    let claimed = add(&platform, &jane, site, "shop.example").await;
    let (path, body) = file_of(&claimed);
    let serve = |at: &str, body: &str| {
        platform.world_dns.set_addresses(&host("shop.example"), &[ip(at)]);
        platform.probe.serve_file((ip(at), 80).into(), "shop.example", &path, body);
    };
    for (at, body) in [("9.9.9.9", "something else"), ("10.0.0.5", &body), (HERE, &body)] {
        serve(at, body);
        assert_eq!(check(&platform, &jane, &claimed).await.state, DomainState::Claimed, "{at}");
    }
    serve("9.9.9.9", &body);
    assert_eq!(check(&platform, &jane, &claimed).await.state, DomainState::Verified);
}

/// What leads here is answered by us for anybody: a wildcard record, a domain whose owner has left or
/// has not claimed it yet.
#[tokio::test]
async fn that_a_name_leads_here_proves_nothing() {
    let platform = platform().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    let (hers, his) = (platform.shop(&jane, "bakery").await, platform.shop(&joe, "butcher").await);
    for name in ["shop.example", "login.shop.example"] {
        platform.world_dns.set_addresses(&host(name), &[ip(HERE)]);
    }
    for name in ["shop.example", "login.shop.example"] {
        let taken = add(&platform, &joe, his, name).await;
        assert_eq!(check(&platform, &joe, &taken).await.state, DomainState::Claimed);
        let (path, _) = file_of(&taken);
        assert!(!platform.edge.table().answers.contains_key(&path), "our edge proves nobody's claim");
    }
    let claimed = add(&platform, &jane, hers, "shop.example").await;
    prove_by_text(&platform, &claimed);
    assert_eq!(check(&platform, &jane, &claimed).await.state, DomainState::Verified);
    // Verified elsewhere: it can't be claimed.
    let meg = platform.customer("meg").await;
    let spare = platform.shop(&meg, "spare").await;
    let words = refused(&platform, &meg, spare, "shop.example").await;
    assert!(words.contains("another account"), "{words}");

    // She leaves, her domain still leads here: who controls it may have it, and nobody else.
    platform.control.sites.set_main_address(&platform.now(&jane), hers.site, "bakery.localhost").await.ok();
    platform.run_until_idle().await;
    platform.control.domains.remove_domain(&platform.now(&jane), claimed.id).await.expect("removed");
    let taken = add(&platform, &meg, spare, "shop.example").await;
    assert_eq!(check(&platform, &meg, &taken).await.state, DomainState::Claimed);
    prove_by_text(&platform, &taken);
    assert_eq!(check(&platform, &meg, &taken).await.state, DomainState::Verified);
}

#[tokio::test]
async fn a_claim_keeps_nobody_away_and_runs_out() {
    let platform = platform().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    let (hers, his) = (platform.shop(&jane, "bakery").await, platform.shop(&joe, "butcher").await);
    let squatted = add(&platform, &joe, his, "shop.example").await;
    let claimed = add(&platform, &jane, hers, "shop.example").await;
    prove_by_text(&platform, &claimed);
    assert_eq!(check(&platform, &jane, &claimed).await.state, DomainState::Verified);

    // His proof comes too late, even if it is a good one.
    platform.prove(&host("shop.example"), &squatted.records[0].value);
    let seen = check(&platform, &joe, &squatted).await;
    assert_eq!(seen.state, DomainState::Claimed);
    assert!(seen.problem.expect("words").contains("in use by another site"));

    platform.clock.advance(SignedDuration::from_hours(8 * 24));
    let workers = platform.run();
    platform
        .until("the claim's end", async || {
            domains::domain_get(&platform.db, squatted.id).await.unwrap().unwrap().state == DomainState::Removed
        })
        .await;
    workers.stop().await;
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
async fn a_name_server_that_is_slow_holds_no_other_domain_up() {
    let platform = platform().await;
    let (jane, joe) = (platform.customer("jane").await, platform.customer("joe").await);
    let (hers, his) = (platform.shop(&jane, "bakery").await, platform.shop(&joe, "butcher").await);
    add(&platform, &jane, hers, "slow.example").await;
    let good = add(&platform, &joe, his, "butcher.example").await;
    prove_by_text(&platform, &good);
    let slow = platform.world_dns.delay_next(&host("slow.example"));
    let workers = platform.run();
    platform
        .until("the other's proof", async || {
            domains::domain_get(&platform.db, good.id).await.unwrap().unwrap().state == DomainState::Verified
        })
        .await;
    assert!(!slow.is_closed(), "hers is still waited for");
    workers.stop().await;
}

#[tokio::test]
async fn names_that_go_round_in_a_circle_and_name_servers_that_are_away() {
    let platform = platform().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    let domain = add(&platform, &jane, site, "bakery.example").await;
    let name = host("bakery.example");
    let circle = ResolveError::Loop { name: name.to_string(), via: vec![name.clone()] };
    platform.world_dns.answer(&name, Err(circle));
    assert!(check(&platform, &jane, &domain).await.problem.expect("words").contains("circle"));
    let record = stoa_provider::dns::RecordName::ownership(&name);
    for (cause, part) in [
        (Cause::Silent, "do not answer"),
        (Cause::Failing, "its zone is broken"),
        (Cause::Refused, "refuse to answer"),
        (Cause::Dnssec, "DNSSEC signatures are invalid"),
    ] {
        let failed = ResolveError::Unavailable { name: name.to_string(), reason: "reason".into(), cause };
        platform.world_dns.answer(&name, Err(failed.clone()));
        platform.world_dns.answer_texts(&record, Err(failed));
        let problem = check(&platform, &jane, &domain).await.problem.expect("a problem");
        for sentence in ["domain is yours: its".to_owned(), format!("{name} can't be looked up: its")] {
            assert!(problem.contains(&sentence) && problem.matches(part).count() == 2, "{cause:?}: {problem}");
        }
    }
}

/// A name server that was asked too early remembers that there was nothing.
#[tokio::test]
async fn a_proof_that_is_not_found_names_the_minutes() {
    let platform = platform().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    let domain = add(&platform, &jane, site, "bakery.example").await;
    let name = host("bakery.example");
    let record = stoa_provider::dns::RecordName::ownership(&name);
    platform.world_dns.set_addresses(&name, &[ip(HERE)]);
    platform.world_dns.set_absence(&record, std::time::Duration::from_secs(3541));
    let seen = check(&platform, &jane, &domain).await;
    let problem = seen.problem.expect("a problem");
    assert!(problem.contains("not found, and if it was just created") && problem.contains("60 minutes"), "{problem}");
    assert_eq!(seen.records.iter().map(|record| record.seen).collect::<Vec<_>>(), [Some(false), Some(true)]);
    platform.prove(&name, "stoa-verification=other");
    let problem = check(&platform, &jane, &domain).await.problem.expect("a problem");
    assert!(problem.contains("the TXT record of _stoa.bakery.example has another value."), "{problem}");
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

/// Where it is not known which addresses are ours, our own edge's answer proves nothing.
#[tokio::test]
async fn without_public_addresses_only_text_proves() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await;
    let domain = add(&platform, &jane, site, "somebody-elses.example").await;
    for address in [HERE, "127.0.0.1", "10.0.0.1"] {
        platform.world_dns.set_addresses(&host("somebody-elses.example"), &[ip(address)]);
        assert_eq!(check(&platform, &jane, &domain).await.state, DomainState::Claimed);
    }
    prove_by_text(&platform, &domain);
    assert_eq!(check(&platform, &jane, &domain).await.state, DomainState::Verified);
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
