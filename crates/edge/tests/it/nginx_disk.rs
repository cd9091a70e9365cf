//! The files that the nginx edge writes: what is there, who may read it, and that only what changed
//! is touched.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    sync::Arc,
    time::Instant,
};

use rustix::process::Signal;
use stoa_model::{
    id::SiteId,
    route::{Notice, Route, RouteLimits, RoutingTable, Target},
};
use stoa_provider::edge::Edge;
use uuid::Uuid;

use crate::{
    nginx_support::{TestNginx, file, host, needs_nginx, site, table},
    support::{TEST_TIMEOUT, body, mirror, status},
    tls_support::Authority,
};

fn notices(names: &[&'static str]) -> Vec<(&'static str, Target)> {
    names.iter().map(|name| (*name, Target::Notice(Notice::Stopped))).collect()
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[tokio::test]
async fn each_site_has_a_file_and_only_changes_are_written() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    nginx.route(1, &notices(&["a.example.com", "b.example.com"])).await;
    for number in [0, 1] {
        assert_eq!(fs::read_link(nginx.enabled(&file(number))).unwrap(), nginx.available(&file(number)));
    }
    let [a, b] = [0, 1].map(|number| inode(&nginx.available(&file(number))));
    let mut next = table(2, &notices(&["a.example.com", "b.example.com"]));
    next.routes.get_mut("b.example.com").unwrap().target = Target::Notice(Notice::Suspended);
    nginx.edge.apply(next).await.unwrap();
    assert_eq!(inode(&nginx.available(&file(0))), a, "nothing changed for this site");
    assert_ne!(inode(&nginx.available(&file(1))), b, "written aside and renamed");

    nginx.route(3, &notices(&["a.example.com"])).await;
    assert!(!nginx.available(&file(1)).exists() && fs::symlink_metadata(nginx.enabled(&file(1))).is_err());
    assert_eq!(nginx.edge.applied(), 3);
    assert_eq!(nginx.errors(), "", "nginx has nothing to complain of");
}

#[tokio::test]
async fn a_table_without_changes_reloads_nothing() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    nginx.route(1, &notices(&["a.example.com"])).await;
    let before = nginx.everything();
    nginx.route(2, &notices(&["a.example.com"])).await;
    assert_eq!((nginx.everything(), nginx.edge.applied()), (before, 2));
}

#[tokio::test]
async fn keys_are_private_and_removed_with_their_certificate() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let authority = Authority::new();
    let mut first = table(1, &notices(&["a.example.com"]));
    let [old, new, unused] = [(1, "a.example.com"), (2, "a.example.com"), (3, "z.example.org")]
        .map(|(id, name)| authority.certificate(id, &[name]));
    first.certificates = vec![old.clone(), unused.clone()].into();
    nginx.edge.apply(first.clone()).await.unwrap();
    let directory = &nginx.config.certificates;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let key = directory.join(format!("{}.key", old.id));
    assert_eq!((mode(&key), mode(directory)), (0o600, 0o700));
    assert!(!directory.join(format!("{}.key", unused.id)).exists(), "what nobody shows is not written");

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    (first.version, first.certificates) = (2, vec![old.clone(), new.clone()].into());
    fs::write(directory.join("mine.key"), "somebody else's").unwrap();
    nginx.edge.apply(first.clone()).await.unwrap();
    assert!(!key.exists(), "the former certificate is gone with its key");
    assert_eq!(mode(&directory.join(format!("{}.key", new.id))), 0o600);
    assert!(directory.join("mine.key").exists(), "only our files are removed");

    let key = directory.join(format!("{}.key", new.id));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    first.version = 3;
    nginx.edge.apply(first).await.unwrap();
    assert_eq!(mode(&key), 0o600, "an open key is closed again");
}

