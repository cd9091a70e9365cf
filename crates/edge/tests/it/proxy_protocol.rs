//! Balancers that say for whom they speak, and those who only pretend.

use std::{sync::Arc, time::Duration};

use rustls_pki_types::ServerName;
use stoa_edge::Config;
use stoa_model::route::Target;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::TlsConnector;

use crate::{
    support::{HOST, Raw, TestEdge, body, field, mirror, status},
    tls_support::{TlsEdge, Way, secure_config},
};

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n";
const V1_IPV6: &[u8] = b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n";
const V1_UNKNOWN: &[u8] = b"PROXY UNKNOWN\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xcb\0\x71\x07\x0a\0\0\x01\xdc\x04\x01\xbb\x04\0\0";
const V2_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// A config in which this machine is a balancer.
fn balanced() -> Config {
    Config { proxy_protocol: vec!["127.0.0.1".parse().unwrap()], ..secure_config() }
}

async fn edge_with(config: Config) -> TestEdge {
    TestEdge::with(config, Target::Upstream(mirror().await)).await
}

fn request(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{lines}Connection: close\r\n\r\n")
}

#[tokio::test]
async fn the_client_is_whom_the_balancer_names() {
    let edge = edge_with(balanced()).await;
    for (header, client) in [
        (V1, "203.0.113.7"),
        (V1_IPV6, "2001:db8::7"),
        (V2, "203.0.113.7"),
        (V1_UNKNOWN, "127.0.0.1"),
        (V2_LOCAL, "127.0.0.1"),
    ] {
        let answer = edge.send([header, request("X-Forwarded-For: 6.6.6.6\r\n").as_bytes()].concat()).await;
        assert_eq!(status(&answer), 200, "{}", header.escape_ascii());
        assert_eq!(field(body(&answer), "x-forwarded-for"), Some(client), "{answer}");
        assert_eq!(field(body(&answer), "x-real-ip"), Some(client), "{answer}");
    }
}

#[tokio::test]
async fn a_header_may_come_in_pieces() {
    let edge = edge_with(balanced()).await;
    for header in [V1, V2] {
        let mut raw = edge.connect().await;
        raw.stream.set_nodelay(true).unwrap();
        for piece in header.chunks(5) {
            raw.write(piece).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        raw.write(request("")).await;
        assert_eq!(field(body(&raw.rest().await), "x-real-ip"), Some("203.0.113.7"));
    }
}

#[tokio::test]
async fn forwarded_headers_are_believed_from_whom_the_balancer_names() {
    let trusting = |range: &str| Config { trusted_proxies: vec![range.parse().unwrap()], ..balanced() };
    let lines = "X-Forwarded-For: 198.51.100.1\r\n";
    let whole = [V1, request(lines).as_bytes()].concat();
    let answer = edge_with(trusting("203.0.113.0/24")).await.send(&whole).await;
    assert_eq!(field(body(&answer), "x-real-ip"), Some("198.51.100.1"), "{answer}");
    let answer = edge_with(trusting("127.0.0.0/8")).await.send(&whole).await;
    assert_eq!(field(body(&answer), "x-real-ip"), Some("203.0.113.7"), "the balancer itself speaks no HTTP: {answer}");
}

#[tokio::test]
async fn a_balancer_must_say_it() {
    let edge = edge_with(balanced()).await;
    for start in [request(""), "PROXY TCP4 nonsense\r\n".to_owned() + &request(""), "PROXY".to_owned()] {
        let mut raw = edge.connect().await;
        raw.write(&start).await;
        // The edge may have cut it already.
        let _ = raw.stream.shutdown().await;
        assert_eq!(raw.rest().await, "", "after {start:?}");
    }
    edge.edge.snapshot().iter().for_each(|(_, traffic)| assert_eq!(traffic.requests, 0));
}

#[tokio::test]
async fn a_balancer_that_stalls_is_cut() {
    let mut config = balanced();
    config.timeouts.header = Duration::from_millis(100);
    let edge = edge_with(config).await;
    for start in [&b""[..], b"PROXY TCP4", &V2[..20]] {
        assert_eq!(edge.send(start).await, "");
    }
}

#[tokio::test]
async fn nobody_else_is_listened_to() {
    let elsewhere = Config { proxy_protocol: vec!["192.0.2.0/24".parse().unwrap()], ..secure_config() };
    for config in [secure_config(), elsewhere] {
        let edge = edge_with(config).await;
        for header in [V1, V2] {
            let answer = edge.send([header, request("").as_bytes()].concat()).await;
            assert_eq!(status(&answer), 400, "a forged header is no HTTP: {answer}");
        }
    }
}

/// Shakes hands behind these bytes, and asks.
async fn asked_over_tls(edge: &TlsEdge, header: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(edge.address).await?;
    stream.write_all(header).await?;
    let connector = TlsConnector::from(Arc::new(edge.authority.client(&["http/1.1"])));
    let stream = connector.connect(ServerName::try_from(HOST).unwrap(), stream).await?;
    let mut raw = Raw { stream, buf: Vec::new() };
    raw.write(request("")).await;
    Ok(raw.rest().await)
}

#[tokio::test]
async fn it_comes_before_the_handshake() {
    let upstream = Target::Upstream(mirror().await);
    let edge = TlsEdge::with(balanced(), &[Way(HOST, upstream.clone(), true)], &[&[HOST]]).await;
    for header in [V1, V2] {
        let answer = asked_over_tls(&edge, header).await.unwrap();
        assert_eq!(field(body(&answer), "x-real-ip"), Some("203.0.113.7"), "{answer}");
    }
    assert!(asked_over_tls(&edge, b"").await.is_err(), "a balancer must say it");
    let open = TlsEdge::with(secure_config(), &[Way(HOST, upstream, true)], &[&[HOST]]).await;
    assert_eq!(status(&asked_over_tls(&open, b"").await.unwrap()), 200);
    for header in [V1, V2] {
        assert!(asked_over_tls(&open, header).await.is_err(), "a forged header is no TLS");
    }
}
