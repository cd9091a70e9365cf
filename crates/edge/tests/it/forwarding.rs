//! What an upstream learns about a client, and a client about an upstream.

use stoa_model::route::Target;

use crate::support::{HOST, TestEdge, answering, body, config, field, mirror, status};

/// The request as the upstream saw it.
async fn seen(edge: &TestEdge, lines: &str) -> String {
    let answer = edge.get(lines).await;
    assert_eq!(status(&answer), 200, "{answer}");
    body(&answer).to_owned()
}

async fn behind_a_proxy() -> TestEdge {
    let mut config = config();
    config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    TestEdge::with(config, Target::Upstream(mirror().await)).await
}

#[tokio::test]
async fn the_client_is_named() {
    let edge = TestEdge::to(mirror().await).await;
    let request = seen(&edge, "").await;
    for (name, value) in [
        ("host", HOST),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", HOST),
    ] {
        assert_eq!(field(&request, name), Some(value), "{name} in {request}");
    }
    assert_eq!(field(&request, "x-request-id").map(str::len), Some(32));
    assert_ne!(field(&request, "x-request-id"), field(&seen(&edge, "").await, "x-request-id"));
}

#[tokio::test]
async fn a_stranger_cant_claim_to_be_another() {
    let edge = TestEdge::to(mirror().await).await;
    let request = seen(
        &edge,
        "X-Real-IP: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: evil\r\nX-Forwarded-Port: 6\r\nX-Forwarded-Prefix: /6\r\nForwarded: for=6.6.6.6\r\nProxy: http://6.6.6.6\r\n\
         Connection: X-Real-IP, X-Forwarded-For, Host\r\n",
    )
    .await;
    assert!(
        !request.contains('6') || !request.replace(field(&request, "x-request-id").unwrap(), "").contains("6.6"),
        "{request}"
    );
    for name in ["x_forwarded_for", "forwarded", "proxy", "x-forwarded-port", "x-forwarded-prefix"] {
        assert_eq!(field(&request, name), None, "{name} passed: {request}");
    }
    assert_eq!(field(&request, "x-real-ip"), Some("127.0.0.1"));
    assert_eq!(field(&request, "x-forwarded-proto"), Some("http"));
    assert_eq!(field(&request, "host"), Some(HOST), "Connection can't remove what the edge writes");
}

#[tokio::test]
async fn a_trusted_proxy_is_believed() {
    let edge = behind_a_proxy().await;
    let request =
        seen(&edge, "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a.example\r\n").await;
    assert_eq!(field(&request, "x-real-ip"), Some("203.0.113.9"), "the last that is no proxy of ours");
    assert_eq!(field(&request, "x-forwarded-for"), Some("6.6.6.6, 203.0.113.9, 10.1.1.1, 127.0.0.1"));
    assert_eq!(field(&request, "x-forwarded-proto"), Some("https"));
    assert_eq!(field(&request, "x-forwarded-host"), Some("a.example"));
    let direct = seen(&edge, "").await;
    assert_eq!(field(&direct, "x-real-ip"), Some("127.0.0.1"));
    assert_eq!(field(&direct, "x-forwarded-for"), Some("127.0.0.1"));
}

/// A proxy that forwards its client's `Connection` must not let the client remove the proxy's own fields.
#[tokio::test]
async fn connection_takes_nothing_from_a_trusted_proxy() {
    let edge = behind_a_proxy().await;
    let lines = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a.example\r\nX-Forwarded-For: 203.0.113.9\r\n\
                 Connection: X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-For\r\n";
    let request = seen(&edge, lines).await;
    assert_eq!(field(&request, "x-forwarded-proto"), Some("https"), "{request}");
    assert_eq!(field(&request, "x-forwarded-host"), Some("a.example"), "{request}");
    assert_eq!(field(&request, "x-forwarded-for"), Some("203.0.113.9, 127.0.0.1"), "{request}");
}

#[tokio::test]
async fn hop_by_hop_fields_end_here() {
    let edge = TestEdge::to(mirror().await).await;
    let request = seen(
        &edge,
        "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers, deflate\r\nConnection: x-hop, te\r\nX-Hop: 1\r\nX-End: 1\r\n",
    )
    .await;
    for name in ["keep-alive", "proxy-connection", "x-hop", "upgrade", "transfer-encoding"] {
        assert_eq!(field(&request, name), None, "{name} passed: {request}");
    }
    assert_eq!(field(&request, "x-end"), Some("1"));
    assert_eq!((field(&request, "te"), field(&request, "connection")), (Some("trailers"), Some("te")));
}

#[tokio::test]
async fn hop_by_hop_fields_of_a_response_end_here_too() {
    let answer = "HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-End: 1\r\n\
                  Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok";
    let edge = TestEdge::to(answering(answer).await).await;
    let answer = edge.get("").await;
    assert_eq!((field(&answer, "x-hop"), field(&answer, "keep-alive")), (None, None), "{answer}");
    assert_eq!((field(&answer, "x-end"), body(&answer)), (Some("1"), "ok"));
    assert_eq!(answer.matches("set-cookie: ").count(), 2);
}

/// RFC 9110 6.5.1: what decides about framing and connection can't come after the body.
#[tokio::test]
async fn hop_by_hop_trailers_end_here() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: connection, keep-alive, x-end\r\n\r\n\
                  2\r\nok\r\n0\r\nConnection: close\r\nKeep-Alive: timeout=5\r\nX-End: 1\r\n\r\n";
    let edge = TestEdge::to(answering(answer).await).await;
    let answer = edge.get("TE: trailers\r\n").await;
    assert!(body(&answer).ends_with("0\r\nx-end: 1\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn only_a_trusted_proxy_chooses_the_request_id() {
    let edge = TestEdge::to(mirror().await).await;
    let request = seen(&edge, "X-Request-Id: abc-1.2_3\r\n").await;
    assert_eq!(field(&request, "x-request-id").map(str::len), Some(32), "a client doesn't");
    let edge = behind_a_proxy().await;
    let request = seen(&edge, "X-Request-Id: abc-1.2_3\r\n").await;
    assert_eq!(field(&request, "x-request-id"), Some("abc-1.2_3"));
    let request = seen(&edge, "X-Request-Id: <script>\r\n").await;
    assert_eq!(field(&request, "x-request-id").map(str::len), Some(32));
}

/// FAULTS A15.
#[tokio::test]
async fn a_site_sets_and_clears_no_cookies_of_others() {
    let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Domain=example.com; Path=/\r\nSet-Cookie: b=2; Domain=shop.example.com\r\n\
                  Clear-Site-Data: \"cookies\", \"cache\"\r\nContent-Length: 2\r\n\r\nok";
    let edge = TestEdge::to(answering(answer).await).await;
    let answer = edge.get("").await;
    assert!(answer.contains("set-cookie: a=1; Path=/\r\n"), "{answer}");
    assert!(answer.contains("set-cookie: b=2; Domain=shop.example.com\r\n"), "{answer}");
    assert_eq!(field(&answer, "clear-site-data"), Some("\"cache\""), "{answer}");
}
