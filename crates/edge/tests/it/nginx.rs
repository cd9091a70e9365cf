//! The nginx edge with a real nginx, over the wire.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::Full;
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use stoa_model::route::{Notice, RouteLimits, Target};
use stoa_provider::edge::{Edge, conformance};

use crate::{
    conformance::OverTheWire,
    heads::{cookies, requests},
    http2::ask,
    nginx_support::{TestNginx, host, needs_nginx, site, table},
    support::{Raw, TestEdge, answering, body, field, mirror, nobody, status, upstream, visit_from},
    tls_support::{Authority, connect_to},
};

const HOST: &str = "shop.example.com";

#[tokio::test]
async fn nginx_conforms() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let probe = OverTheWire::new(nginx.http, nginx.https).await;
    conformance::run(&nginx.edge, &probe).await;
}

#[tokio::test]
async fn nginx_reloads_by_its_own_command() {
    needs_nginx!();
    let nginx = TestNginx::start_with(|config| config.pid = None).await;
    nginx.route(1, &[(HOST, Target::Notice(Notice::Stopped))]).await;
    assert_eq!(status(&nginx.get(HOST, "").await), 503);
}

#[tokio::test]
async fn forwarded_fields_of_clients_are_replaced() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    nginx.route(1, &[(HOST, Target::Upstream(mirror().await))]).await;
    let lines = "X-Real-IP: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n\
                 X-Forwarded-Port: 666\r\nX-Forwarded-Prefix: /evil\r\nForwarded: for=6.6.6.6\r\nProxy: evil\r\nX_Forwarded_For: 6.6.6.6\r\n\
                 X-Request-ID: mine-1\r\n";
    let answer = nginx.get(HOST, lines).await;
    let seen = body(&answer);
    assert!(!seen.contains("6.6.6.6") && !seen.contains("evil") && !seen.contains("666"), "{seen}");
    let authority = format!("{HOST}:{}", nginx.http.port());
    for (name, value) in [
        ("host", authority.as_str()),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", &authority),
        ("x-request-id", "mine-1"),
    ] {
        assert_eq!(field(seen, name), Some(value), "{name} in {seen}");
    }
    assert_eq!(field(seen, "connection"), None, "connections to sites are kept: {seen}");
    let more = [
        "Access-Token",
        "By",
        "Client-Cert",
        "Context",
        "Email",
        "Groups",
        "Https",
        "Method",
        "Path",
        "PathBase",
        "Preferred-Username",
        "Proto-Version",
        "Protocol",
        "Scheme",
        "Server",
        "Ssl",
        "Tls-Client-Cert",
        "Tls-Client-Cert-Info",
        "Uri",
        "Url",
        "User",
    ];
    let lines: String = more.iter().map(|name| format!("X-Forwarded-{name}: evil\r\n")).collect();
    let answer = nginx.get(HOST, &lines).await;
    assert!(status(&answer) == 200 && !answer.contains("evil"), "{answer}");
    assert_eq!(nginx.errors(), "", "nginx has room for them");
    let answer = nginx.get(HOST, "X-Request-ID: a b\r\n").await;
    assert_eq!(field(body(&answer), "x-request-id").unwrap().len(), 32, "{answer}");
}

#[tokio::test]
async fn the_host_that_routed_is_the_host_that_the_site_sees() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    nginx.route(1, &[(HOST, Target::Upstream(mirror().await))]).await;
    let answer = nginx
        .send(format!("GET http://{HOST}/ HTTP/1.1\r\nHost: other.example.com\r\nConnection: close\r\n\r\n"))
        .await;
    assert!(field(body(&answer), "host").unwrap().starts_with(HOST), "{answer}");
}

