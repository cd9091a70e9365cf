//! Bodies in both directions: framing, limits, streaming, trailers.

use std::net::SocketAddr;

use stoa_model::route::Target;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    sync::mpsc,
};

use crate::support::{HOST, Raw, TestEdge, answering, body, config, field, mirror, status, upstream};

#[tokio::test]
async fn a_body_keeps_its_length() {
    let edge = TestEdge::to(mirror().await).await;
    let answer = edge
        .send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"))
        .await;
    assert_eq!(field(body(&answer), "content-length"), Some("5"));
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    let counts = edge.counted(|counts| counts.requests == 1).await;
    assert_eq!(counts.bytes_in, 5);
    assert_eq!(counts.bytes_out, body(&answer).len() as u64);
}

#[tokio::test]
async fn a_post_without_a_body_says_so() {
    let edge = TestEdge::to(mirror().await).await;
    let answer = edge.send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await;
    assert_eq!(field(body(&answer), "content-length"), Some("0"), "{answer}");
}

#[tokio::test]
async fn chunks_and_trailers_pass() {
    let edge = TestEdge::to(mirror().await).await;
    let chunked = "Trailer: x-sum\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nx-sum: 7\r\ncontent-length: 9\r\n\r\n";
    let answer = edge.send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\n{chunked}")).await;
    assert_eq!(field(body(&answer), "trailer"), Some("x-sum"));
    assert!(answer.contains("hello") || answer.contains("2\r\nhe\r\n"), "{answer}");
    assert!(answer.contains("0\r\nx-sum: 7\r\n"), "{answer}");
    assert!(!answer.contains("content-length: 9"), "a trailer that decides about framing passed: {answer}");
}

