//! HTTP/2 streams that stall while others of the same connection begin and end. Another stream's end neither clears a
//! stream's timeout nor starts one, and a stream that times out ends alone.

use std::{net::SocketAddr, sync::Arc};

use stoa_edge::Timeouts;
use stoa_model::route::{RouteLimits, Target};
use tokio::{sync::Notify, time::timeout};

use super::frames::{DATA, END_HEADERS, END_STREAM, GOAWAY, H2, HEADERS, Outcome, RST_STREAM, frame, request};
use crate::support::{
    HOST, OTHER_HOST, Raw, SHORT_TIMEOUT, TEST_TIMEOUT, TestEdge, answering, config, impatient, mirror, upstream,
};

/// RFC 9113 7.
pub const CANCEL: u32 = 8;

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

/// The stream is reset, its request ends, and the connection continues.
async fn assert_cut(edge: &TestEdge, h2: &mut H2, stream: u32) {
    loop {
        let next = timeout(TEST_TIMEOUT, h2.next()).await.expect("it stands for ever");
        let (kind, _, of, payload) = next.expect("the connection was closed");
        if (kind, of) == (RST_STREAM, stream) {
            assert_eq!(payload, CANCEL.to_be_bytes());
            break;
        }
    }
    edge.counted(|counts| counts.requests == 2).await;
    passes(h2, 5).await;
}

/// Answers with the first half of a body.
async fn half(raw: &mut Raw) {
    raw.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf").await;
}

#[tokio::test]
async fn a_body_that_never_comes_is_cut_although_another_came() {
    let (edge, mut h2) = edge(mirror().await, |t| t.idle = SHORT_TIMEOUT).await;
    h2.0.write(frame(HEADERS, END_HEADERS, 1, &request("POST", HOST, "/stands"))).await;
    tokio::time::sleep(SHORT_TIMEOUT / 4).await;
    passes(&mut h2, 3).await;
    assert_cut(&edge, &mut h2, 1).await;
}

#[tokio::test]
async fn an_answer_that_stops_is_cut_although_another_came() {
    let address = upstream(|mut raw, _| async move {
        let head = raw.until("\r\n\r\n").await;
        if head.contains("/stands") {
            half(&mut raw).await;
            std::future::pending().await
        }
        raw.until("0\r\n\r\n").await;
        raw.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    })
    .await;
    let (edge, mut h2) = edge(address, |t| t.response = SHORT_TIMEOUT).await;
    h2.0.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, &request("GET", HOST, "/stands"))).await;
    assert_eq!(h2.outcome(1).await, Outcome::Status(200));
    tokio::time::sleep(SHORT_TIMEOUT / 4).await;
    passes(&mut h2, 3).await;
    assert_cut(&edge, &mut h2, 1).await;
}

/// The response that has ended was taken long ago; no window is missing.
#[tokio::test]
async fn an_upload_outlives_an_answer_that_has_ended() {
    let (_edge, mut h2) = edge(mirror().await, |t| t.response = SHORT_TIMEOUT).await;
    h2.0.write(frame(HEADERS, END_HEADERS, 1, &request("POST", HOST, "/uploads"))).await;
    passes(&mut h2, 3).await;
    for _ in 0..8 {
        tokio::time::sleep(SHORT_TIMEOUT / 4).await;
        h2.0.write(frame(DATA, 0, 1, b"piece")).await;
    }
    h2.0.write(frame(DATA, END_STREAM, 1, b"end")).await;
    assert_eq!(h2.outcome(1).await, Outcome::Status(200));
}

/// Neither limit becomes the other's, whichever request came first or ends first.
#[tokio::test]
async fn two_sites_of_one_connection_keep_their_own_limits() {
    let go_on = Arc::new(Notify::new());
    let told = Arc::clone(&go_on);
    let address = upstream(move |mut raw, _| {
        let told = Arc::clone(&told);
        async move {
            raw.until("\r\n\r\n").await;
            half(&mut raw).await;
            told.notified().await;
            raw.write("half").await;
        }
    })
    .await;
    // The other site has the general limit of ten minutes.
    let edge = TestEdge::start(config(), None);
    let limits = RouteLimits { response_seconds: 1, ..RouteLimits::body(1000) };
    edge.route_within(1, Target::Upstream(address), limits).await;
    let mut h2 = H2::open(&edge, &[]).await;
    for (stream, host) in [(1, OTHER_HOST), (3, HOST), (5, OTHER_HOST)] {
        h2.0.write(frame(HEADERS, END_HEADERS | END_STREAM, stream, &request("GET", host, "/"))).await;
    }
    let mut ended = Vec::new();
    while ended.len() < 3 {
        let next = timeout(TEST_TIMEOUT, h2.next()).await.expect("nothing is cut");
        let (kind, flags, stream, _) = next.expect("the connection was closed");
        if kind == RST_STREAM {
            ended.push((stream, "cut"));
            go_on.notify_waiters();
        } else if kind == DATA && flags & END_STREAM != 0 {
            ended.push((stream, "whole"));
        }
    }
    ended.sort_unstable();
    assert_eq!(ended, [(1, "whole"), (3, "cut"), (5, "whole")]);
}

/// Whole responses wait for a client that reads them slowly. No request is open any more, but the connection is not
/// idle.
#[tokio::test]
async fn a_slow_reader_is_not_idle() {
    const ANSWERS: u32 = 200;
    let large = format!("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n{}", "x".repeat(50_000));
    let edge = TestEdge::with(impatient(|t| t.idle = SHORT_TIMEOUT), Target::Upstream(answering(large).await)).await;
    let mut h2 = H2::open_wide(&edge).await;
    for number in 0..ANSWERS {
        h2.0.write(frame(HEADERS, END_HEADERS | END_STREAM, number * 2 + 1, &request("GET", HOST, "/"))).await;
    }
    edge.counted(|counts| counts.requests == u64::from(ANSWERS)).await;
    // It takes three times as long as a connection may be idle.
    let piece = 50_000 * ANSWERS as usize / 100;
    let (mut ended, mut read) = (0, 0);
    while ended < ANSWERS {
        let (kind, flags, _, payload) = h2.next().await.expect("the connection was cut");
        assert_ne!(kind, GOAWAY, "it was taken for idle after {ended} answers");
        ended += u32::from(kind == DATA && flags & END_STREAM != 0);
        read += payload.len();
        if read >= piece {
            read = 0;
            tokio::time::sleep(SHORT_TIMEOUT * 3 / 100).await;
        }
    }
}
