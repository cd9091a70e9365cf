//! Streams in real time: server-sent events and WebSockets.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::Instant,
};

use crate::support::{HOST, TestEdge, field, status, upstream};

const EVENTS: usize = 20;

/// A service that sends an event every 20 ms, framed as asked for, and tells when.
async fn events(framing: &'static str) -> (std::net::SocketAddr, UnboundedReceiver<Instant>) {
    let (tell, told) = unbounded_channel();
    let address = upstream(move |mut raw, _| {
        let tell = tell.clone();
        async move {
            raw.until("\r\n\r\n").await;
            raw.write(format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n")).await;
            for number in 10..10 + EVENTS {
                let event = format!("data: {number}\n\n");
                let chunk = if framing.is_empty() { event } else { format!("{:x}\r\n{event}\r\n", event.len()) };
                tell.send(Instant::now()).unwrap();
                raw.write(chunk).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if !framing.is_empty() {
                raw.write("0\r\n\r\n").await;
            }
        }
    })
    .await;
    (address, told)
}

/// Each event within 100 ms; of twenty, one may meet a machine that is busy with something else.
async fn assert_prompt(mut sent: UnboundedReceiver<Instant>, came: &[Instant]) {
    assert_eq!(came.len(), EVENTS);
    let mut late = Vec::new();
    for at in came {
        let delay = at.duration_since(sent.recv().await.unwrap());
        if delay > Duration::from_millis(100) {
            late.push(delay);
        }
    }
    assert!(late.len() <= 1, "late by {late:?}");
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    for framing in ["Transfer-Encoding: chunked\r\n", ""] {
        let (address, sent) = events(framing).await;
        let edge = TestEdge::to(address).await;
        let mut raw = edge.connect().await;
        raw.write(format!("GET /events HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/event-stream\r\n\r\n")).await;
        assert_eq!(field(&raw.until("\r\n\r\n").await, "content-type"), Some("text/event-stream"));
        let mut came = Vec::new();
        for number in 10..10 + EVENTS {
            raw.until(&format!("data: {number}\n\n")).await;
            came.push(Instant::now());
        }
        assert_prompt(sent, &came).await;
    }
}

#[tokio::test]
async fn events_arrive_one_by_one_over_http2() {
    let (address, sent) = events("Transfer-Encoding: chunked\r\n").await;
    let edge = TestEdge::to(address).await;
    let stream = TcpStream::connect(edge.address).await.unwrap();
    let (mut sender, conn) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(conn);
    let request = Request::get(format!("http://{HOST}/events")).body(Empty::<Bytes>::new()).unwrap();
    let mut body = sender.send_request(request).await.unwrap().into_body();
    let mut came = Vec::new();
    while let Some(frame) = body.frame().await {
        let text = frame.unwrap().into_data().unwrap();
        came.extend(text.windows(2).filter(|end| end == b"\n\n").map(|_| Instant::now()));
    }
    assert_prompt(sent, &came).await;
}

/// A client's WebSocket frame (RFC 6455 5.2): text, final, masked.
fn masked(text: &str, mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap()];
    bytes.extend(mask);
    bytes.extend(text.bytes().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A WebSocket service that repeats every short text message, after the example of RFC 6455 1.3.
async fn echo() -> std::net::SocketAddr {
    upstream(|mut raw, _| async move {
        let head = raw.until("\r\n\r\n").await;
        assert_eq!(field(&head, "sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="), "{head}");
        raw.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        )
        .await;
        let mut head = [0; 6];
        while raw.stream.read_exact(&mut head).await.is_ok() {
            let mut text = vec![0; usize::from(head[1] & 0x7f)];
            raw.stream.read_exact(&mut text).await.unwrap();
            let plain = text.iter().zip(head[2..].iter().cycle()).map(|(byte, mask)| byte ^ mask);
            raw.write([0x81, head[1] & 0x7f].into_iter().chain(plain).collect::<Vec<_>>()).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_websocket_echoes() {
    let edge = TestEdge::to(echo().await).await;
    let mut raw = edge.connect().await;
    raw.write(format!(
        "GET /chat HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ))
    .await;
    let head = raw.until("\r\n\r\n").await;
    assert_eq!((status(&head), field(&head, "sec-websocket-accept")), (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    for number in 0..100u8 {
        let text = format!("Hello number {number}");
        raw.write(masked(&text, [number, 7, 250, 3])).await;
        let mut answer = vec![0; text.len() + 2];
        tokio::time::timeout(crate::support::PATIENCE, raw.stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(answer, [&[0x81, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat());
    }
}
