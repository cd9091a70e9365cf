//! What happens when nginx refuses something, or can't be reached.

use std::{fs, sync::Arc, time::Duration};

use stoa_edge::nginx::Nginx;
use stoa_model::{
    certificate::Certificate,
    route::{Notice, RoutingTable, Target},
};
use stoa_provider::edge::{Edge, EdgeError};

use crate::{
    nginx_support::{TestNginx, file, host, needs_nginx, site, table},
    support::{body, mirror, status},
    tls_support::{Authority, connect_to},
};

fn notice(notice: Notice) -> Target {
    Target::Notice(notice)
}

/// Three sites; the second one's certificate is no certificate.
fn with_a_bad_one(version: u64, notice_: Notice) -> RoutingTable {
    let names = ["a.example.com", "b.example.com", "c.example.com"];
    let mut table = table(version, &names.map(|name| (name, notice(notice_))));
    let good = Authority::new().certificate(9, &["b.example.com"]);
    Arc::make_mut(&mut table.certificates)
        .push(Arc::new(Certificate { chain: "no certificate".into(), ..Certificate::clone(&good) }));
    table
}

pub fn partly_applied(result: Result<(), EdgeError>) -> (String, Option<Vec<stoa_model::id::SiteId>>) {
    let error = result.expect_err("it can't be applied as a whole");
    (error.to_string(), error.refused)
}

pub async fn shows(nginx: &TestNginx, host: &str, words: &str) {
    let answer = nginx.get(host, "").await;
    assert!(body(&answer).contains(words), "{host} shows {answer}");
}

#[tokio::test]
async fn a_broken_foreign_file_is_named_and_nothing_is_changed() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    nginx.route(1, &[("a.example.com", notice(Notice::Stopped))]).await;
    fs::write(nginx.enabled("broken"), "server {\n    listne 80;\n}\n").unwrap();
    let before = nginx.everything();
    let (text, refused) =
        partly_applied(nginx.edge.apply(table(2, &[("a.example.com", notice(Notice::Suspended))])).await);
    assert!(text.contains(&format!("{}:2", nginx.enabled("broken").display())), "{text}");
    assert!(text.contains("listne") && text.contains("not stoa's"), "{text}");
    assert_eq!((refused, nginx.edge.applied()), (None, 1));
    assert_eq!(nginx.everything(), before, "every file is as it was");
    shows(&nginx, "a.example.com", "is temporarily offline").await;

    fs::remove_file(nginx.enabled("broken")).unwrap();
    nginx.route(2, &[("a.example.com", notice(Notice::Suspended))]).await;
    shows(&nginx, "a.example.com", "not available").await;
}

#[tokio::test]
async fn a_bad_certificate_is_left_out_and_delays_nothing() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let mut good = with_a_bad_one(1, Notice::Stopped);
    good.certificates = Arc::default();
    nginx.edge.apply(good).await.unwrap();

    let (text, refused) = partly_applied(nginx.edge.apply(with_a_bad_one(2, Notice::Maintenance)).await);
    assert_eq!((refused, nginx.edge.applied()), (Some(vec![]), 2));
    assert!(text.contains("for b.example.com is left out") && text.contains("cannot load certificate"), "{text}");
    assert!(text.contains("Everything else was applied"), "{text}");
    for name in ["a.example.com", "b.example.com", "c.example.com"] {
        shows(&nginx, name, "Back in a moment").await;
    }
    let left: Vec<_> =
        fs::read_dir(&nginx.config.certificates).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".lock"], "a refused certificate does not stay");

    // The same again is told again, also by a later table; another certificate repairs it.
    let (_, refused) = partly_applied(nginx.edge.apply(with_a_bad_one(2, Notice::Maintenance)).await);
    assert_eq!(refused, Some(vec![]));
    let (text, _) = partly_applied(nginx.edge.apply(with_a_bad_one(3, Notice::Maintenance)).await);
    assert!(text.contains("cannot load certificate") && nginx.edge.applied() == 3, "{text}");
    let report = nginx.edge.regenerate(with_a_bad_one(3, Notice::Maintenance)).await.unwrap();
    assert_eq!((report.left_out.len(), report.written), (1, vec![site(0), site(1), site(2)]));
    let mut repaired = with_a_bad_one(4, Notice::Maintenance);
    repaired.certificates = vec![Authority::new().certificate(10, &["b.example.com"])].into();
    nginx.edge.apply(repaired).await.unwrap();
    shows(&nginx, "b.example.com", "Back in a moment").await;
}

