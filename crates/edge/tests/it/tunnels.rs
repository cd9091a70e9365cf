//! Upgraded connections.

use std::{net::SocketAddr, time::Duration};

use stoa_model::route::Target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    HOST, Raw, SHORT_TIMEOUT, TestEdge, answering, body, config, field, impatient, mirror, status, upstream,
};

/// A service that upgrades, greets at once, and then says everything twice.
async fn echo_twice() -> SocketAddr {
    upstream(|mut raw, _| async move {
        let head = raw.until("\r\n\r\n").await;
        assert_eq!(field(&head, "upgrade"), Some("websocket"), "{head}");
        assert_eq!(field(&head, "connection"), Some("upgrade"), "{head}");
        assert_eq!(field(&head, "sec-websocket-key"), Some("abc"), "{head}");
        raw.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhi\n").await;
        loop {
            let line = raw.until("\n").await;
            raw.write(line.repeat(2)).await;
        }
    })
    .await
}

async fn upgraded(edge: &TestEdge) -> Raw {
    let mut raw = edge.connect().await;
    let head = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n\r\n";
    raw.write(format!("GET /ws HTTP/1.1\r\nHost: {HOST}\r\n{head}")).await;
    let answer = raw.until("\r\n\r\n").await;
    assert_eq!(status(&answer), 101, "{answer}");
    assert_eq!(field(&answer, "upgrade"), Some("websocket"));
    assert_eq!(field(&answer, "sec-websocket-accept"), Some("x"));
    assert_eq!(raw.until("\n").await, "hi\n");
    raw
}

#[tokio::test]
async fn bytes_go_both_ways_and_are_counted() {
    let edge = TestEdge::to(echo_twice().await).await;
    let mut raw = upgraded(&edge).await;
    for text in ["one\n", "two\n"] {
        raw.write(text).await;
        assert_eq!(raw.until("\n").await + &raw.until("\n").await, text.repeat(2));
    }
    drop(raw);
    let counts = edge.counted(|counts| counts.requests == 1).await;
    assert_eq!((counts.statuses[1], counts.bytes_in, counts.bytes_out), (1, 8, 19));
}

#[tokio::test]
async fn a_silent_tunnel_is_closed() {
    let config = impatient(|t| t.tunnel = SHORT_TIMEOUT);
    let edge = TestEdge::with(config, Target::Upstream(echo_twice().await)).await;
    assert_eq!(upgraded(&edge).await.rest().await, "");
}

#[tokio::test]
async fn the_idle_timeout_of_requests_is_not_for_tunnels() {
    let config = impatient(|t| t.idle = SHORT_TIMEOUT);
    let edge = TestEdge::with(config, Target::Upstream(echo_twice().await)).await;
    let mut raw = upgraded(&edge).await;
    tokio::time::sleep(SHORT_TIMEOUT + Duration::from_millis(500)).await;
    raw.write("still here\n").await;
    assert_eq!(raw.until("\n").await, "still here\n");
}

#[tokio::test]
async fn a_tunnel_ends_with_the_edge() {
    let mut config = config();
    config.timeouts.drain = Duration::from_millis(100);
    let edge = TestEdge::with(config, Target::Upstream(echo_twice().await)).await;
    let mut raw = upgraded(&edge).await;
    edge.shutdown.cancel();
    assert_eq!(raw.rest().await, "");
    edge.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_websocket_outlives_retiring_and_is_told_when_the_edge_ends() {
    let frames = upstream(|mut raw, _| async move {
        raw.until("\r\n\r\n").await;
        raw.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n").await;
        loop {
            let text = raw.until("\n").await;
            raw.write([&[0x81, text.len() as u8], text.as_bytes()].concat()).await;
        }
    })
    .await;
    let edge = TestEdge::to(frames).await;
    let mut raw = edge.connect().await;
    raw.write(format!("GET /ws HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")).await;
    assert_eq!(status(&raw.until("\r\n\r\n").await), 101);
    edge.retire.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    raw.write("still here\n").await;
    assert_eq!(raw.bytes(13).await.unwrap(), b"\x81\x0bstill here\n");
    edge.shutdown.cancel();
    assert_eq!(raw.bytes(4).await.unwrap(), [0x88, 2, 3, 0xE9], "1001, going away");
    edge.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_upstream_may_decline() {
    let edge = TestEdge::to(answering("HTTP/1.1 426 No\r\nContent-Length: 2\r\n\r\nno").await).await;
    let answer = edge
        .send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n"))
        .await;
    assert_eq!((status(&answer), body(&answer)), (426, "no"));
}

#[tokio::test]
async fn upgrade_without_connection_is_no_upgrade() {
    let edge = TestEdge::to(mirror().await).await;
    let answer = edge.get("Upgrade: h2c\r\n").await;
    assert_eq!(field(body(&answer), "upgrade"), None, "{answer}");
}

/// An upstream that has said all it has to say may go on listening, for as long as it likes.
#[tokio::test]
async fn half_of_a_tunnel_goes_on() {
    let (report, mut heard) = tokio::sync::mpsc::channel(1);
    let address = upstream(move |mut raw, _| {
        let report = report.clone();
        async move {
            raw.until("\r\n\r\n").await;
            raw.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhi\n").await;
            raw.stream.shutdown().await.unwrap();
            report.send(raw.rest().await).await.unwrap();
        }
    })
    .await;
    let edge = TestEdge::to(address).await;
    let mut raw = upgraded(&edge).await;
    assert_eq!(raw.stream.read(&mut [0]).await.unwrap(), 0, "the upstream has ended");
    raw.write("one ").await;
    // Longer than anybody lingers.
    tokio::time::sleep(Duration::from_secs(4)).await;
    raw.write("two").await;
    raw.stream.shutdown().await.unwrap();
    let heard = tokio::time::timeout(crate::support::TEST_TIMEOUT, heard.recv()).await.unwrap().unwrap();
    assert_eq!(heard, "one two");
    assert_eq!(edge.counted(|counts| counts.requests == 1).await.bytes_in, 7);
}
