//! TLS connections over time: slow ones, upgraded ones, the end, and a thousand changes.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use stoa_model::route::Target;
use tokio::{net::TcpStream, sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    support::{HOST, Raw, SHORT_TIMEOUT, TEST_TIMEOUT, body, field, impatient, status, upstream},
    tls_support::{TlsEdge, Way, secure_config},
};

const SOON: Duration = Duration::from_millis(100);

async fn raw(edge: &TlsEdge) -> Raw {
    Raw { stream: TcpStream::connect(edge.address).await.unwrap(), buf: Vec::new() }
}

#[tokio::test]
async fn a_handshake_that_drags_on_is_cut() {
    let edge = TlsEdge::with(impatient(|t| t.header = SOON), &[], &[&[HOST]]).await;
    // The record of a hello that never comes, and its very first bytes.
    for start in [&[][..], &[22], &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]] {
        let mut raw = raw(&edge).await;
        raw.write(start).await;
        raw.rest().await;
    }
    let drip = raw(&edge).await;
    let sent = tokio::spawn(async move {
        for byte in [22, 3, 1, 2, 0].into_iter().chain(std::iter::repeat(1)) {
            drip.stream.try_write(&[byte])?;
            tokio::time::sleep(SOON / 5).await;
        }
        Ok::<_, std::io::Error>(())
    });
    timeout(TEST_TIMEOUT, sent).await.expect("who sends a byte now and then is never cut").unwrap().unwrap_err();
}

#[tokio::test]
async fn a_client_that_shook_hands_and_says_nothing_is_cut() {
    let edge = TlsEdge::with(impatient(|t| t.idle = SHORT_TIMEOUT), &[], &[&[HOST]]).await;
    assert_eq!(edge.connect(HOST).await.unwrap().rest().await, "");
}

/// The answer is larger than what sockets and TLS take before they push back.
#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let large = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", 64 << 20, "x".repeat(64 << 20));
    let upstream = crate::support::answering(large).await;
    let ways = [Way(HOST, Target::Upstream(upstream), false)];
    let edge = TlsEdge::with(impatient(|t| t.idle = SHORT_TIMEOUT), &ways, &[&[HOST]]).await;
    let mut raw = edge.connect(HOST).await.unwrap();
    raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    let counts = edge.plain.counted(|counts| counts.requests == 1).await;
    assert!(counts.bytes_out < 64 << 20, "{counts:?}");
}

#[tokio::test]
async fn large_bodies_go_both_ways() {
    let upstream = upstream(|mut raw, _| async move {
        let head = raw.until("\r\n\r\n").await;
        let length: usize = field(&head, "content-length").unwrap().parse().unwrap();
        while raw.buf.len() < length {
            assert!(tokio::io::AsyncReadExt::read_buf(&mut raw.stream, &mut raw.buf).await.unwrap() > 0);
        }
        raw.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")).await;
        let body = std::mem::take(&mut raw.buf);
        raw.write(body).await;
    })
    .await;
    let edge = TlsEdge::with(secure_config(), &[Way(HOST, Target::Upstream(upstream), false)], &[&[HOST]]).await;
    let body: String = (0..150_000).map(|number| format!("{number:06}\n")).collect();
    let body = &body[..1 << 20];
    let mut raw = edge.connect(HOST).await.unwrap();
    let head =
        format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    raw.write(head + body).await;
    let answer = raw.rest().await;
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with(body), "the body came back changed");
}

