//! Connections to upstreams: kept, reused only when clean, and replaced when they went stale.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::{Notice, Route, RouteLimits, RoutingTable, Target},
    routes::Routes,
};
use stoa_provider::edge::Edge;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::support::{HOST, TestEdge, config, status, until, upstream};

async fn single(upstream: std::net::SocketAddr) -> TestEdge {
    let mut config = config();
    config.threads = 1;
    TestEdge::with(config, Target::Upstream(upstream)).await
}

/// Answers with the number of the connection, as often as asked.
async fn numbered() -> std::net::SocketAddr {
    upstream(|mut raw, number| async move {
        loop {
            raw.until("\r\n\r\n").await;
            raw.write(format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nno.{number}")).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_connection_is_kept() {
    let edge = single(numbered().await).await;
    for _ in 0..3 {
        assert!(edge.get("").await.ends_with("no.0"));
    }
}

/// The upstream closes after its first answer; the edge must not show that to anybody.
#[tokio::test]
async fn a_stale_connection_is_replaced() {
    let closed = Arc::new(Notify::new());
    let told = Arc::clone(&closed);
    let address = upstream(move |mut raw, number| {
        let told = Arc::clone(&told);
        async move {
            raw.until("\r\n\r\n").await;
            raw.write(format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nno.{number}")).await;
            drop(raw);
            told.notify_one();
        }
    })
    .await;
    let edge = single(address).await;
    for number in 0..10 {
        let answer = edge.get("").await;
        assert!(answer.ends_with(&format!("no.{number}")), "at {number}: {answer}");
        closed.notified().await;
    }
}

/// The upstream reads the second request and breaks off without a word.
fn breaking(
    seen: Arc<AtomicUsize>,
) -> impl Fn(crate::support::Raw, usize) -> futures_util::future::BoxFuture<'static, ()> {
    move |mut raw, number| {
        let seen = Arc::clone(&seen);
        Box::pin(async move {
            raw.until("\r\n\r\n").await;
            seen.fetch_add(1, SeqCst);
            raw.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            if number == 0 {
                raw.until("\r\n\r\n").await;
                seen.fetch_add(1, SeqCst);
            } else {
                std::future::pending().await
            }
        })
    }
}

#[tokio::test]
async fn a_replayable_request_is_sent_once_more() {
    let seen = Arc::new(AtomicUsize::new(0));
    let edge = single(upstream(breaking(Arc::clone(&seen))).await).await;
    assert_eq!(status(&edge.get("").await), 200);
    assert_eq!(status(&edge.get("").await), 200);
    assert_eq!(seen.load(SeqCst), 3);
}

#[tokio::test]
async fn an_order_is_never_sent_twice() {
    let seen = Arc::new(AtomicUsize::new(0));
    let edge = single(upstream(breaking(Arc::clone(&seen))).await).await;
    assert_eq!(status(&edge.get("").await), 200);
    let answer = edge.send(format!("POST /order HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await;
    assert_eq!(status(&answer), 502);
    assert_eq!(seen.load(SeqCst), 2);
}

/// More bytes than the response has: whose are they? Nobody's; the connection is not used again.
#[tokio::test]
async fn a_connection_with_leftovers_is_dropped() {
    let address = upstream(|mut raw, number| async move {
        raw.until("\r\n\r\n").await;
        let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
        raw.write(format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nno.{number}{poison}")).await;
        std::future::pending().await
    })
    .await;
    let edge = single(address).await;
    for number in 0..3 {
        let answer = edge.get("").await;
        assert!(answer.ends_with(&format!("no.{number}")), "{answer}");
    }
}

/// A client that leaves in the middle takes the upstream connection with it.
#[tokio::test]
async fn an_unfinished_response_frees_nothing() {
    let address = upstream(|mut raw, number| async move {
        raw.until("\r\n\r\n").await;
        if number == 0 {
            raw.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
            assert_eq!(raw.rest().await, "", "the edge closes the connection");
        } else {
            raw.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nno.1").await;
            std::future::pending().await
        }
    })
    .await;
    let edge = single(address).await;
    let mut raw = edge.connect().await;
    raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    raw.until("half").await;
    drop(raw);
    edge.counted(|counts| counts.requests == 1).await;
    assert!(edge.get("").await.ends_with("no.1"));
}

/// Visits to many sites in turn: what is kept for all of them together has a bound.
#[tokio::test]
async fn all_upstreams_together_have_a_bound() {
    const KEPT: usize = 4;
    let open = Arc::new(AtomicUsize::new(0));
    let mut routes = Routes::default();
    for number in 0..20 {
        let open = Arc::clone(&open);
        let address = upstream(move |mut raw, _| {
            let open = Arc::clone(&open);
            async move {
                open.fetch_add(1, SeqCst);
                raw.until("\r\n\r\n").await;
                raw.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                raw.rest().await;
                open.fetch_sub(1, SeqCst);
            }
        })
        .await;
        let site = SiteId::from_uuid(Uuid::from_u128(number));
        let route = Route { site, target: Target::Upstream(address), limits: RouteLimits::body(1000), secure: false };
        routes.insert(Hostname::parse(&format!("site-{number}.example")).unwrap(), route);
    }
    let mut config = config();
    (config.threads, config.idle_upstream) = (1, KEPT);
    let edge = TestEdge::with(config, Target::Notice(Notice::Stopped)).await;
    let table = RoutingTable { version: 99, routes, ..RoutingTable::default() };
    edge.edge.apply(table).await.unwrap();
    for number in 0..20 {
        let host = format!("site-{number}.example");
        let answer = edge.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), 200, "{answer}");
    }
    until(|| (open.load(SeqCst) <= KEPT).then_some(())).await;
    assert_eq!(open.load(SeqCst), KEPT, "and those are kept");
}
