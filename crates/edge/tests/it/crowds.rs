//! Many connections of one client.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use stoa_edge::Config;
use stoa_model::route::Target;
use tokio::{net::TcpSocket, time::timeout};

use crate::support::{
    HOST, Raw, SHORT_TIMEOUT, TEST_TIMEOUT, TestEdge, config, impatient, mirror, status, until, upstream,
};

async fn edge_for_three(change: impl FnOnce(&mut Config)) -> TestEdge {
    let mut config = Config { max_connections_per_client: 3, ..config() };
    change(&mut config);
    TestEdge::with(config, Target::Upstream(mirror().await)).await
}

/// A connection from another address of this machine.
async fn connect_from(edge: &TestEdge, last: u8) -> Raw {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
    Raw { stream: socket.connect(edge.address).await.unwrap(), buf: Vec::new() }
}

async fn is_served(raw: &mut Raw) -> bool {
    use tokio::io::AsyncWriteExt;
    // Whoever is turned away may see that already here.
    drop(raw.stream.write_all(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await);
    let mut first = [0; 1];
    matches!(tokio::io::AsyncReadExt::read(&mut raw.stream, &mut first).await, Ok(1))
}

#[tokio::test]
async fn one_client_can_not_take_all_connections() {
    let edge = edge_for_three(|_| {}).await;
    let mut first = Vec::new();
    for _ in 0..3 {
        first.push(connect_from(&edge, 1).await);
        assert!(is_served(first.last_mut().unwrap()).await);
    }
    assert!(!is_served(&mut connect_from(&edge, 1).await).await, "the fourth is closed at once");
    assert!(is_served(&mut connect_from(&edge, 2).await).await, "another client is served");
    assert_eq!(edge.edge.counts().turned_away, 1);
    drop(first.pop());
    until(|| (edge.edge.counts().open == 2).then_some(())).await;
    assert!(is_served(&mut connect_from(&edge, 1).await).await, "a place that was given back");
}

#[tokio::test]
async fn a_proxy_may_have_more() {
    let edge = edge_for_three(|config| config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]).await;
    let mut connections = join_all((0..10).map(|_| connect_from(&edge, 1))).await;
    for raw in &mut connections {
        assert!(is_served(raw).await);
    }
    assert_eq!(edge.edge.counts().turned_away, 0);
}

#[tokio::test]
async fn a_balancers_connections_count_as_its_clients() {
    let edge = edge_for_three(|config| config.proxy_protocol = vec!["127.0.0.1".parse().unwrap()]).await;
    let mut connections = Vec::new();
    for (client, served) in [("192.0.2.1", 3), ("2001:db8::1", 3), ("2001:db8::2", 0), ("2001:db8:0:1::1", 3)] {
        for number in 0..4 {
            let mut raw = connect_from(&edge, 1).await;
            let (kind, to) = if client.contains(':') { ("TCP6", "::1") } else { ("TCP4", "10.0.0.1") };
            raw.write(format!("PROXY {kind} {client} {to} 1 2\r\n")).await;
            assert_eq!(is_served(&mut raw).await, number < served, "number {number} of {client}");
            connections.push(raw);
        }
    }
}

fn get(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

/// Sites without limits, and requests that they never answer.
#[tokio::test]
async fn one_client_cant_use_up_the_connections_to_upstreams() {
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    let silent = upstream(move |mut raw, _| {
        let count = Arc::clone(&count);
        async move {
            raw.until("\r\n\r\n").await;
            count.fetch_add(1, SeqCst);
            raw.rest().await;
        }
    })
    .await;
    let edge = TestEdge::with(Config { max_upstream: 4, ..config() }, Target::Upstream(silent)).await;
    let mut open = Vec::new();
    for (client, wanted) in [(1, 2), (2, 4)] {
        for _ in 0..2 {
            open.push(connect_from(&edge, client).await);
            open.last_mut().unwrap().write(get(HOST)).await;
        }
        until(|| (came.load(SeqCst) == wanted).then_some(())).await;
        let mut third = connect_from(&edge, client).await;
        third.write(get(HOST)).await;
        assert_eq!(status(&third.message().await), 503, "client {client} has its half");
    }
    let mut other = connect_from(&edge, 3).await;
    other.write(get(HOST)).await;
    assert_eq!(status(&other.message().await), 503, "all are in use");
    open.remove(0);
    let is_let_in = async {
        while came.load(SeqCst) == 4 {
            other = connect_from(&edge, 3).await;
            other.write(get(HOST)).await;
            drop(timeout(Duration::from_millis(50), other.head()).await);
        }
    };
    timeout(TEST_TIMEOUT, is_let_in).await.expect("a slot that was given back");
}

/// A client that waits for its answers may send any number of requests, one after the other.
#[tokio::test]
async fn idle_connections_do_not_count_as_used() {
    let config = Config { max_upstream: 2, ..config() };
    let edge = TestEdge::with(config, Target::Upstream(mirror().await)).await;
    let mut clients = join_all((1..6).map(|last| connect_from(&edge, last))).await;
    for _ in 0..3 {
        for raw in &mut clients {
            raw.write(get(HOST)).await;
            assert_eq!(status(&raw.message().await), 200);
        }
    }
}

/// FAULTS A14: connections that say nothing, or nothing more, take no place from those that do.
#[tokio::test]
async fn idle_connections_give_way() {
    let config = Config {
        max_connections: 20,
        max_connections_per_client: 0,
        ..impatient(|t| (t.header, t.idle) = (TEST_TIMEOUT * 10, TEST_TIMEOUT * 10))
    };
    let edge = TestEdge::with(config, Target::Upstream(mirror().await)).await;
    let mut busy = connect_from(&edge, 1).await;
    busy.write(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\n\r\nhe")).await;
    let mut idle = connect_from(&edge, 1).await;
    assert!(is_served(&mut idle).await);
    let mut silent = Vec::new();
    for number in 0..60 {
        let mut raw = connect_from(&edge, 1).await;
        raw.write(&"GET"[..number % 2]).await;
        silent.push(raw);
        if number % 3 == 0 {
            let visit = async { is_served(&mut connect_from(&edge, 2).await).await };
            assert!(timeout(TEST_TIMEOUT, visit).await.expect("visitors are shut out"), "visit {number}");
        }
    }
    busy.write("llo").await;
    assert!(busy.message().await.ends_with("hello"), "a request in flight stays");
    assert!(edge.edge.counts().open <= 20 + 2, "{:?}", edge.edge.counts());
    drop(silent);
}

/// Both ends of each connection are files of this process, and it may begin with room for 1024.
fn room_for_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut room = getrlimit(Resource::Nofile);
    room.current = room.maximum;
    setrlimit(Resource::Nofile, room).unwrap();
}

/// Thousands of connections that never say a thing cost others nothing and are gone soon.
#[tokio::test]
async fn silent_connections_are_closed_and_delay_nobody() {
    room_for_files();
    let edge = {
        let config = impatient(|t| t.header = SHORT_TIMEOUT);
        TestEdge::with(config, Target::Upstream(mirror().await)).await
    };
    let mut silent = join_all((0..500).map(|_| connect_from(&edge, 1))).await;
    // Half of them say a little.
    for raw in silent.iter_mut().step_by(2) {
        raw.write("GET / HT").await;
    }
    assert!(is_served(&mut connect_from(&edge, 2).await).await);
    let closed = join_all(silent.iter_mut().map(Raw::rest)).await;
    assert!(closed.iter().all(String::is_empty));
    until(|| (edge.edge.counts().open == 0).then_some(())).await;
}
