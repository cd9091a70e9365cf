//! Upstreams that are down, break off, or speak nonsense.

use std::time::{Duration, Instant};

use stoa_model::route::Target;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::support::{HOST, TestEdge, answering, body, field, impatient, nobody, status, upstream};

#[tokio::test]
async fn an_upstream_that_is_down_is_a_502() {
    let edge = TestEdge::to(nobody()).await;
    let answer = edge.get("").await;
    assert_eq!(status(&answer), 502);
    assert!(body(&answer).contains("isn't responding"), "{answer}");
    assert_eq!(edge.counted(|counts| counts.requests == 1).await.statuses[5], 1);
}

/// FAULTS A12: nobody answers at the address of a container that died.
#[tokio::test]
async fn an_upstream_that_takes_no_connection_is_soon_a_502() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Once its queue is full, the kernel drops what else comes.
    let mut queued = Vec::new();
    for _ in 0..6 {
        queued.extend(timeout(Duration::from_millis(300), TcpStream::connect(address)).await);
    }
    assert!(queued.len() < 6, "the queue is not full");
    let edge = TestEdge::to(address).await;
    let began = Instant::now();
    let answer = edge.get("").await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(status(&answer) == 502 && body(&answer).contains("isn't responding"), "{answer}");
    assert!(field(&answer, "retry-after").is_some(), "{answer}");
}

#[tokio::test]
async fn an_upstream_that_closes_at_once_is_a_502() {
    let edge = TestEdge::to(upstream(|raw, _| async move { drop(raw) }).await).await;
    assert_eq!(status(&edge.get("").await), 502);
}

#[tokio::test]
async fn heads_that_leave_doubt_are_a_502() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2",
        "HTTP/1.1 099 Low\r\n\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ] {
        let edge = TestEdge::to(answering(head).await).await;
        let answer = edge.get("").await;
        assert_eq!(status(&answer), 502, "{head:?} got {answer}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_a_502() {
    let edge = TestEdge::to(answering(format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(200_000))).await).await;
    assert_eq!(status(&edge.get("").await), 502);
}

/// The client must be able to tell that it did not get everything; what has not left yet when the
/// upstream breaks off may be missing altogether.
#[tokio::test]
async fn half_a_response_is_never_a_whole_one() {
    for (answer, framing) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "content-length: 10"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "transfer-encoding: chunked"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n", "transfer-encoding: chunked"),
    ] {
        let edge = TestEdge::to(answering(answer).await).await;
        let got = edge.get("").await;
        let broken = got.is_empty() || (got.contains(framing) && !got.ends_with("0\r\n\r\n") && body(&got).len() < 10);
        assert!(broken, "{answer:?} looks whole: {got}");
    }
}

#[tokio::test]
async fn a_response_until_the_end_of_the_connection_is_whole() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let edge = TestEdge::to(answering(format!("{version} 200 OK\r\n\r\nall of it")).await).await;
        let answer = edge.send(format!("GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n")).await;
        assert_eq!(body(&answer), "all of it");
    }
}

#[tokio::test]
async fn interim_responses_are_skipped() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    let edge =
        TestEdge::to(answering(format!("{hints}{hints}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).await).await;
    let answer = edge.get("").await;
    assert_eq!((status(&answer), body(&answer)), (200, "ok"));
}

/// Each is work, and together they never are an answer.
#[tokio::test]
async fn endless_interim_responses_are_a_502() {
    let flood = upstream(|mut raw, _| async move {
        raw.until("\r\n\r\n").await;
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
        while raw.stream.write_all(interim.as_bytes()).await.is_ok() {}
    })
    .await;
    let edge = TestEdge::with(impatient(|t| t.response = Duration::from_secs(2)), Target::Upstream(flood)).await;
    assert_eq!(status(&edge.get("").await), 502);
}