#[tokio::test]
async fn websockets_over_tls() {
    let upstream = upstream(|mut raw, _| async move {
        let head = raw.until("\r\n\r\n").await;
        assert_eq!(field(&head, "x-forwarded-proto"), Some("https"), "{head}");
        raw.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi\n").await;
        loop {
            let line = raw.until("\n").await;
            raw.write(line.repeat(2)).await;
        }
    })
    .await;
    let edge = TlsEdge::with(secure_config(), &[Way(HOST, Target::Upstream(upstream), true)], &[&[HOST]]).await;
    let mut raw = edge.connect(HOST).await.unwrap();
    raw.write(format!("GET /ws HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")).await;
    assert_eq!(status(&raw.until("\r\n\r\n").await), 101);
    assert_eq!(raw.until("\n").await, "hi\n");
    for text in ["one\n", "two\n"] {
        raw.write(text).await;
        assert_eq!(raw.until("\n").await + &raw.until("\n").await, text.repeat(2));
    }
    drop(raw);
    let counts = edge.plain.counted(|counts| counts.requests == 1).await;
    assert_eq!((counts.statuses[1], counts.bytes_in, counts.bytes_out), (1, 8, 19));
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_end() {
    let (came, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&came), Arc::clone(&go));
    let upstream = upstream(move |mut raw, _| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            raw.until("\r\n\r\n").await;
            tell.notify_one();
            wait.notified().await;
            raw.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let edge = TlsEdge::with(secure_config(), &[Way(HOST, Target::Upstream(upstream), false)], &[&[HOST]]).await;
    let mut shaking = raw(&edge).await;
    let mut idle = edge.connect(HOST).await.unwrap();
    let mut busy = edge.connect(HOST).await.unwrap();
    busy.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    came.notified().await;
    edge.plain.shutdown.cancel();
    assert_eq!(idle.rest().await, "", "an idle connection is closed at once");
    assert_eq!(shaking.rest().await, "", "and so is one that has not begun");
    assert!(!edge.serving.is_finished(), "it waits for the request");
    go.notify_one();
    let answer = busy.rest().await;
    assert!(status(&answer) == 200 && answer.ends_with("ok"), "{answer}");
    timeout(TEST_TIMEOUT, edge.serving).await.unwrap().unwrap().unwrap();
}

const HOSTS: [&str; 2] = ["one.example.com", "two.example.net"];

/// A service of one host's site: it says so, and which path it was asked for.
async fn service_of(host: &'static str) -> SocketAddr {
    upstream(move |mut raw, _| async move {
        while let Some(head) = raw.head().await {
            let path = head.split(' ').nth(1).unwrap();
            let text = format!("{host} {} {path}", field(&head, "host").unwrap());
            raw.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())).await;
        }
    })
    .await
}

/// Routes move back and forth, certificates are renewed and swapped for wildcards, and whoever
/// asks meanwhile, over old connections and new ones, gets its own site's answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_routes_and_certificates_change() {
    let mut services = Vec::new();
    for _ in 0..2 {
        services.push([service_of(HOSTS[0]).await, service_of(HOSTS[1]).await]);
    }
    let edge = Arc::new(TlsEdge::start(secure_config(), None));
    let certificates: Vec<_> = (0..12)
        .map(|id| {
            let names: &[&str] = if id % 3 == 0 { &["*.example.com", HOSTS[1]] } else { &HOSTS };
            edge.authority.certificate(id, names)
        })
        .collect();
    let apply = async |version: u64| {
        let turn = version as usize;
        let [one, two] = services[turn % 2];
        let ways =
            [Way(HOSTS[0], Target::Upstream(one), true), Way(HOSTS[1], Target::Upstream(two), turn.is_multiple_of(3))];
        let shown = [turn % 12, (turn * 5 + 1) % 12].map(|number| Arc::clone(&certificates[number]));
        edge.apply(version, &ways, shown.into()).await;
    };
    apply(1).await;
    let enough = CancellationToken::new();
    let asking = HOSTS.map(|host| tokio::spawn(keep_asking(Arc::clone(&edge), host, enough.clone())));
    for version in 2..1000 {
        apply(version).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    enough.cancel();
    for asked in asking {
        assert!(asked.await.unwrap() > 100, "too few requests to mean anything");
    }
}

/// Asks over connections of ten requests each until it is enough; the number of answers.
async fn keep_asking(edge: Arc<TlsEdge>, host: &str, enough: CancellationToken) -> usize {
    let client = edge.authority.client(&["http/1.1"]);
    let mut answers = 0;
    while !enough.is_cancelled() {
        let mut raw = edge.connect_with(client.clone(), host).await.unwrap();
        for _ in 0..10 {
            raw.write(format!("GET /{answers} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
            let answer = raw.message().await;
            assert_eq!((status(&answer), body(&answer)), (200, &*format!("{host} {host} /{answers}")));
            answers += 1;
        }
    }
    answers
}