#[tokio::test]
async fn a_bad_site_that_a_crash_left_enabled_is_found() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    nginx.route(1, &[("a.example.com", notice(Notice::Stopped))]).await;
    // As if the process had ended between writing and testing.
    fs::write(nginx.available(&file(0)), "server {\n    listne 80;\n").unwrap();
    let restarted = nginx.another();
    restarted.apply(table(2, &[("a.example.com", notice(Notice::Suspended))])).await.unwrap();
    shows(&nginx, "a.example.com", "not available").await;
}

#[tokio::test]
async fn two_bad_ones_and_a_bad_wildcard_of_the_portal() {
    needs_nginx!();
    let portal = mirror().await;
    let nginx = TestNginx::start_with(|config| {
        config.platform = portal;
        config.platform_hosts = vec!["portal.example.org".into()];
    })
    .await;
    let mut bad = with_a_bad_one(1, Notice::Stopped);
    let authority = Authority::new();
    let (left, right) = (authority.certificate(20, &["*.example.org"]), authority.certificate(21, &["c.example.com"]));
    // A key that belongs to another certificate, and a chain that is cut off.
    Arc::make_mut(&mut bad.certificates)
        .push(Arc::new(Certificate { key: right.key.clone(), ..Certificate::clone(&left) }));
    let cut = right.chain[..right.chain.len() / 2].to_owned();
    Arc::make_mut(&mut bad.certificates).push(Arc::new(Certificate { chain: cut, ..Certificate::clone(&right) }));
    let (text, refused) = partly_applied(nginx.edge.apply(bad).await);
    assert_eq!((refused, text.matches("is left out").count()), (Some(vec![]), 3), "{text}");
    for name in ["a.example.com", "b.example.com", "c.example.com"] {
        shows(&nginx, name, "is temporarily offline").await;
    }
    assert_eq!(status(&nginx.get("portal.example.org", "").await), 200);
}

#[tokio::test]
async fn a_bad_successor_of_the_shared_certificate_keeps_the_former() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let authority = Authority::new();
    let mut shared = table(1, &["a.example.com", "b.example.com"].map(|name| (name, notice(Notice::Stopped))));
    for name in ["a.example.com", "b.example.com"] {
        shared.routes.get_mut(name).unwrap().secure = true;
    }
    let first = authority.certificate(1, &["*.example.com"]);
    Arc::make_mut(&mut shared.certificates).push(first.clone());
    nginx.edge.apply(shared.clone()).await.unwrap();
    assert!(!fs::read_to_string(nginx.available(&file(0))).unwrap().contains("ssl_certificate"), "they share it");

    let renewed = authority.certificate(2, &["*.example.com"]);
    let bad = Arc::new(Certificate { chain: "no certificate".into(), ..Certificate::clone(&renewed) });
    let mut next = table(2, &["a.example.com", "b.example.com"].map(|name| (name, notice(Notice::Maintenance))));
    next.routes.insert(host("c.example.net"), next.routes["a.example.com"].clone());
    next.routes.get_mut("c.example.net").unwrap().site = site(2);
    Arc::make_mut(&mut next.certificates).push(bad);
    let (text, refused) = partly_applied(nginx.edge.apply(next.clone()).await);
    assert_eq!((refused, nginx.edge.applied()), (Some(vec![]), 2), "{text}");
    for name in ["a.example.com", "b.example.com"] {
        let mut raw = connect_to(nginx.https, authority.client(&["http/1.1"]), name).await.unwrap();
        raw.write(format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n")).await;
        assert!(
            raw.rest().await.contains("Back in a moment"),
            "{name} has its former certificate, and everything else the new one"
        );
    }
    assert!(!fs::read_to_string(nginx.available(&file(0))).unwrap().contains("ssl_certificate"), "they share it still");
    shows(&nginx, "c.example.net", "Back in a moment").await;

    // A certificate never changes; a better one has another id.
    (next.version, next.certificates) = (3, vec![authority.certificate(3, &["*.example.com"])].into());
    nginx.edge.apply(next).await.unwrap();
    shows(&nginx, "a.example.com", "Back in a moment").await;
    let left: Vec<_> =
        fs::read_dir(&nginx.config.certificates).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "the new one's two files and the lock: {left:?}");
}

/// An nginx whose test says nothing that helps, and fails for every file with this word in it.
pub fn mute(nginx: &TestNginx, word: &str) -> Nginx {
    let mut config = nginx.config.clone();
    let all = config.sites_enabled.join("");
    // Fails if the word is found: the exit status of grep, the other way round.
    let script = r#"! grep -rq --dereference-recursive -e "$1" "$2""#;
    config.test = ["sh", "-c", script, "sh", word].map(Into::into).to_vec();
    config.test.push(all.into());
    Nginx::new(config).unwrap()
}

