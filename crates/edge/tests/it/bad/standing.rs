//! HTTP/2 streams that stand while others of the same connection come and go. What one stream waits
//! for is neither forgotten nor held against it because another has ended.

use std::net::SocketAddr;

use stoa_edge::Timeouts;
use stoa_model::route::Target;

use super::frames::{DATA, END_HEADERS, END_STREAM, H2, HEADERS, Outcome, frame, request};
use crate::support::{HOST, LIMIT, PATIENCE, TestEdge, impatient, mirror, until, upstream};

async fn edge(upstream: SocketAddr, change: impl FnOnce(&mut Timeouts)) -> (TestEdge, H2) {
    let edge = TestEdge::with(impatient(change), Target::Upstream(upstream)).await;
    let h2 = H2::open(&edge, &[]).await;
    (edge, h2)
}

/// A whole request on a stream of its own, and its whole answer.
async fn passes(h2: &mut H2, stream: u32) {
    h2.0.write(frame(HEADERS, END_HEADERS, stream, &request("POST", HOST, "/passes"))).await;
    h2.0.write(frame(DATA, END_STREAM, stream, b"hello")).await;
    assert_eq!(h2.outcome(stream).await, Outcome::Status(200));
    while let Some((kind, flags, of, _)) = h2.next().await {
        if (kind, of) == (DATA, stream) && flags & END_STREAM != 0 {
            return;
        }
    }
    panic!("the connection was closed");
}

async fn assert_cut(edge: &TestEdge, h2: &mut H2) {
    while tokio::time::timeout(PATIENCE, h2.next()).await.expect("it stands for ever").is_some() {}
    until(|| (edge.edge.counts().open == 0).then_some(())).await;
}

#[tokio::test]
async fn a_body_that_never_comes_is_cut_although_another_came() {
    let (edge, mut h2) = edge(mirror().await, |t| t.idle = LIMIT).await;
    h2.0.write(frame(HEADERS, END_HEADERS, 1, &request("POST", HOST, "/stands"))).await;
    tokio::time::sleep(LIMIT / 4).await;
    passes(&mut h2, 3).await;
    assert_cut(&edge, &mut h2).await;
}

#[tokio::test]
async fn an_answer_that_stops_is_cut_although_another_came() {
    let address = upstream(|mut raw, _| async move {
        let head = raw.until("\r\n\r\n").await;
        if head.contains("/stands") {
            raw.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
            std::future::pending().await
        }
        raw.until("0\r\n\r\n").await;
        raw.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    })
    .await;
    let (edge, mut h2) = edge(address, |t| t.response = LIMIT).await;
    h2.0.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, &request("GET", HOST, "/stands"))).await;
    assert_eq!(h2.outcome(1).await, Outcome::Status(200));
    tokio::time::sleep(LIMIT / 4).await;
    passes(&mut h2, 3).await;
    assert_cut(&edge, &mut h2).await;
}

/// The answer that has ended was taken long ago; nobody owes anybody a window.
#[tokio::test]
async fn an_upload_outlives_an_answer_that_has_ended() {
    let (_edge, mut h2) = edge(mirror().await, |t| t.response = LIMIT).await;
    h2.0.write(frame(HEADERS, END_HEADERS, 1, &request("POST", HOST, "/uploads"))).await;
    passes(&mut h2, 3).await;
    for _ in 0..8 {
        tokio::time::sleep(LIMIT / 4).await;
        h2.0.write(frame(DATA, 0, 1, b"piece")).await;
    }
    h2.0.write(frame(DATA, END_STREAM, 1, b"end")).await;
    assert_eq!(h2.outcome(1).await, Outcome::Status(200));
}
