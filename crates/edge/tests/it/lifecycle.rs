//! Starting, changing, stopping, and too many at once.

use std::{sync::Arc, time::Duration};

use hyper_util::rt::{TokioExecutor, TokioIo};
use stoa_model::route::{Notice, Target};
use tokio::{net::TcpStream, sync::Notify, time::timeout};

use crate::support::{HOST, TEST_TIMEOUT, TestEdge, config, field, mirror, status, until, upstream};

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
    config.timeouts.drain = Duration::from_millis(50);
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
    let (address, came, go) = held().await;
    let edge = TestEdge::with(config, Target::Upstream(address)).await;
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let (mut one, mut two) = (edge.connect().await, edge.connect().await);
    for raw in [&mut one, &mut two] {
        raw.write(&request).await;
        came.notified().await;
    }
    let mut three = edge.connect().await;
    three.write(&request).await;
    let early = timeout(Duration::from_millis(300), three.message()).await;
    assert!(early.is_err() && edge.edge.counts().open == 2, "both others have a request");
    go.notify_one();
    assert_eq!(status(&one.message().await), 200);
    came.notified().await;
    go.notify_one();
    go.notify_one();
    assert_eq!(status(&three.message().await), 200, "its turn comes when another has none");
    assert_eq!(status(&two.message().await), 200, "it was not closed");
    drop((one, two, three));
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

/// When another process has taken over: no request that a client has sent may be lost.
#[tokio::test]
async fn a_retiring_edge_serves_its_connections_until_they_have_left() {
    let edge = TestEdge::to(mirror().await).await;
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let mut idle = edge.connect().await;
    idle.write(&request).await;
    assert_eq!(field(&idle.message().await, "connection"), None);
    let mut fresh = edge.connect().await;
    // Served by now, though it has not sent anything.
    until(|| (edge.edge.counts().open == 2).then_some(())).await;
    edge.retire.cancel();
    until(|| std::net::TcpStream::connect(edge.address).is_err().then_some(())).await;
    for raw in [&mut idle, &mut fresh] {
        raw.write(&request).await;
        let answer = raw.message().await;
        assert_eq!((status(&answer), field(&answer, "connection")), (200, Some("close")), "{answer}");
        assert_eq!(raw.rest().await, "");
    }
    timeout(TEST_TIMEOUT, edge.serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_retiring_edge_lets_http2_streams_end() {
    let (address, came, go) = held().await;
    let edge = TestEdge::to(address).await;
    let stream = TcpStream::connect(edge.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = || http::Request::get(format!("http://{HOST}/")).body(http_body_util::Empty::<bytes::Bytes>::new());
    let answer = tokio::spawn(sender.send_request(request().unwrap()));
    came.notified().await;
    edge.retire.cancel();
    go.notify_one();
    assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    // GOAWAY has ended it: the client opens a new connection, elsewhere.
    timeout(TEST_TIMEOUT, connection).await.unwrap().unwrap().unwrap();
    assert!(sender.send_request(request().unwrap()).await.is_err());
    timeout(TEST_TIMEOUT, edge.serving).await.unwrap().unwrap().unwrap();
}