#[tokio::test]
async fn leftovers_of_a_crash_are_repaired() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    nginx.route(1, &notices(&["a.example.com", "b.example.com"])).await;
    // A file that was being written, one that was not linked yet, one that was cut off, one that
    // leads nowhere, and one whose link leads elsewhere.
    for directory in [&nginx.config.sites_available, &nginx.config.sites_enabled, &nginx.config.certificates] {
        fs::write(directory.join(format!(".{}.part", file(5))), "server {").unwrap();
    }
    fs::remove_file(nginx.enabled(&file(0))).unwrap();
    fs::write(nginx.available(&file(1)), "").unwrap();
    symlink(nginx.available(&file(7)), nginx.enabled(&file(7))).unwrap();
    fs::remove_file(nginx.enabled("stoa-limits.conf")).unwrap();
    symlink("/dev/null", nginx.enabled("stoa-limits.conf")).unwrap();

    let restarted = nginx.another();
    restarted.apply(table(1, &notices(&["a.example.com", "b.example.com"]))).await.unwrap();
    for name in ["a.example.com", "b.example.com"] {
        assert_eq!(status(&nginx.get(name, "").await), 503, "{name}");
    }
    let names: Vec<_> = nginx.everything().into_iter().map(|(path, _)| path).collect();
    assert!(!names.iter().any(|path| path.to_string_lossy().contains(".part")), "{names:?}");
    assert!(!names.contains(&nginx.enabled(&file(7))), "{names:?}");
    assert_eq!(fs::read_link(nginx.enabled("stoa-limits.conf")).unwrap(), nginx.available("stoa-limits.conf"));
}

#[tokio::test]
async fn foreign_files_are_left_alone() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let own = format!("server {{ listen {}; server_name mine.example.com; return 200 mine; }}", nginx.http);
    fs::write(nginx.enabled("mine"), &own).unwrap();
    fs::write(nginx.enabled("stoa-mine.conf"), "# mine").unwrap();
    fs::write(nginx.available("stoa-site_7.conf"), "# no id").unwrap();
    fs::write(nginx.enabled(".stoa-mine.conf.part"), "mine").unwrap();
    nginx.route(1, &notices(&["a.example.com"])).await;
    nginx.edge.regenerate(table(2, &[])).await.unwrap();
    assert_eq!(fs::read_to_string(nginx.enabled("mine")).unwrap(), own);
    assert!(nginx.enabled("stoa-mine.conf").exists() && nginx.available("stoa-site_7.conf").exists());
    assert!(nginx.enabled(".stoa-mine.conf.part").exists());
    assert_eq!(body(&nginx.get("mine.example.com", "").await), "mine", "and is served");
}

#[tokio::test]
async fn regenerating_writes_everything_and_reports() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    nginx.route(1, &notices(&["a.example.com", "b.example.com"])).await;
    let before = inode(&nginx.available(&file(0)));
    fs::write(nginx.available(&file(0)), "# by hand").unwrap();
    let report = nginx.another().regenerate(table(1, &notices(&["a.example.com"]))).await.unwrap();
    assert_eq!((report.written, report.removed), (vec![site(0)], vec![site(1)]));
    assert_eq!((report.refused, report.left_out), (vec![], vec![]));
    assert_ne!(inode(&nginx.available(&file(0))), before);
    assert_eq!(status(&nginx.get("a.example.com", "").await), 503);
    let report = nginx.edge.regenerate(table(1, &notices(&["a.example.com"]))).await.unwrap();
    assert_eq!(report.written, vec![site(0)], "also what is as it should be");
}

