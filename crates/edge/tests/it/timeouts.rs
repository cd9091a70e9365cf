//! Those who keep others waiting.

use std::time::Duration;

use stoa_model::route::Target;
use tokio::io::AsyncReadExt;

use crate::support::{HOST, SHORT_TIMEOUT, TestEdge, answering, impatient, mirror, status, upstream};

const SOON: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_silent_upstream_is_a_504() {
    let address = upstream(|mut raw, _| async move {
        raw.until("\r\n\r\n").await;
        std::future::pending().await
    })
    .await;
    let edge = TestEdge::with(impatient(|t| t.response = SOON), Target::Upstream(address)).await;
    assert_eq!(status(&edge.get("").await), 504);
}

/// The clock of the upstream begins when the upload has ended.
#[tokio::test]
async fn a_slow_upload_is_no_fault_of_the_upstream() {
    let edge = TestEdge::with(impatient(|t| t.response = SHORT_TIMEOUT), Target::Upstream(mirror().await)).await;
    let mut raw = edge.connect().await;
    raw.write(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\na")).await;
    tokio::time::sleep(SHORT_TIMEOUT + SOON).await;
    raw.write("b").await;
    assert_eq!(status(&raw.message().await), 200);
}

/// An upstream that takes a large upload slowly but steadily takes longer than it may be silent: for
/// the first half, as what is left then may be in the sockets' buffers already, and the edge done with it.
#[tokio::test]
async fn a_slow_reader_is_no_silent_one() {
    const SIZE: usize = 32 << 20;
    const PIECE: usize = 128 << 10;
    let pause = SHORT_TIMEOUT * 3 / 2 / u32::try_from(SIZE / 2 / PIECE).unwrap();
    let address = upstream(move |mut raw, _| async move {
        raw.until("\r\n\r\n").await;
        let mut seen = raw.buf.len();
        let mut piece = vec![0; PIECE];
        while seen < SIZE {
            seen += raw.stream.read(&mut piece).await.unwrap();
            if seen < SIZE / 2 {
                tokio::time::sleep(pause).await;
            }
        }
        raw.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    })
    .await;
    let edge = TestEdge::start(impatient(|t| t.response = SHORT_TIMEOUT), None);
    edge.route_up_to(1, Target::Upstream(address), SIZE as u64).await;
    let mut raw = edge.connect().await;
    raw.write(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {SIZE}\r\n\r\n")).await;
    raw.write(vec![b'x'; SIZE]).await;
    assert_eq!(status(&raw.message().await), 200);
}

#[tokio::test]
async fn an_upstream_that_stops_in_the_middle_is_cut() {
    let address = upstream(|mut raw, _| async move {
        raw.until("\r\n\r\n").await;
        raw.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        std::future::pending().await
    })
    .await;
    let edge = TestEdge::with(impatient(|t| t.response = SHORT_TIMEOUT), Target::Upstream(address)).await;
    assert!(edge.get("").await.ends_with("half"));
}

#[tokio::test]
async fn a_slow_head_is_cut() {
    let edge = TestEdge::with(impatient(|t| t.header = SOON), Target::Upstream(mirror().await)).await;
    for start in ["", "GET / HTTP/1.1\r\nHost: "] {
        assert_eq!(edge.send(start).await, "", "after {start:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let edge = TestEdge::with(impatient(|t| t.idle = SHORT_TIMEOUT), Target::Upstream(mirror().await)).await;
    let mut raw = edge.connect().await;
    raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert_eq!(status(&raw.message().await), 200);
    assert_eq!(raw.rest().await, "");
}

#[tokio::test]
async fn a_client_that_stalls_in_its_body_is_cut() {
    let edge = TestEdge::with(impatient(|t| t.idle = SHORT_TIMEOUT), Target::Upstream(mirror().await)).await;
    let answer = edge.send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\nhalf")).await;
    assert_eq!(answer, "");
    assert_eq!(edge.counted(|counts| counts.requests == 1).await.statuses[0], 1, "counted as a client that left");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let edge = {
        let large = format!("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n{}", "x".repeat(64 << 20));
        TestEdge::with(impatient(|t| t.idle = SHORT_TIMEOUT), Target::Upstream(answering(large).await)).await
    };
    let mut raw = edge.connect().await;
    raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    let counts = edge.counted(|counts| counts.requests == 1).await;
    assert!(counts.bytes_out < 64 << 20, "{counts:?}");
}
