//! Looking inside a site.

use stoa_core::view::Verdict;
use stoa_model::{account::Role, stack::ServiceName};
use stoa_provider::engine::{NetworkMtu, fake::Verb};
use stoa_sites::MAX_LOG_LINES;
use stoa_testkit::TestPlatform;

use crate::support;

#[tokio::test]
async fn as_many_lines_as_were_asked_for_up_to_the_most() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let project = support::site(&platform, site).await.project;
    (0..MAX_LOG_LINES + 100).for_each(|n| platform.engine.say(&project, &ServiceName("web".into()), &n.to_string()));
    for (asked, given) in [(0, 1), (10, 10), (MAX_LOG_LINES - 1, MAX_LOG_LINES - 1), (u32::MAX, MAX_LOG_LINES)] {
        let lines = platform.control.sites.logs(&jane, site, asked).await.expect("the lines").lines;
        let web = lines.iter().filter(|line| line.service == "web").count();
        assert_eq!(web, given as usize, "of {asked}");
    }
}

/// Each login is a program inside the store: a hundred clicks are not a hundred programs.
#[tokio::test]
async fn one_program_at_a_time_runs_in_a_store() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let other = platform.shop(&jane, "cafe").await.site;
    let before = platform.engine.count(Verb::Exec);
    platform.engine.on_exec(|_, _, _| None);
    let click = |site| {
        let (sites, jane) = (platform.control.sites.clone(), jane.clone());
        tokio::spawn(async move { sites.login_link(&jane, site).await })
    };
    let (first, elsewhere) = (click(site), click(other));
    platform.until("a program in each store", async || platform.engine.count(Verb::Exec) == before + 2).await;
    let refused = click(site).await.expect("no panic").expect_err("refused").to_string();
    assert!(refused.contains("inside this store"), "{refused}");
    assert_eq!(platform.engine.count(Verb::Exec), before + 2);
    first.abort();
    elsewhere.abort();
}

#[tokio::test]
async fn the_doctor_compares_the_packets_of_networks_with_the_way_out() {
    let platform = TestPlatform::new().await;
    let staff = platform.staff(Role::Support).await;
    let finding = async || {
        let findings = platform.control.doctor(&staff).await.expect("findings");
        findings.into_iter().find(|finding| finding.check == "packet size")
    };
    assert!(finding().await.is_none(), "not every engine has such networks");
    let mtu = NetworkMtu { wanted: 1420, source: "the way out, wg0".into(), larger: Vec::new() };
    platform.engine.set_mtu(mtu.clone());
    assert_eq!(finding().await.expect("a finding").verdict, Verdict::Good);
    platform.engine.set_mtu(NetworkMtu { larger: vec![("stoa-a_default".into(), 1500)], ..mtu });
    let wrong = finding().await.expect("a finding");
    assert_eq!(wrong.verdict, Verdict::Warning);
    assert!(wrong.found.contains("wg0") && wrong.found.contains("stoa-a_default (1500)"), "{wrong:?}");
}
