//! How a domain is proven: by a record, or by a file elsewhere, and by nothing else.

use jiff::SignedDuration;
use stoa_db::domains;
use stoa_domains::view::DomainView;
use stoa_integrations::resolver::{Cause, ResolveError};
use stoa_model::domain::DomainState;
use stoa_testkit::TestPlatform;

use super::{HERE, add, check, host, ip, platform, prove_by_text, refused};

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
    platform.run_until_idle().await;
    let notices = platform.outbox().iter().filter(|mail| mail.contains("Subject: shop.example is verified")).count();
    assert_eq!(notices, 1);
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
        for sentence in ["verify this domain yet: its".to_owned(), format!("{name} can't be looked up: its")] {
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
