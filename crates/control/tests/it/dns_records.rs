//! DNS records of sites' own names: made with them, kept right, and gone with them; never anybody else's.

use jiff::SignedDuration;

use stoa_provider::dns::RecordName;
use stoa_testkit::TestPlatform;

use crate::{
    domains::{HERE, host, ip, refused},
    support,
};

#[tokio::test]
async fn a_sites_record_is_made_with_it_and_goes_with_it() {
    let build = TestPlatform::builder().zone("stoa.test").settings(|s| {
        s.public_addresses = vec![ip(HERE), ip("2001:db8::1")];
        s.base_domain = host("stoa.test");
    });
    let platform = build.build().await;
    let dns = platform.dns.clone().expect("a zone");
    let jane = platform.customer("jane").await;
    dns.fail_next("the server is away", true);
    let site = platform.shop(&jane, "bakery").await;
    let name = RecordName::host(&host("bakery.stoa.test"));
    let seen = || {
        use stoa_provider::dns::RecordKind::{A, Aaaa};
        (dns.contents(&name, A), dns.contents(&name, Aaaa))
    };
    let both = (vec![HERE.to_owned()], vec!["2001:db8::1".to_owned()]);
    let workers = platform.run();
    platform.until("the records, though the server was away at first", async || seen() == both).await;
    workers.stop().await;
    platform.control.sites.delete(&platform.now(&jane), site.site).await.expect("deleted");
    platform.clock.advance(SignedDuration::from_hours(8 * 24));
    let workers = platform.run();
    platform.until("their removal", async || seen() == (vec![], vec![])).await;
    workers.stop().await;
}

/// The address that was given up may be a stranger's by now.
#[tokio::test]
async fn a_kind_of_addresses_that_the_operator_drops_goes_from_all_sites() {
    use stoa_provider::dns::RecordKind::{A, Aaaa};
    let build = TestPlatform::builder().zone("stoa.test").settings(|s| {
        s.public_addresses = vec![ip(HERE), ip("2001:db8::1")];
        s.base_domain = host("stoa.test");
    });
    let mut platform = build.build().await;
    let dns = platform.dns.clone().expect("a zone");
    let jane = platform.customer("jane").await;
    platform.shop(&jane, "bakery").await;
    let ending = platform.shop(&jane, "butcher").await;
    let names = ["bakery.stoa.test", "butcher.stoa.test"].map(|name| RecordName::host(&host(name)));
    let seen = |kind| names.each_ref().map(|name| dns.contents(name, kind));
    assert_eq!(seen(Aaaa), [["2001:db8::1"], ["2001:db8::1"]]);
    platform.control.sites.delete(&platform.now(&jane), ending.site).await.expect("deleted");

    platform.settings.public_addresses = vec![ip(HERE)];
    let (control, _) = platform.another().await;
    dns.fail_next("the server is away", true);
    // The first round can remove only one of both.
    for left in [1, 0] {
        let workers = stoa_testkit::Workers::of(&control);
        let noted = async || {
            let rows = stoa_db::dns_records::dns_records_all(&platform.db).await.expect("rows");
            rows.iter().filter(|row| row.kind == "AAAA").count()
        };
        platform.until("a removal", async || noted().await == left).await;
        workers.stop().await;
    }
    assert_eq!(seen(Aaaa), [[""; 0], [""; 0]], "of a site that is being deleted too");
    assert_eq!(seen(A), [[HERE], [HERE]]);
}

/// With one address there is one record: the first failure must not pass for a record made.
#[tokio::test]
async fn a_record_that_failed_is_made_by_the_next_round() {
    let build = TestPlatform::builder().zone("stoa.test").settings(|s| {
        s.public_addresses = vec![ip(HERE)];
        s.base_domain = host("stoa.test");
    });
    let platform = build.build().await;
    let dns = platform.dns.clone().expect("a zone");
    let jane = platform.customer("jane").await;
    // Without reconcilers, so that it is the making of the site that fails at it.
    let ordered = platform.order(&jane, "bakery").await;
    support::begin(&platform, ordered.site).await;
    dns.fail_next("the server is away", true);
    support::carry_out(&platform, ordered.job).await;
    let name = RecordName::host(&host("bakery.stoa.test"));
    let workers = platform.run();
    platform
        .until("the record", async || dns.contents(&name, stoa_provider::dns::RecordKind::A) == [HERE.to_owned()])
        .await;
    workers.stop().await;
}

async fn with_zone() -> TestPlatform {
    let build = TestPlatform::builder().zone("stoa.test").settings(|s| {
        s.public_addresses = vec![ip(HERE)];
        s.base_domain = host("stoa.test");
        s.portal_hosts = vec![host("panel.example"), host("desk.stoa.test")];
    });
    build.build().await
}

#[tokio::test]
async fn the_operators_own_records_are_not_to_be_had() {
    let platform = with_zone().await;
    let jane = platform.customer("jane").await;
    platform.world_dns.set_addresses(&host("intranet.stoa.test"), &[ip("10.0.0.5")]);
    let order = stoa_testkit::shop("intranet");
    let taken = platform.control.sites.order(&platform.now(&jane), order, None).await.expect_err("it is in use");
    assert_eq!(support::fields(&taken), ["subdomain"]);
    // One that leads here already is free: by the operator's wildcard, for instance.
    platform.world_dns.set_addresses(&host("bakery.stoa.test"), &[ip(HERE)]);
    let site = platform.shop(&jane, "bakery").await;
    // The portal's own names are nobody's either.
    let words = refused(&platform, &jane, site, "panel.example").await;
    assert!(words.contains("platform's own domain"), "{words}");
    let order = stoa_testkit::shop("desk");
    let reserved = platform.control.sites.order(&platform.now(&jane), order, None).await.expect_err("the portal's");
    assert!(reserved.to_string().contains("subdomain: This name is reserved"), "{reserved}");
}

#[tokio::test]
async fn a_name_server_that_is_away_keeps_nothing_from_going() {
    use stoa_provider::dns::RecordKind::A;
    let platform = with_zone().await;
    let dns = platform.dns.clone().expect("a zone");
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let name = RecordName::host(&host("bakery.stoa.test"));
    platform.run_until_idle().await;
    assert_eq!(dns.contents(&name, A), [HERE.to_owned()]);
    platform.control.sites.delete(&platform.now(&jane), site).await.expect("deleted");
    platform.clock.advance(SignedDuration::from_hours(8 * 24));
    dns.fail_next("the token was revoked", false);
    let workers = platform.run();
    platform
        .until("the purge", async || {
            support::site(&platform, site).await.state() == stoa_model::site::SiteState::Deleted
        })
        .await;
    workers.stop().await;
    // What is left is removed by the names' own reconciler.
    let workers = platform.run();
    platform.until("the record's removal", async || dns.contents(&name, A).is_empty()).await;
    workers.stop().await;
}