#[tokio::test]
async fn pages_have_html_and_json_forms() {
    needs_nginx!();
    let nginx = TestNginx::start_with(|config| config.product = "Stoa & <Sons>".into()).await;
    let names = ["a.example.com", "b.example.com", "c.example.com", "d.example.com", "e.example.com"];
    let notices = [Notice::Starting, Notice::Stopped, Notice::Suspended, Notice::Maintenance, Notice::OverQuota];
    let routes: Vec<_> = names.into_iter().zip(notices.map(Target::Notice)).collect();
    nginx.route(1, &routes).await;
    for (name, words, retry) in [
        (names[0], "Starting up", Some("2")),
        (names[1], "temporarily offline", None),
        (names[2], "not available", None),
        (names[3], "Back in a moment", Some("30")),
        (names[4], "limit", Some("3600")),
    ] {
        let page = nginx.get(name, "Accept: text/html,*/*;q=0.8\r\n").await;
        assert_eq!((status(&page), field(&page, "retry-after")), (503, retry), "{page}");
        assert_eq!(field(&page, "content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(field(&page, "cache-control"), Some("no-store"));
        assert!(field(&page, "content-security-policy").unwrap().contains("style-src 'sha256-"), "{page}");
        assert!(body(&page).contains(words) && body(&page).contains("Stoa &amp; &lt;Sons&gt;"), "{page}");

        let problem = nginx.get(name, "Accept: application/json\r\n").await;
        assert_eq!((status(&problem), field(&problem, "content-type")), (503, Some("application/problem+json")));
        let problem: serde_json::Value = serde_json::from_str(body(&problem)).unwrap();
        assert_eq!(problem["status"], 503);
    }
    let posted = nginx
        .send(format!("POST /x HTTP/1.1\r\nHost: {}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", names[1]));
    assert_eq!(status(&posted.await), 503, "a page for every method");
    let inside =
        nginx.send(format!("GET /.stoa/pages/busy.html HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"));
    assert!(!inside.await.contains("Very busy"), "nobody can ask for a page");
}

#[tokio::test]
async fn failures_of_a_site_are_pages() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let silent = upstream(|mut raw, _| async move {
        raw.until("\r\n\r\n").await;
        std::future::pending().await
    })
    .await;
    let mut table = table(1, &[("gone.example.com", Target::Upstream(nobody())), (HOST, Target::Upstream(silent))]);
    table.routes.get_mut(HOST).unwrap().limits.response_seconds = 1;
    nginx.edge.apply(table).await.unwrap();
    let gone = nginx.get("gone.example.com", "").await;
    assert_eq!(status(&gone), 502);
    assert!(body(&gone).contains("isn't responding"), "{gone}");
    let late = nginx.get(HOST, "Accept: application/json\r\n").await;
    assert_eq!(status(&late), 504);
    assert!(body(&late).contains("timed_out"), "{late}");
}

#[tokio::test]
async fn heads_have_this_limit_over_http2_too() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let authority = Authority::new();
    let mut table = table(1, &[(HOST, Target::Upstream(mirror().await))]);
    Arc::make_mut(&mut table.certificates).push(authority.certificate(1, &[HOST]));
    nginx.edge.apply(table).await.unwrap();
    for (kib, expected) in [(9, 200), (30, 200), (60, 200), (66, 431), (100, 431)] {
        for request in requests(kib * 1024) {
            let raw = connect_to(nginx.https, authority.client(&["h2"]), HOST).await.unwrap();
            let (mut sender, conn) = handshake(TokioExecutor::new(), TokioIo::new(raw.stream)).await.unwrap();
            tokio::spawn(conn);
            let (code, answer) = ask(&mut sender, request.map(|()| Full::<Bytes>::default())).await;
            assert!(
                code == expected && (code == 200 || answer.contains("Headers too large")),
                "{kib} KiB: {code} {answer}"
            );
        }
    }
}

