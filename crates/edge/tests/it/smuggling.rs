//! Requests on which two programs might disagree: refused, or made unambiguous before they leave.

use crate::support::{HOST, TestEdge, body, field, mirror, status};

async fn edge() -> TestEdge {
    TestEdge::to(mirror().await).await
}

#[tokio::test]
async fn hosts_that_leave_doubt_are_refused() {
    let edge = edge().await;
    for head in [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.0\r\n",
        "GET / HTTP/1.1\r\nHost: shop.example.com\r\nHost: shop.example.com\r\n",
        "GET / HTTP/1.1\r\nHost: shop.example.com\r\nHost: other.example.com\r\n",
        "GET / HTTP/1.1\r\nHost: user@shop.example.com\r\n",
        "GET / HTTP/1.1\r\nHost: shop.example.com, other.example.com\r\n",
        "GET / HTTP/1.1\r\nHost: shop.example.com:80:80\r\n",
        "GET / HTTP/1.1\r\nHost: shop.example.com/x\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n",
        "GET http://user@shop.example.com/ HTTP/1.1\r\nHost: user@shop.example.com\r\n",
        "GET http://other.example.com/ HTTP/1.1\r\nHost: shop.example.com\r\n",
    ] {
        let answer = edge.send(format!("{head}Connection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), 400, "{head:?} got {answer}");
    }
    assert_eq!(edge.counts().requests, 0, "a refused request is nobody's");
    assert_eq!(edge.edge.counts().refused, 11);
}

#[tokio::test]
async fn a_host_may_have_port_capitals_and_a_final_dot() {
    let edge = edge().await;
    for host in
        ["shop.example.com", "SHOP.example.COM", "shop.example.com:8080", "shop.example.com.", "Shop.Example.Com.:80"]
    {
        let answer = edge.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), 200, "{host}");
        assert_eq!(field(body(&answer), "host"), Some(host), "the upstream sees what the client sent");
    }
}

#[tokio::test]
async fn an_absolute_target_becomes_a_path() {
    let edge = edge().await;
    let answer =
        edge.send(format!("GET http://{HOST}/a?b=c HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await;
    assert!(body(&answer).starts_with("GET /a?b=c HTTP/1.1\r\n"), "{answer}");
    assert_eq!(field(body(&answer), "host"), Some(HOST));
}

#[tokio::test]
async fn connect_is_not_allowed() {
    let answer = edge()
        .await
        .send(format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\nConnection: close\r\n\r\n"))
        .await;
    assert_eq!(status(&answer), 405);
    assert!(field(&answer, "allow").is_some());
}

/// RFC 9112 6.3 lets a server process such a request by its Transfer-Encoding alone, if it closes
/// the connection afterwards; hyper does. What must never happen: that both fields reach the
/// upstream, or that the bytes behind the chunks count as a request, here or there.
#[tokio::test]
async fn two_framings_become_one_and_end_the_connection() {
    for order in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"]
    {
        let edge = edge().await;
        let smuggled = format!("GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        let answer =
            edge.send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\n{order}\r\n5\r\nhello\r\n0\r\n\r\n{smuggled}")).await;
        assert_eq!(status(&answer), 200);
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 1, "one request, one response: {answer}");
        assert_eq!(field(body(&answer), "content-length"), None, "{answer}");
        assert_eq!(field(body(&answer), "transfer-encoding"), Some("chunked"));
        assert!(!answer.contains("/smuggled"), "{answer}");
        assert_eq!(edge.counted(|counts| counts.requests > 0).await.requests, 1);
    }
}

#[tokio::test]
async fn malformed_framing_is_refused() {
    let edge = edge().await;
    for (lines, rest) in [
        ("Content-Length: 4\r\nContent-Length: 5\r\n", "abcd"),
        ("Content-Length: +4\r\n", "abcd"),
        ("Content-Length: 4, 4\r\n", "abcd"),
        ("Content-Length: -1\r\n", ""),
        ("Transfer-Encoding: gzip\r\n", ""),
        ("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        ("X-Folded: a\r\n b\r\n", ""),
        ("X-Nul: a\0b\r\n", ""),
        ("Bad Name: a\r\n", ""),
    ] {
        let answer = edge.send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n{rest}")).await;
        assert_eq!(status(&answer), 400, "{lines:?} got {answer}");
    }
    let answer =
        edge.send(format!("POST / HTTP/1.0\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")).await;
    assert_eq!(status(&answer), 400, "chunks do not exist in HTTP/1.0: {answer}");
}

#[tokio::test]
async fn bad_chunks_never_become_a_request() {
    for chunks in ["x\r\nhello\r\n0\r\n\r\n", "5\r\nhelloworld\r\n0\r\n\r\n", "-1\r\n\r\n", "fffffffffffffffff\r\n"] {
        let edge = edge().await;
        let next = format!("GET /next HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        let answer = edge
            .send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{next}"))
            .await;
        assert!(answer.is_empty() || status(&answer) == 400, "{chunks:?} got {answer}");
        assert!(!answer.contains("/next"), "{chunks:?} got {answer}");
    }
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let edge = edge().await;
    let answer = edge.get(&format!("X-Large: {}\r\n", "a".repeat(70_000))).await;
    assert_eq!(status(&answer), 431);
    let many = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect::<String>();
    assert_eq!(status(&edge.get(&many).await), 431);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let edge = edge().await;
    let one = |path: &str, last: &str| format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{last}\r\n");
    let answer = edge.send(one("/1", "") + &one("/2", "") + &one("/3", "Connection: close\r\n")).await;
    let order: Vec<_> = answer.match_indices("GET /").map(|(at, _)| &answer[at + 4..at + 6]).collect();
    assert_eq!(order, ["/1", "/2", "/3"], "{answer}");
}
