//! Starting, changing, stopping, and too many at once.

use std::sync::Arc;

use stoa_model::route::{Notice, Target};
use tokio::{net::TcpStream, sync::Notify, time::timeout};

use crate::support::{HOST, TEST_TIMEOUT, TestEdge, config, mirror, status, until, upstream};

/// An upstream that answers when it is told to.
async fn held() -> (std::net::SocketAddr, Arc<Notify>, Arc<Notify>) {
    let (came, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&came), Arc::clone(&go));
    let address = upstream(move |mut raw, _| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            raw.until("\r\n\r\n").await;
            tell.notify_one();
            wait.notified().await;
            raw.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    })
    .await;
    (address, came, go)
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_end() {
    let (address, came, go) = held().await;
    let edge = TestEdge::to(address).await;
    let mut idle = edge.connect().await;
    let mut busy = edge.connect().await;
    busy.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    came.notified().await;
    edge.shutdown.cancel();
    assert_eq!(idle.rest().await, "", "an idle connection is closed at once");
    assert!(!edge.serving.is_finished(), "it waits for the request");
    go.notify_one();
    let answer = busy.rest().await;
    assert!(status(&answer) == 200 && answer.ends_with("ok"), "{answer}");
    timeout(TEST_TIMEOUT, edge.serving).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(edge.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn waiting_ends_at_the_deadline() {
    let (address, came, _go) = held().await;
    let mut config = config();
    config.timeouts.drain = std::time::Duration::from_millis(50);
    let edge = TestEdge::with(config, Target::Upstream(address)).await;
    let mut busy = edge.connect().await;
    busy.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    came.notified().await;
    edge.shutdown.cancel();
    assert_eq!(busy.rest().await, "");
    timeout(TEST_TIMEOUT, edge.serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_table_changes_between_two_requests_of_a_connection_and_counters_stay() {
    let (address, came, go) = held().await;
    let edge = TestEdge::to(address).await;
    let mut raw = edge.connect().await;
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    raw.write(&request).await;
    came.notified().await;
    edge.route(2, Target::Notice(Notice::Maintenance)).await;
    go.notify_one();
    assert_eq!(status(&raw.message().await), 200, "what is in flight keeps its route");
    raw.write(&request).await;
    assert_eq!(status(&raw.message().await), 503);
    let counts = edge.counted(|counts| counts.requests == 2).await;
    assert_eq!((counts.statuses[2], counts.statuses[5]), (1, 1));
}

#[tokio::test]
async fn connections_over_the_limit_wait() {
    let mut config = config();
    config.max_connections = 2;
    let edge = TestEdge::with(config, Target::Upstream(mirror().await)).await;
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let (mut one, mut two, mut three) = (edge.connect().await, edge.connect().await, edge.connect().await);
    three.write(&request).await;
    for raw in [&mut one, &mut two] {
        raw.write(&request).await;
        assert_eq!(status(&raw.message().await), 200);
    }
    assert_eq!(edge.edge.counts().open, 2);
    drop(one);
    assert_eq!(status(&three.message().await), 200, "its turn comes when another leaves");
    drop((two, three));
    until(|| (edge.edge.counts().open == 0).then_some(())).await;
}

/// Nobody may see a failure while tables are swapped as fast as possible.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_routes_change() {
    let (one, two) = (mirror().await, mirror().await);
    let edge = Arc::new(TestEdge::to(one).await);
    let there = Arc::clone(&edge);
    let swapping = tokio::spawn(async move {
        for version in 2..2000 {
            there.route(version, Target::Upstream(if version % 2 == 0 { two } else { one })).await;
            tokio::task::yield_now().await;
        }
    });
    let mut raw = edge.connect().await;
    while !swapping.is_finished() {
        raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
        assert_eq!(status(&raw.message().await), 200);
    }
    swapping.await.unwrap();
}