/// FAULTS A15.
#[tokio::test]
async fn a_site_sets_and_clears_no_cookies_of_others() {
    needs_nginx!();
    let cookies = [
        ("a=1; Domain=example.com; Path=/", "a=1; Domain=shop.example.com; Path=/"),
        ("b=2; Domain=.EXAMPLE.com", "b=2; Domain=.shop.example.com"),
        ("c=3; Domain=%65xample.com", "c=3; Domain=shop.example.com"),
        ("d=4; Domain=example.com.", "d=4; Domain=shop.example.com"),
        ("e=5; Domain=com; Domain=example.com", "e=5; Domain=shop.example.com; Domain=shop.example.com"),
        ("f=6; Domain=shop.example.com", "f=6; Domain=shop.example.com"),
        ("g=7", "g=7"),
    ];
    let fields: String = cookies.iter().map(|(sent, _)| format!("Set-Cookie: {sent}\r\n")).collect();
    let site =
        answering(format!("HTTP/1.1 200 OK\r\n{fields}Clear-Site-Data: \"*\"\r\nContent-Length: 2\r\n\r\nok")).await;
    let nginx = TestNginx::start().await;
    let mut table = table(1, &[(HOST, Target::Upstream(site)), ("www.shop.example.com", Target::Upstream(site))]);
    let route = table.routes.get(HOST).unwrap().clone();
    table.routes.insert(host("www.shop.example.com"), route);
    nginx.edge.apply(table).await.unwrap();
    let answer = nginx.get(HOST, "").await;
    for (_, expected) in cookies {
        assert!(answer.contains(&format!("Set-Cookie: {expected}\r\n")), "{expected:?} is missing in {answer}");
    }
    assert_eq!(field(&answer, "clear-site-data"), None, "{answer}");
    let answer = nginx.get("www.shop.example.com", "").await;
    assert!(answer.contains("Set-Cookie: f=6; Domain=shop.example.com\r\n"), "the site's own name: {answer}");
    assert!(answer.contains("Set-Cookie: a=1; Domain=www.shop.example.com; Path=/\r\n"), "{answer}");
}