#[tokio::test]
async fn refused_sites_are_found_without_understanding_nginx() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let names: Vec<String> = (0..13).map(|number| format!("s{number}.example.com")).collect();
    let mut routes: Vec<_> = names.iter().map(|name| (name.as_str(), notice(Notice::Stopped))).collect();
    routes[3].0 = "bad-3.example.com";
    routes[11].0 = "bad-11.example.com";
    let (text, refused) = partly_applied(mute(&nginx, "bad-").apply(table(1, &routes)).await);
    let mut refused = refused.unwrap();
    refused.sort_unstable();
    assert_eq!(refused, [site(3), site(11)], "{text}");
    shows(&nginx, "s12.example.com", "is temporarily offline").await;
    assert_eq!(status(&nginx.get("bad-3.example.com", "").await), 404);

    // Nobody's fault in particular: nothing is changed.
    let before = nginx.everything();
    let (text, refused) = partly_applied(mute(&nginx, "stoa_open").apply(table(2, &routes[..1])).await);
    assert_eq!(refused, None);
    assert!(text.contains("not because of one site"), "{text}");
    assert_eq!(nginx.everything(), before);
}

#[tokio::test]
async fn answers_that_can_not_be_written_are_left_out() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let mut table = table(1, &[("a.example.com", notice(Notice::Stopped))]);
    let good = ("/.well-known/acme-challenge/good", "good");
    for (path, text) in [
        good,
        ("/.well-known/a\";}", "x"),
        ("no-slash", "x"),
        ("/.well-known/b c", "x"),
        ("/.well-known/$host", "x"),
        ("/.well-known/text", "a$host"),
        ("/.well-known/quote", "a\";} server {"),
        ("/.well-known/line", "a\nb"),
        ("/.well-known/acme-challenge/GOOD", "other"),
    ] {
        table.answers.insert(path.into(), text.into());
    }
    let (text, refused) = partly_applied(nginx.edge.apply(table).await);
    assert_eq!((refused, nginx.edge.applied()), (Some(vec![]), 1));
    assert_eq!(text.matches("is left out").count(), 8, "{text}");
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: any.example.com\r\nConnection: close\r\n\r\n");
    let answers = [nginx.send(ask(good.0)).await, nginx.send(ask("/.well-known/acme-challenge/GOOD")).await];
    assert!(answers.iter().any(|answer| status(answer) == 200), "{answers:?}");
    shows(&nginx, "a.example.com", "is temporarily offline").await;
}

#[tokio::test]
async fn an_nginx_that_does_not_run_is_reported() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let mut config = nginx.config.clone();
    let broken = nginx.path("no-such.conf");
    (config.reload, config.pid) = (stoa_edge::nginx::commands("nginx", broken).1, None);
    let (text, refused) = partly_applied(
        Nginx::new(config).unwrap().apply(table(1, &[("a.example.com", notice(Notice::Stopped))])).await,
    );
    assert_eq!(refused, None);
    assert!(text.contains("no-such.conf") && text.contains("Is it running"), "{text}");
}

#[tokio::test]
async fn a_reload_without_effect_is_reported() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let mut config = nginx.config.clone();
    (config.reload, config.pid, config.deadline) = (vec!["true".into()], None, Duration::from_millis(500));
    let deaf = Nginx::new(config).unwrap();
    let next = table(1, &[("a.example.com", notice(Notice::Stopped))]);
    let (text, refused) = partly_applied(deaf.apply(next.clone()).await);
    assert_eq!((refused, deaf.applied()), (None, 0));
    assert!(text.contains("was told to reload") && text.contains("error log"), "{text}");
    assert_eq!(status(&nginx.get("a.example.com", "").await), 404);
    // The files are there already; what is missing is only that nginx reads them.
    nginx.edge.apply(next).await.unwrap();
    assert_eq!(status(&nginx.get("a.example.com", "").await), 503);
}

#[tokio::test]
async fn unusable_settings_are_reported() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    type Change = fn(&mut stoa_edge::nginx::NginxConfig);
    let changes: [(Change, &str); 6] = [
        (|config| config.pages = "/tmp/a\";}".into(), "pages"),
        (|config| config.sites_available = "/tmp/$x".into(), "sites_available"),
        (|config| config.platform_hosts = vec![".example.com".into()], "platform host"),
        (|config| config.platform_hosts = vec!["a; }".into()], "platform host"),
        (|config| config.version_at = ([0, 0, 0, 0], 9180).into(), "loopback"),
        (|config| config.test.clear(), "test"),
    ];
    for (change, word) in changes {
        let mut config = nginx.config.clone();
        change(&mut config);
        let error = Nginx::new(config).err().unwrap().to_string();
        assert!(error.contains(word), "{error}");
    }
}
