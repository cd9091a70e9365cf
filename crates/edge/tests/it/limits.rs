//! What one site may use of the edge.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use stoa_model::route::{RouteLimits, Target};
use tokio::{sync::Semaphore, time::Instant};

use crate::support::{
    HOST, OTHER_HOST, Raw, TEST_TIMEOUT, TestEdge, answering, config, connect_from, field, mirror, nobody, other, site,
    status, until, upstream, visit_from,
};

const ONE: RouteLimits = RouteLimits { in_flight: 1, ..RouteLimits::body(1000) };

async fn within(limits: RouteLimits, upstream: SocketAddr) -> TestEdge {
    let edge = TestEdge::start(config(), None);
    edge.route_within(1, Target::Upstream(upstream), limits).await;
    edge
}

fn get(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

async fn ask(raw: &mut Raw, host: &str) -> String {
    raw.write(get(host)).await;
    raw.message().await
}

/// A service that answers when it gets a permit, and how many requests have come to it.
async fn on_permit() -> (SocketAddr, Arc<Semaphore>, Arc<AtomicUsize>) {
    let (permits, came) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (wait, count) = (Arc::clone(&permits), Arc::clone(&came));
    let address = upstream(move |mut raw, _| {
        let (wait, count) = (Arc::clone(&wait), Arc::clone(&count));
        async move {
            loop {
                raw.until("\r\n\r\n").await;
                count.fetch_add(1, SeqCst);
                wait.acquire().await.unwrap().forget();
                raw.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            }
        }
    })
    .await;
    (address, permits, came)
}

/// Whether a place is free again, on a connection of its own.
async fn is_free(edge: &TestEdge) -> bool {
    status(&ask(&mut edge.connect().await, HOST).await) != 503
}

async fn becomes_free(edge: &TestEdge) {
    let begun = Instant::now();
    while !is_free(edge).await {
        assert!(begun.elapsed() < TEST_TIMEOUT, "the place stays taken");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What comes of an attempt that took less than a second, so that a rate of one request a second gave
/// nothing back meanwhile. A machine that was busy with something else tries again, from the beginning.
async fn within_a_second<T>(attempt: impl AsyncFn() -> T) -> T {
    for _ in 0..100 {
        let begun = Instant::now();
        let came = attempt().await;
        if begun.elapsed() < Duration::from_millis(900) {
            return came;
        }
    }
    panic!("this machine never had a second for this test");
}

#[tokio::test]
async fn more_requests_than_the_rate_are_429_and_counted() {
    let target = mirror().await;
    let (edge, mut raw, answers) = within_a_second(async || {
        let edge = within(RouteLimits { rate: 1, burst: 3, ..RouteLimits::body(1000) }, target).await;
        let (mut raw, mut answers) = (edge.connect().await, Vec::new());
        for _ in 0..4 {
            answers.push(ask(&mut raw, HOST).await);
        }
        (edge, raw, answers)
    })
    .await;
    assert_eq!(answers.iter().map(|answer| status(answer)).collect::<Vec<_>>(), [200, 200, 200, 429]);
    assert_eq!(field(&answers[3], "retry-after"), Some("1"), "{}", answers[3]);
    assert_eq!(status(&ask(&mut raw, OTHER_HOST).await), 200, "the neighbour has a rate of its own");
    let counts = edge.counted(|counts| counts.requests == 4).await;
    assert_eq!((counts.statuses[2], counts.statuses[4]), (3, 1));
    assert_eq!(edge.counts_of(other()).statuses[4], 0);
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert_eq!(status(&ask(&mut raw, HOST).await), 200, "as Retry-After has promised");
}

#[tokio::test]
async fn a_crawler_leaves_room_for_a_visitor() {
    let limits = RouteLimits { rate: 20, burst: 40, ..RouteLimits::body(1000) };
    let edge = within(limits, mirror().await).await;
    let at = edge.address;
    let ((_, crawled), (sent, served)) =
        tokio::join!(visit_from([127, 0, 0, 1], at, 300, 5), visit_from([127, 0, 0, 2], at, 2, 5));
    assert!(served * 100 >= sent * 95, "{served} of {sent}; the crawler got {crawled}");
    assert!(crawled >= 80, "what nobody else uses is its: {crawled}");
}

#[tokio::test]
async fn a_new_table_does_not_forgive_and_a_new_limit_counts_at_once() {
    let target = Target::Upstream(mirror().await);
    let limits = RouteLimits { rate: 1, burst: 1, ..RouteLimits::body(1000) };
    let tables = [limits, limits, RouteLimits::body(1000), RouteLimits { rate: 1000, burst: 50, ..limits }];
    let (edge, answers) = within_a_second(async || {
        let edge = TestEdge::start(config(), None);
        let (mut raw, mut answers) = (edge.connect().await, Vec::new());
        for (version, limits) in (1..).zip(tables) {
            edge.route_within(version, target.clone(), limits).await;
            answers.push(status(&ask(&mut raw, HOST).await));
        }
        (edge, answers)
    })
    .await;
    assert_eq!(answers[..2], [200, 429], "the same limits, the same bucket");
    assert_eq!(answers[2], 200, "no limit any more");
    assert_eq!(answers[3], 429, "what was used up stays used up");
    // One client alone does not get all of it.
    let mut raws = Vec::new();
    for number in 1..=10 {
        raws.push(connect_from([127, 0, 1, number], edge.address).await);
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    for number in 0..50 {
        let raw = &mut raws[number % 10];
        assert_eq!(status(&ask(raw, HOST).await), 200, "number {number} of a larger burst");
    }
}

#[tokio::test]
async fn more_open_requests_than_allowed_are_503() {
    let (address, permits, came) = on_permit().await;
    let edge = within(RouteLimits { in_flight: 2, ..ONE }, address).await;
    let mut raws = [edge.connect().await, edge.connect().await, edge.connect().await];
    for raw in &mut raws[..2] {
        raw.write(get(HOST)).await;
    }
    // The first two may arrive on two threads, in any order.
    until(|| (came.load(SeqCst) == 2).then_some(())).await;
    let refused = ask(&mut raws[2], HOST).await;
    assert_eq!((status(&refused), field(&refused, "retry-after")), (503, Some("1")), "{refused}");
    assert!(refused.contains("Very busy"), "{refused}");
    permits.add_permits(2);
    for raw in &mut raws[..2] {
        assert_eq!(status(&raw.message().await), 200);
    }
    let counts = edge.counted(|counts| counts.requests == 3).await;
    assert_eq!((counts.statuses[2], counts.statuses[5]), (2, 1), "a refusal counts as the site's");
    permits.add_permits(1);
    assert_eq!(status(&ask(&mut raws[2], HOST).await), 200, "the places are free again");
}

#[tokio::test]
async fn every_way_out_frees_the_place() {
    let broken = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    for (what, address) in [
        ("an answer", answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await),
        ("a streamed answer", answering("HTTP/1.1 200 OK\r\n\r\nuntil the end").await),
        ("an upstream that is down", nobody()),
        ("an upstream that breaks off", answering(broken).await),
        ("an upstream that speaks nonsense", answering("no HTTP\r\n\r\n").await),
        ("an upstream that may not upgrade", answering("HTTP/1.1 101 Switching Protocols\r\n\r\n").await),
    ] {
        let edge = within(ONE, address).await;
        for number in 1..4 {
            let answer = edge.get("").await;
            assert!(!answer.contains("too_busy") && !answer.contains("Very busy"), "{what} keeps the place: {answer}");
            edge.counted(|counts| counts.requests == number).await;
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_frees_the_place() {
    let (address, permits, came) = on_permit().await;
    let edge = within(ONE, address).await;
    let mut raw = edge.connect().await;
    raw.write(get(HOST)).await;
    until(|| (came.load(SeqCst) == 1).then_some(())).await;
    assert!(!is_free(&edge).await);
    drop(raw);
    permits.add_permits(2);
    becomes_free(&edge).await;
}

#[tokio::test]
async fn a_body_that_is_too_large_frees_the_place() {
    let edge = within(ONE, mirror().await).await;
    for _ in 0..3 {
        let mut raw = edge.connect().await;
        raw.write(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n")).await;
        raw.write(format!("3e9\r\n{}\r\n", "x".repeat(1001))).await;
        assert_eq!(status(&raw.message().await), 413);
        becomes_free(&edge).await;
    }
}

#[tokio::test]
async fn a_tunnel_holds_its_place_until_it_ends() {
    let address = upstream(|mut raw, _| async move {
        let head = raw.until("\r\n\r\n").await;
        if field(&head, "upgrade").is_none() {
            return raw.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
        raw.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
        drop(raw.rest().await);
    })
    .await;
    let edge = within(ONE, address).await;
    let mut raw = edge.connect().await;
    raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")).await;
    assert_eq!(status(&raw.until("\r\n\r\n").await), 101);
    for _ in 0..3 {
        assert!(!is_free(&edge).await, "the tunnel is open");
    }
    drop(raw);
    becomes_free(&edge).await;
}

#[tokio::test]
async fn a_site_may_have_less_time_than_the_edge_gives() {
    let silent = upstream(|mut raw, _| async move {
        raw.until("\r\n\r\n").await;
        std::future::pending().await
    })
    .await;
    let edge = within(RouteLimits { response_seconds: 1, ..ONE }, silent).await;
    let begun = Instant::now();
    assert_eq!(status(&edge.get("").await), 504);
    assert!(begun.elapsed() >= Duration::from_secs(1), "after {:?}", begun.elapsed());
}

/// The same limit also counts between two pieces of a body, and for that site only.
#[tokio::test]
async fn a_site_that_stops_in_the_middle_is_cut_by_its_own_limit() {
    let stuck = upstream(|mut raw, _| async move {
        raw.until("\r\n\r\n").await;
        raw.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        std::future::pending().await
    })
    .await;
    let edge = within(RouteLimits { response_seconds: 3, ..ONE }, stuck).await;
    let mut neighbour = edge.connect().await;
    neighbour.write(get(OTHER_HOST)).await;
    neighbour.until("half").await;
    assert!(edge.get("").await.ends_with("half"));
    let waits = tokio::time::timeout(Duration::from_millis(100), neighbour.rest()).await;
    assert!(waits.is_err(), "the neighbour has the time that the edge gives");
    until(|| (edge.counts_of(site()).requests == 1).then_some(())).await;
}
