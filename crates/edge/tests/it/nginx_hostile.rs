//! What hostile visitors of a site behind nginx, and other files of that nginx, can't do to it.

use std::{fmt::Write, fs, sync::Arc};

use stoa_model::{
    certificate::Certificate,
    route::{Notice, Target},
    traffic::Traffic,
};
use stoa_provider::edge::Edge;

use crate::{
    nginx_support::{TestNginx, needs_nginx, site, table},
    support::{body, field, mirror, status},
    tls_support::Authority,
};

const HOST: &str = "shop.example.com";

async fn to_a_mirror() -> TestNginx {
    let nginx = TestNginx::start().await;
    nginx.route(1, &[(HOST, Target::Upstream(mirror().await))]).await;
    nginx
}

/// What the site has served, when so many requests are counted.
async fn served(nginx: &TestNginx, requests: u64) -> Traffic {
    let begun = std::time::Instant::now();
    loop {
        let all = nginx.edge.traffic().await.unwrap();
        let of_site = all.into_iter().find(|(id, traffic)| *id == site(0) && traffic.requests >= requests);
        match of_site {
            Some((_, traffic)) => return traffic,
            None => assert!(begun.elapsed() < crate::support::TEST_TIMEOUT, "not counted"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// A length that is only declared costs a visitor nothing; it must not use up a site's traffic.
#[tokio::test]
async fn declared_lengths_that_were_never_sent_are_not_counted() {
    needs_nginx!();
    let nginx = to_a_mirror().await;
    let post = format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n");
    let large = nginx.send(format!("{post}Content-Length: 1000000000000\r\n\r\nabc")).await;
    assert_eq!(status(&large), 413, "{large}");
    let counted = served(&nginx, 1).await;
    assert!(counted.bytes_in < 1000, "{counted:?}");
    let before = counted.bytes_in;
    let whole = nginx.send(format!("{post}Content-Length: 5\r\n\r\nhello")).await;
    assert_eq!(status(&whole), 200, "{whole}");
    let chunks = nginx.send(format!("{post}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")).await;
    assert_eq!(status(&chunks), 200, "{chunks}");
    assert_eq!(served(&nginx, 3).await.bytes_in - before, 10, "the bytes of bodies");
}

/// Requests within a tunnel of HTTP/2 would pass nginx unseen: no limit, no count, no header of ours.
#[tokio::test]
async fn no_tunnel_hides_http() {
    needs_nginx!();
    let nginx = to_a_mirror().await;
    for protocol in ["h2c", "H2C", "websocket, h2c", "h2c/1", "HTTP/2.0", "h2"] {
        let lines = format!("Upgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n");
        let answer = nginx.get(HOST, &lines).await;
        let seen = body(&answer);
        assert_eq!((field(seen, "upgrade"), field(seen, "connection")), (None, None), "{protocol}: {answer}");
    }
    for protocol in ["websocket", "WebSocket", "x-h2c-like"] {
        let answer = nginx.get(HOST, &format!("Upgrade: {protocol}\r\n")).await;
        assert_eq!(field(body(&answer), "upgrade"), Some(protocol), "{answer}");
        assert_eq!(field(body(&answer), "connection"), Some("upgrade"), "{answer}");
    }
}

/// nginx 1.25.1 and newer warns of each `listen … http2` before it comes to what is wrong.
#[tokio::test]
async fn warnings_do_not_hide_the_error() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let mut warned = String::new();
    for number in 0..60 {
        writeln!(warned, "server {{ listen {}; server_name w{number}.example.com; ssl off; }}", nginx.http).unwrap();
    }
    fs::write(nginx.enabled("a-file-of-others"), warned).unwrap();
    let names = ["a.example.com", "b.example.com", "c.example.com"];
    let mut table = table(1, &names.map(|name| (name, Target::Notice(Notice::Stopped))));
    let good = Authority::new().certificate(9, &["b.example.com"]);
    Arc::make_mut(&mut table.certificates)
        .push(Arc::new(Certificate { chain: "no certificate".into(), ..Certificate::clone(&good) }));
    let error = nginx.edge.apply(table).await.expect_err("one of them is bad");
    assert_eq!(error.refused, Some(vec![]), "{error}");
    assert!(error.to_string().contains("for b.example.com is left out"), "{error}");
    assert!(error.to_string().contains("cannot load certificate"), "{error}");
    assert_eq!(status(&nginx.get("c.example.com", "").await), 503, "the others are served");
}
