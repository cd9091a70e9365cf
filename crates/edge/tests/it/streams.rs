//! Streams in real time: server-sent events and WebSockets.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    sync::{
        Mutex,
        mpsc::{UnboundedSender, unbounded_channel},
    },
    time::timeout,
};

use crate::support::{HOST, TEST_TIMEOUT, TestEdge, field, status, upstream};

const EVENTS: usize = 20;

/// A stream of events, and how it is told that each has come.
struct Events {
    address: SocketAddr,
    came: UnboundedSender<()>,
}

/// A service that sends each event, framed as asked for, when the one before has come: whoever
/// collects two of them before passing them on waits for ever.
async fn events(framing: &'static str) -> Events {
    let (came, wait) = unbounded_channel();
    let wait = Arc::new(Mutex::new(wait));
    let address = upstream(move |mut raw, _| {
        let wait = Arc::clone(&wait);
        async move {
            raw.until("\r\n\r\n").await;
            raw.write(format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n")).await;
            for number in 10..10 + EVENTS {
                let event = format!("data: {number}\n\n");
                let chunk = if framing.is_empty() { event } else { format!("{:x}\r\n{event}\r\n", event.len()) };
                raw.write(chunk).await;
                wait.lock().await.recv().await.unwrap();
            }
            if !framing.is_empty() {
                raw.write("0\r\n\r\n").await;
            }
        }
    })
    .await;
    Events { address, came }
}

/// The edge looks into no coding (FAULTS A6).
const GZIP: &str = "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n";

#[tokio::test]
async fn events_arrive_one_by_one() {
    for framing in ["Transfer-Encoding: chunked\r\n", GZIP, ""] {
        let events = events(framing).await;
        let edge = TestEdge::to(events.address).await;
        let mut raw = edge.connect().await;
        raw.write(format!("GET /events HTTP/1.1\r\nHost: {HOST}\r\nAccept-Encoding: gzip\r\n\r\n")).await;
        assert_eq!(field(&raw.until("\r\n\r\n").await, "content-type"), Some("text/event-stream"));
        for number in 10..10 + EVENTS {
            raw.until(&format!("data: {number}\n\n")).await;
            events.came.send(()).unwrap();
        }
    }
}

#[tokio::test]
async fn events_arrive_one_by_one_over_http2() {
    for framing in ["Transfer-Encoding: chunked\r\n", GZIP] {
        let events = events(framing).await;
        let edge = TestEdge::to(events.address).await;
        let stream = TcpStream::connect(edge.address).await.unwrap();
        let (mut sender, conn) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(conn);
        let request = Request::get(format!("http://{HOST}/events")).body(Empty::<Bytes>::new()).unwrap();
        let mut body = sender.send_request(request).await.unwrap().into_body();
        let mut came = 0;
        while let Some(frame) = timeout(TEST_TIMEOUT, body.frame()).await.unwrap() {
            let text = frame.unwrap().into_data().unwrap();
            assert!(text.is_empty() || text.ends_with(b"\n\n"), "a torn event: {text:?}");
            if !text.is_empty() {
                events.came.send(()).unwrap();
                came += 1;
            }
        }
        assert_eq!(came, EVENTS);
    }
}

/// A client's WebSocket frame (RFC 6455 5.2): text, final, masked.
fn masked(text: &str, mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap()];
    bytes.extend(mask);
    bytes.extend(text.bytes().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A WebSocket service that repeats every short text message, after the example of RFC 6455 1.3.
async fn echo() -> SocketAddr {
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
        timeout(TEST_TIMEOUT, raw.stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(answer, [&[0x81, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat());
    }
}