#[tokio::test]
async fn traffic_is_counted_across_rotation_and_restart() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    nginx.route(1, &[("a.example.com", Target::Upstream(mirror().await))]).await;
    let count = async |edge: &stoa_edge::nginx::Nginx, wanted: u64| {
        let begun = Instant::now();
        loop {
            let all = edge.traffic().await.unwrap();
            let seen = all.iter().find(|(id, _)| *id == site(0)).map_or(0, |(_, traffic)| traffic.requests);
            if seen == wanted && begun.elapsed().as_millis() > 1500 {
                return;
            }
            assert!(seen <= wanted && begun.elapsed() < TEST_TIMEOUT, "{seen} of {wanted} requests are counted");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let ask = async |times: usize| {
        for _ in 0..times {
            assert_eq!(status(&nginx.get("a.example.com", "").await), 200);
        }
    };
    ask(2).await;
    count(&nginx.edge, 2).await;
    ask(1).await;
    fs::rename(&nginx.config.log, nginx.path("stoa.jsonl.1")).unwrap();
    ask(1).await;
    nginx.signal(Signal::USR1);
    ask(3).await;
    count(&nginx.edge, 7).await;
    ask(2).await;
    count(&nginx.another(), 2).await;
    let log = fs::read_to_string(&nginx.config.log).unwrap() + &fs::read_to_string(nginx.path("stoa.jsonl.1")).unwrap();
    assert_eq!(log.lines().count(), 9);
    nginx.send("GET /secret/a?token=1 HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n").await;
    count(&nginx.another(), 1).await;
    let log = fs::read_to_string(&nginx.config.log).unwrap();
    assert!(log.contains(r#""path":"/secret/a""#) && !log.contains("token"), "no query is logged: {log}");
}

#[tokio::test]
async fn tables_that_come_during_a_reload_share_the_next_one() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let mut config = nginx.config.clone();
    let (reloads, reload) = (nginx.path("reloads"), config.reload.clone());
    config.pid = None;
    config.reload = ["sh", "-c", r#"echo >> "$1"; shift; exec "$@""#, "sh"].map(Into::into).to_vec();
    config.reload.push(reloads.clone().into());
    config.reload.extend(reload);
    let edge = stoa_edge::nginx::Nginx::new(config).unwrap();
    let names: Vec<String> = (1..=20).map(|number| format!("s{number}.example.com")).collect();
    let applying = names.iter().zip(1..).map(|(name, version)| {
        let routes = [(name.as_str(), Target::Notice(Notice::Stopped))];
        let (edge, table) = (&edge, table(version, &routes));
        async move { edge.apply(table).await }
    });
    for result in futures_util::future::join_all(applying).await {
        result.unwrap();
    }
    assert_eq!(edge.applied(), 20);
    assert_eq!(status(&nginx.get("s20.example.com", "").await), 503, "the newest table is live");
    let reloads = fs::read_to_string(reloads).unwrap().lines().count();
    assert!((1..=2).contains(&reloads), "one for the first table, one for all that came meanwhile, not {reloads}");
}

/// Prints how long a table of many sites takes; `STOA_NGINX_SITES` says how many.
#[tokio::test]
async fn many_sites() {
    needs_nginx!();
    let number: usize = std::env::var("STOA_NGINX_SITES").ok().map_or(1000, |text| text.parse().unwrap());
    let nginx = TestNginx::start().await;
    let upstream = mirror().await;
    let authority = Authority::new();
    let mut table = RoutingTable { version: 1, ..RoutingTable::default() };
    Arc::make_mut(&mut table.certificates).push(authority.certificate(1, &["*.example.com"]));
    for number in 0..number {
        let limits = RouteLimits { rate: 50, burst: 100, in_flight: 100, response_seconds: 60, max_body: 100 << 20 };
        let site = SiteId::from_uuid(Uuid::from_u128(number as u128));
        let route = Route { site, target: Target::Upstream(upstream), limits, secure: true };
        table.routes.insert(host(&format!("shop-{number}.example.com")), route);
    }
    let timed = async |table: &RoutingTable| {
        let begun = Instant::now();
        nginx.edge.apply(table.clone()).await.unwrap();
        begun.elapsed().as_secs_f64()
    };
    let first = timed(&table).await;
    table.version = 2;
    table.routes.insert(host("new.example.com"), table.routes["shop-0.example.com"].clone());
    let second = timed(&table).await;
    table.version = 3;
    println!(
        "{number} sites: the first table {first:.2} s, one more name {second:.2} s, no change {:.2} s",
        timed(&table).await
    );
    let last = format!("shop-{}.example.com", number - 1);
    assert_eq!(status(&nginx.get(&last, "").await), 301);
}