#[tokio::test]
async fn trailers_of_a_response_pass_to_those_who_ask() {
    let answer =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n";
    let edge = TestEdge::to(answering(answer).await).await;
    let answer = edge.get("TE: trailers\r\n").await;
    assert!(answer.ends_with("5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_declared_body_over_the_limit_is_refused_at_once() {
    let edge = TestEdge::to(mirror().await).await;
    let mut raw = edge.connect().await;
    raw.write(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1001\r\n\r\n")).await;
    assert_eq!(status(&raw.message().await), 413);
}

/// The client is still sending when the refusal comes; it must be able to read it all the same.
#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let edge = TestEdge::to(mirror().await).await;
    let mut raw = edge.connect().await;
    raw.write(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3000000\r\n\r\n")).await;
    raw.write(vec![b'x'; 3_000_000]).await;
    assert_eq!(status(&raw.message().await), 413);
}

#[tokio::test]
async fn chunks_over_the_limit_are_refused_when_they_come() {
    let edge = TestEdge::to(mirror().await).await;
    let mut raw = edge.connect().await;
    raw.write(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n")).await;
    raw.write(format!("3e8\r\n{}\r\n", "x".repeat(1000))).await;
    raw.write("1\r\nx\r\n").await;
    assert_eq!(status(&raw.message().await), 413);
    assert_eq!(edge.counted(|counts| counts.requests == 1).await.statuses[4], 1);
}

#[tokio::test]
async fn a_body_at_the_limit_passes() {
    let edge = TestEdge::to(mirror().await).await;
    let mut raw = edge.connect().await;
    raw.write(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\n{}", "x".repeat(1000))).await;
    assert_eq!(status(&raw.message().await), 200);
}

#[tokio::test]
async fn the_client_is_told_to_continue_by_the_edge() {
    let edge = TestEdge::to(mirror().await).await;
    let mut raw = edge.connect().await;
    raw.write(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")).await;
    assert_eq!(raw.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    raw.write("ok").await;
    let answer = raw.message().await;
    assert_eq!((status(&answer), field(body(&answer), "expect")), (200, None), "{answer}");
}

#[tokio::test]
async fn an_early_answer_does_not_wait_for_the_body() {
    let edge = TestEdge::to(answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await).await;
    let mut raw = edge.connect().await;
    raw.write(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\nhalf")).await;
    let answer = raw.message().await;
    assert_eq!((status(&answer), body(&answer)), (403, "no"));
}

/// Each piece is delivered before the next is made: nothing collects a whole response.
#[tokio::test]
async fn a_response_streams() {
    let (next, wait) = mpsc::channel::<()>(1);
    let wait = std::sync::Arc::new(tokio::sync::Mutex::new(wait));
    let address = upstream(move |mut raw, _| {
        let wait = std::sync::Arc::clone(&wait);
        async move {
            raw.until("\r\n\r\n").await;
            raw.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
            for number in 0..3 {
                raw.write(format!("4\r\nno.{number}\r\n")).await;
                wait.lock().await.recv().await;
            }
            raw.write("0\r\n\r\n").await;
        }
    })
    .await;
    let edge = TestEdge::to(address).await;
    let mut raw = edge.connect().await;
    raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    for number in 0..3 {
        raw.until(&format!("no.{number}\r\n")).await;
        next.send(()).await.unwrap();
    }
    raw.until("0\r\n\r\n").await;
}

/// An upstream that would send forever is slowed down by a client that does not read.
#[tokio::test]
async fn a_slow_client_slows_the_upstream() {
    let (report, mut stuck) = mpsc::channel(1);
    let address = upstream(move |mut raw, _| {
        let report = report.clone();
        async move {
            raw.until("\r\n\r\n").await;
            raw.write("HTTP/1.1 200 OK\r\n\r\n").await;
            let piece = vec![b'x'; 64 * 1024];
            let mut sent = 0;
            let patience = std::time::Duration::from_millis(300);
            while let Ok(Ok(())) = tokio::time::timeout(patience, raw.stream.write_all(&piece)).await {
                sent += piece.len();
                if sent > 256 << 20 {
                    break;
                }
            }
            report.send(sent).await.unwrap();
        }
    })
    .await;
    let edge = TestEdge::to(address).await;
    let mut raw = edge.connect().await;
    raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    let sent = tokio::time::timeout(crate::support::TEST_TIMEOUT, stuck.recv()).await.unwrap().unwrap();
    assert!(sent < 64 << 20, "{sent} bytes were taken for a client that reads nothing");
}

#[tokio::test]
async fn head_and_not_modified_have_no_body() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let edge = TestEdge::to(answering(answer).await).await;
        let answer = edge.send(format!("HEAD / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await;
        assert!([200, 304].contains(&status(&answer)), "{answer}");
        assert_eq!(body(&answer), "", "{answer}");
    }
}

/// A service that answers at once with this many bytes while it reads as many, and reports when it has.
pub async fn both_ways(size: usize) -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let (report, done) = mpsc::unbounded_channel();
    let address = upstream(move |mut raw, _| {
        let report = report.clone();
        async move {
            raw.until("\r\n\r\n").await;
            let mut left = size - raw.buf.len();
            let (mut read, mut write) = raw.stream.split();
            let reading = async {
                let mut piece = vec![0; 64 * 1024];
                while left > 0 {
                    left -= read.read(&mut piece).await.unwrap();
                }
                report.send(()).unwrap();
            };
            let writing = async {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
                write.write_all(head.as_bytes()).await.unwrap();
                write.write_all(&vec![b'y'; size]).await.unwrap();
            };
            tokio::join!(reading, writing);
        }
    })
    .await;
    (address, done)
}

/// Many clients send everything before they read.
#[tokio::test]
async fn an_upload_goes_on_while_nobody_reads_the_answer() {
    const SIZE: usize = 24 << 20;
    let (address, mut done) = both_ways(SIZE).await;
    let edge = TestEdge::start(config(), None);
    edge.route_up_to(1, Target::Upstream(address), SIZE as u64).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let mut raw = Raw { stream: socket.connect(edge.address).await.unwrap(), buf: Vec::new() };
    raw.write(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {SIZE}\r\n\r\n")).await;
    raw.write(vec![b'x'; SIZE]).await;
    tokio::time::timeout(crate::support::TEST_TIMEOUT, done.recv()).await.unwrap().unwrap();
    let answer = raw.message().await;
    assert_eq!((status(&answer), body(&answer).len()), (200, SIZE));
    assert_eq!(edge.counted(|counts| counts.requests == 1).await.bytes_in, SIZE as u64);
}