/// FAULTS A2.
#[tokio::test]
async fn heads_have_the_limit_of_the_embedded_edge() {
    needs_nginx!();
    let own = TestEdge::to(mirror().await).await;
    let nginx = TestNginx::start_with(|config| {
        config.platform = own.address;
        config.platform_hosts = vec!["portal.example.com".into()];
    })
    .await;
    nginx.route(1, &[(HOST, Target::Upstream(mirror().await))]).await;
    own.route(2, Target::Upstream(mirror().await)).await;
    let large = |kib: usize| {
        let long = "x".repeat(kib * 1024);
        let many: String = cookies(kib * 1024).iter().map(|cookie| format!("Cookie: {cookie}\r\n")).collect();
        [format!("Cookie: {long}\r\n"), many]
    };
    for lines in [9, 30, 60].into_iter().flat_map(large) {
        assert_eq!(status(&nginx.get(HOST, &lines).await), 200, "{} bytes", lines.len());
        // It has no route in the other edge: the page is that edge's own.
        let portal = nginx.get("portal.example.com", &lines).await;
        assert!(status(&portal) == 404 && portal.contains("This site doesn't exist"), "{portal}");
    }
    let target = "x".repeat(60 * 1024);
    let answer = nginx.send(format!("GET /{target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await;
    assert!(status(&answer) == 200 && answer.contains(&target), "{answer}");
    for lines in [66, 100, 150].into_iter().flat_map(large) {
        let answer = nginx.get(HOST, &lines).await;
        assert!(status(&answer) == 431 && answer.contains("Headers too large"), "{answer}");
    }
    for kib in [66, 100] {
        let target = "x".repeat(kib * 1024);
        let answer = nginx.send(format!("GET /{target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await;
        assert!(status(&answer) == 414 && answer.contains("Address too long"), "{answer}");
    }
}

#[tokio::test]
async fn the_rate_is_the_sites_own() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let to = Target::Upstream(mirror().await);
    let mut table = table(1, &[(HOST, to.clone()), ("www.example.com", to.clone()), ("free.example.com", to)]);
    let limits = RouteLimits { rate: 1, burst: 3, ..RouteLimits::body(1000) };
    for name in [HOST, "www.example.com"] {
        let route = table.routes.get_mut(name).unwrap();
        (route.site, route.limits) = (site(0), limits);
    }
    nginx.edge.apply(table).await.unwrap();
    for name in [HOST, "www.example.com", HOST] {
        assert_eq!(status(&nginx.get(name, "").await), 200, "a burst passes, over all names of the site");
    }
    // All at once: no machine is so busy that the rate gives a place to each of them.
    let many = (0..30).map(|_| nginx.get("www.example.com", ""));
    let answers = join_all(many).await;
    let refused = answers.iter().find(|answer| status(answer) == 429).expect("then the rate counts");
    assert!(
        body(refused).contains("This site is very busy") && field(refused, "retry-after") == Some("1"),
        "{refused}"
    );
    for _ in 0..10 {
        assert_eq!(status(&nginx.get("free.example.com", "").await), 200, "other sites are not held up");
    }
}

#[tokio::test]
async fn one_client_leaves_something_to_others() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let mut table = table(1, &[(HOST, Target::Upstream(mirror().await))]);
    table.routes.get_mut(HOST).unwrap().limits = RouteLimits { rate: 20, burst: 40, ..RouteLimits::body(1000) };
    nginx.edge.apply(table).await.unwrap();
    let ((_, crawled), (sent, served)) =
        tokio::join!(visit_from([127, 0, 0, 1], nginx.http, 300, 5), visit_from([127, 0, 0, 2], nginx.http, 2, 5));
    assert!(served * 100 >= sent * 95, "{served} of {sent}; the crawler got {crawled}");
    assert!((75..=130).contains(&crawled), "three quarters are its: {crawled}");
}

#[tokio::test]
async fn open_requests_are_limited() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let mut table =
        table(1, &[(HOST, Target::Upstream(echo_twice().await)), ("x.example.com", Target::Upstream(mirror().await))]);
    table.routes.get_mut(HOST).unwrap().limits.in_flight = 2;
    // More than nginx can count is no limit, not an error.
    table.routes.get_mut("x.example.com").unwrap().limits.in_flight = 4_000_000;
    nginx.edge.apply(table).await.unwrap();
    let open = [upgraded(&nginx).await, upgraded(&nginx).await];
    let refused = nginx.get(HOST, "").await;
    assert_eq!(status(&refused), 503);
    assert!(body(&refused).contains("Very busy") && field(&refused, "retry-after") == Some("1"), "{refused}");
    assert_eq!(status(&nginx.get("x.example.com", "").await), 200);
    drop(open);
}

#[tokio::test]
async fn a_websocket_outlives_a_new_table() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let to = Target::Upstream(echo_twice().await);
    nginx.route(1, &[(HOST, to.clone())]).await;
    let mut raw = upgraded(&nginx).await;
    raw.write("one\n").await;
    assert_eq!(raw.until("\n").await + &raw.until("\n").await, "one\none\n");
    nginx.route(2, &[(HOST, to), ("new.example.com", Target::Notice(Notice::Stopped))]).await;
    raw.write("two\n").await;
    assert_eq!(raw.until("\n").await + &raw.until("\n").await, "two\ntwo\n");
}

#[tokio::test]
async fn the_portal_serves_the_platforms_names() {
    needs_nginx!();
    let portal = mirror().await;
    let nginx = TestNginx::start_with(|config| {
        config.platform = portal;
        config.platform_hosts = vec!["Portal.Example.com".into(), "127.0.0.1".into(), "[::1]".into()];
    })
    .await;
    let authority = Authority::new();
    nginx.route(1, &[("portal.example.com", Target::Notice(Notice::Stopped))]).await;
    for name in ["portal.example.com", "PORTAL.example.com", "127.0.0.1", "[::1]"] {
        let answer = nginx.get(name, "").await;
        assert_eq!(status(&answer), 200, "no route can take {name}: {answer}");
        assert_eq!(field(body(&answer), "x-real-ip"), Some("127.0.0.1"));
    }

    let mut table = table(2, &[]);
    Arc::make_mut(&mut table.certificates).push(authority.certificate(1, &["portal.example.com"]));
    nginx.edge.apply(table).await.unwrap();
    let plain = nginx.get("portal.example.com", "").await;
    let to = format!("https://portal.example.com:{}/", nginx.https.port());
    assert_eq!(
        (status(&plain), field(&plain, "location")),
        (301, Some(to.as_str())),
        "where it can be secure, it must"
    );
    let answer = over_tls(nginx.https, &authority, "portal.example.com").await;
    assert_eq!((status(&answer), field(body(&answer), "x-forwarded-proto")), (200, Some("https")));
    assert!(field(&answer, "strict-transport-security").is_some(), "{answer}");
}

