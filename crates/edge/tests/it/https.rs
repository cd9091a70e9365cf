//! Who is sent to HTTPS, who is told to stay there, and what needs none.

use std::{collections::BTreeMap, sync::Arc};

use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use stoa_edge::{Config, RequestBody};
use stoa_model::{
    host::Hostname,
    route::{Notice, RoutingTable, Target},
};
use stoa_provider::edge::Edge;

use crate::{
    support::{answering, body, field, mirror, status},
    tls_support::{TlsEdge, Way, routes, secure_config},
};

const SECURE: &str = "secure.example.com";
const OPEN: &str = "open.example.com";
const HSTS: &str = "strict-transport-security";

fn to(name: &str) -> Target {
    Target::Redirect(Hostname::parse(name).unwrap())
}

/// Names that require HTTPS, names that have it, names that don't, and redirects among them.
async fn edge_with(config: Config) -> TlsEdge {
    let upstream = Target::Upstream(mirror().await);
    let ways = [
        Way(SECURE, upstream.clone(), true),
        Way(OPEN, upstream.clone(), false),
        Way("bare.example.org", upstream, false),
        Way("stopped.example.com", Target::Notice(Notice::Stopped), true),
        Way("www.example.com", to(SECURE), true),
        Way("old.example.org", to(SECURE), false),
        Way("elsewhere.example.com", to(OPEN), false),
        Way("away.example.com", to("bare.example.org"), true),
    ];
    TlsEdge::with(config, &ways, &[&["*.example.com"]]).await
}

fn sent(answer: &str) -> (u16, Option<&str>) {
    (status(answer), field(answer, "location"))
}

#[tokio::test]
async fn plain_requests_are_sent_to_https_where_it_is_required() {
    let edge = edge_with(secure_config()).await;
    for (method, code) in [("GET", 301), ("HEAD", 301), ("POST", 308), ("PUT", 308), ("DELETE", 308), ("OPTIONS", 308)]
    {
        let answer = edge.plain(method, "Secure.example.com:80", "/a/b?c=%20d", "").await;
        assert_eq!(sent(&answer), (code, Some("https://secure.example.com/a/b?c=%20d")), "{answer}");
        assert_eq!(field(&answer, "cache-control"), Some("max-age=3600"));
        assert_eq!(field(&answer, HSTS), None, "nothing is promised in the clear");
    }
    let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
    let raw = format!("GET /ws HTTP/1.1\r\nHost: {SECURE}\r\n{upgrade}\r\n");
    let mut connection = edge.plain.connect().await;
    connection.write(raw).await;
    assert_eq!(sent(&connection.message().await), (301, Some("https://secure.example.com/ws")));
    assert_eq!(sent(&edge.plain("GET", "stopped.example.com", "/", "").await).0, 301);
    assert_eq!(status(&edge.plain("GET", OPEN, "/", "").await), 200);
    assert_eq!(status(&edge.get(SECURE, "/").await), 200);
    assert_eq!(edge.plain.counted(|counts| counts.requests == 10).await.statuses[3], 8, "redirects are the site's");
}

#[tokio::test]
async fn ports_that_are_unusual_are_named() {
    let config = Config { public_http_port: 8080, public_https_port: Some(8443), ..secure_config() };
    let edge = edge_with(config).await;
    assert_eq!(sent(&edge.plain("GET", SECURE, "/x", "").await).1, Some("https://secure.example.com:8443/x"));
    assert_eq!(
        sent(&edge.plain("GET", "elsewhere.example.com", "/x", "").await).1,
        Some("http://open.example.com:8080/x")
    );
}

#[tokio::test]
async fn without_https_nobody_is_sent_to_it() {
    let edge = edge_with(Config { public_https_port: None, ..secure_config() }).await;
    assert_eq!(status(&edge.plain("GET", SECURE, "/", "").await), 200);
    assert_eq!(sent(&edge.plain("GET", "www.example.com", "/", "").await), (302, Some("http://secure.example.com/")));
}

#[tokio::test]
async fn other_names_are_sent_on_over_the_best_way_there() {
    let edge = edge_with(secure_config()).await;
    // Those that require HTTPS go there first, where their own HSTS is heard (FAULTS A11).
    for (host, codes, plain, tls) in [
        ("www.example.com", [301, 308], "https://www.example.com/p?q", Some("https://secure.example.com/p?q")),
        ("old.example.org", [302, 307], "https://secure.example.com/p?q", None),
        ("elsewhere.example.com", [302, 307], "http://open.example.com/p?q", Some("https://open.example.com/p?q")),
        ("away.example.com", [301, 308], "https://away.example.com/p?q", Some("http://bare.example.org/p?q")),
    ] {
        for (method, code) in ["GET", "POST"].into_iter().zip(codes) {
            assert_eq!(sent(&edge.plain(method, host, "/p?q", "").await), (code, Some(plain)), "{method} {host}");
        }
        if let Some(tls) = tls {
            assert_eq!(sent(&edge.get(host, "/p?q").await), (302, Some(tls)), "{host} over TLS");
        }
    }
}