#[tokio::test]
async fn hsts_is_for_secure_names_and_the_sites_own_wins() {
    needs_nginx!();
    let nginx = TestNginx::start_with(|config| config.hsts_seconds = 60).await;
    let authority = Authority::new();
    let own = answering(
        "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    );
    let to = Target::Upstream(mirror().await);
    let mut table = table(
        1,
        &[
            ("a.example.com", to.clone()),
            ("b.example.com", to),
            ("c.example.com", Target::Upstream(own.await)),
            ("d.example.com", Target::Notice(Notice::Stopped)),
            ("www.d.example.com", Target::Redirect(host("d.example.com"))),
            ("e.example.com", Target::Redirect(host("d.example.com"))),
        ],
    );
    for name in ["a.example.com", "c.example.com", "d.example.com", "e.example.com"] {
        table.routes.get_mut(name).unwrap().secure = true;
    }
    Arc::make_mut(&mut table.certificates).push(authority.certificate(1, &["*.example.com"]));
    nginx.edge.apply(table).await.unwrap();
    for (name, expected) in [
        ("a.example.com", Some("max-age=60")),
        ("b.example.com", None),
        ("c.example.com", Some("max-age=1")),
        ("d.example.com", Some("max-age=60")),
        ("e.example.com", Some("max-age=60")),
    ] {
        let answer = over_tls(nginx.https, &authority, name).await;
        assert_eq!(field(&answer, "strict-transport-security"), expected, "{name}: {answer}");
        assert_eq!(answer.to_lowercase().matches("strict-transport-security").count(), usize::from(expected.is_some()));
    }
    let (first, then) =
        (nginx.get("e.example.com", "").await, over_tls(nginx.https, &authority, "e.example.com").await);
    let at = |name: &str| format!("https://{name}:{}/", nginx.https.port());
    assert_eq!((status(&first), field(&first, "location")), (301, Some(at("e.example.com").as_str())), "{first}");
    assert_eq!((status(&then), field(&then, "location")), (302, Some(at("d.example.com").as_str())), "{then}");
    let plain = nginx.get("a.example.com", "").await;
    assert_eq!(field(&plain, "strict-transport-security"), None, "not over plain HTTP: {plain}");
    let answer = nginx.get("www.d.example.com", "").await;
    let to = format!("https://d.example.com:{}/", nginx.https.port());
    assert_eq!(field(&answer, "location"), Some(to.as_str()), "straight to where HTTPS is needed: {answer}");
    assert_eq!((status(&answer), field(&answer, "cache-control")), (302, Some("no-store")));
    let posted = "POST / HTTP/1.1\r\nHost: www.d.example.com\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&nginx.send(posted).await), 307);
}

/// The answer to a GET of `/` over TLS.
async fn over_tls(at: SocketAddr, authority: &Authority, host: &str) -> String {
    let mut raw = connect_to(at, authority.client(&["http/1.1"]), host).await.unwrap();
    raw.write(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
    raw.rest().await
}

/// A service that upgrades, and then says everything twice.
async fn echo_twice() -> SocketAddr {
    upstream(|mut raw, _| async move {
        let Some(head) = raw.head().await else { return };
        assert_eq!(field(&head, "upgrade"), Some("websocket"), "{head}");
        assert_eq!(field(&head, "connection"), Some("upgrade"), "{head}");
        raw.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
        loop {
            let line = raw.until("\n").await;
            raw.write(line.repeat(2)).await;
        }
    })
    .await
}

async fn upgraded(nginx: &TestNginx) -> Raw {
    let mut raw = nginx.connect().await;
    let lines = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n";
    raw.write(format!("GET /ws HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n")).await;
    let answer = raw.until("\r\n\r\n").await;
    assert_eq!(status(&answer), 101, "{answer}");
    raw
}