/// A balancer in front has the certificates; it says what its client used.
#[tokio::test]
async fn a_trusted_proxy_is_believed_about_the_scheme() {
    let config = Config { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..secure_config() };
    let edge = edge_with(config).await;
    let told = |proto: &str| format!("X-Forwarded-Proto: {proto}\r\n");
    for (proto, code) in [("https", 200), ("HTTPS, http", 200), ("http", 301), ("http, https", 301), ("", 301)] {
        let answer = edge.plain("GET", SECURE, "/", &told(proto)).await;
        assert_eq!(status(&answer), code, "{proto:?}");
        assert_eq!(field(&answer, HSTS).is_some(), code == 200, "{proto:?}");
    }
    let sent_on = edge.plain("GET", "away.example.com", "/", &told("https")).await;
    assert_eq!(sent(&sent_on).1, Some("https://bare.example.org/"), "the balancer has the certificate");
    let open = edge_with(secure_config()).await;
    let lied = open.plain("GET", SECURE, "/", &told("https")).await;
    assert_eq!(status(&lied), 301, "anybody else is not believed");
}

#[tokio::test]
async fn browsers_are_told_to_stay_unless_the_site_says_otherwise() {
    let edge = edge_with(secure_config()).await;
    for host in [SECURE, "stopped.example.com", "www.example.com"] {
        assert_eq!(field(&edge.get(host, "/").await, HSTS), Some("max-age=15552000"), "{host}");
    }
    assert_eq!(field(&edge.get(OPEN, "/").await, HSTS), None);
    let own = answering("HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\nContent-Length: 0\r\n\r\n").await;
    let edge = TlsEdge::with(secure_config(), &[Way(SECURE, Target::Upstream(own), true)], &[&[SECURE]]).await;
    let answer = edge.get(SECURE, "/").await;
    assert_eq!(answer.to_lowercase().matches(HSTS).count(), 1, "{answer}");
    assert_eq!(field(&answer, HSTS), Some("max-age=1"));
    let silent = edge_with(Config { hsts_seconds: 0, ..secure_config() }).await;
    assert_eq!(field(&silent.get(SECURE, "/").await, HSTS), None);
}

async fn portal(_: Request<RequestBody>) -> Response<String> {
    Response::new("portal".to_owned())
}

#[tokio::test]
async fn the_platform_itself_moves_to_https_once_it_has_a_certificate() {
    let hosts = vec!["portal.example.com".into(), "127.0.0.1".into()];
    let edge = TlsEdge::start(Config { platform_hosts: hosts, ..secure_config() }, Some(Arc::new(portal)));
    let own = edge.authority.certificate(1, &["portal.example.com"]);
    assert_eq!(status(&edge.plain("GET", "portal.example.com", "/login", "").await), 200, "it must be reachable first");
    edge.apply(1, &[], vec![own]).await;
    let moved = edge.plain("GET", "portal.example.com", "/login", "").await;
    assert_eq!(sent(&moved), (301, Some("https://portal.example.com/login")));
    assert_eq!(status(&edge.plain("GET", "127.0.0.1", "/login", "").await), 200, "an address has no certificate");
    let answer = edge.get("portal.example.com", "/login").await;
    assert_eq!((status(&answer), field(&answer, HSTS)), (200, Some("max-age=15552000")));
}

#[tokio::test]
async fn answers_need_neither_a_route_nor_https() {
    const PATH: &str = "/.well-known/acme-challenge/abc-123_XYZ";
    let edge = TlsEdge::start(secure_config(), None);
    let upstream = Target::Upstream(mirror().await);
    let table = RoutingTable {
        version: 1,
        routes: routes(&[Way(SECURE, upstream.clone(), true), Way(OPEN, upstream, false)]),
        certificates: Arc::new(vec![edge.authority.certificate(1, &[SECURE])]),
        answers: BTreeMap::from([(PATH.to_owned(), "abc-123_XYZ.key".to_owned())]),
    };
    edge.plain.edge.apply(table.clone()).await.unwrap();
    for host in [SECURE, OPEN, "nobody.example.net", "127.0.0.1"] {
        for path in [PATH.to_owned(), format!("{PATH}?with=query")] {
            let answer = edge.plain("GET", host, &path, "").await;
            assert_eq!((status(&answer), body(&answer)), (200, "abc-123_XYZ.key"), "{host}: {answer}");
            assert_eq!(field(&answer, "content-type"), Some("text/plain"));
            assert_eq!(field(&answer, "cache-control"), Some("no-store"));
            assert_eq!(field(&answer, "x-content-type-options"), Some("nosniff"));
        }
    }
    let over_tls = edge.get(SECURE, PATH).await;
    assert_eq!(body(&over_tls), "abc-123_XYZ.key");
    let head = edge.plain("HEAD", OPEN, PATH, "").await;
    assert_eq!((status(&head), field(&head, "content-length"), body(&head)), (200, Some("15"), ""));
    let client = edge.authority.client(&["h2"]);
    let stream = TokioIo::new(edge.connect_with(client, SECURE).await.unwrap().stream);
    let (mut sender, conn) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(conn);
    let request = Request::head(format!("https://{SECURE}{PATH}")).body(Empty::<bytes::Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.headers()["content-length"], "15");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "", "over HTTP/2, too, HEAD has no body");
    for (method, path) in [("POST", PATH), ("GET", "/.well-known/acme-challenge/other"), ("GET", "/x")] {
        let answer = edge.plain(method, OPEN, path, "").await;
        assert!(body(&answer).starts_with(&format!("{method} {path} ")), "that is the site's: {answer}");
    }
    assert_eq!(status(&edge.plain("GET", "nobody.example.net", "/.well-known/x", "").await), 404);
    edge.plain.edge.apply(RoutingTable { version: 2, answers: BTreeMap::new(), ..table }).await.unwrap();
    assert!(body(&edge.plain("GET", OPEN, PATH, "").await).starts_with("GET "), "gone with the next table");
}
