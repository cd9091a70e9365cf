//! HTTP/2 with prior knowledge.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{Builder, SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use stoa_model::route::{RouteLimits, RoutingTable, Target};
use stoa_provider::edge::Edge;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, timeout},
};

use crate::{
    bad::frames::{END_HEADERS, END_STREAM, H2, HEADERS, Outcome, SETTINGS, frame, request},
    bodies::both_ways,
    support::{HOST, Raw, TEST_TIMEOUT, TestEdge, config, field, impatient, mirror, status, upstream},
    tls_support::{TlsEdge, Way, connect_to, routes},
};

pub async fn client(edge: &TestEdge) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(edge.address).await.unwrap();
    let (sender, conn) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(conn);
    sender
}

pub async fn ask(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> (u16, String) {
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn the_authority_is_the_host_and_cookies_become_one() {
    let edge = TestEdge::to(mirror().await).await;
    let mut sender = client(&edge).await;
    let request = Request::get(format!("http://{HOST}/a?b")).header("cookie", "a=1").header("cookie", "b=2");
    let (status, seen) = ask(&mut sender, request.body(Full::default()).unwrap()).await;
    assert_eq!(status, 200);
    assert!(seen.starts_with("GET /a?b HTTP/1.1\r\n"), "{seen}");
    assert_eq!((field(&seen, "host"), field(&seen, "cookie")), (Some(HOST), Some("a=1; b=2")), "{seen}");
    assert_eq!(field(&seen, "transfer-encoding"), None);
}

#[tokio::test]
async fn bodies_are_framed_for_http1() {
    let edge = TestEdge::to(mirror().await).await;
    let mut sender = client(&edge).await;
    let request = Request::post(format!("http://{HOST}/")).body(Full::from("hello")).unwrap();
    let (status, seen) = ask(&mut sender, request).await;
    assert_eq!(status, 200);
    assert!(seen.ends_with("\r\n\r\nhello") && field(&seen, "content-length") == Some("5"), "{seen}");
}

#[tokio::test]
async fn many_streams_share_a_connection() {
    let edge = TestEdge::to(mirror().await).await;
    let sender = client(&edge).await;
    let asks = (0..50).map(|number| {
        let mut sender = sender.clone();
        async move {
            let request = Request::get(format!("http://{HOST}/{number}")).body(Full::default()).unwrap();
            let (status, seen) = ask(&mut sender, request).await;
            assert!(status == 200 && seen.starts_with(&format!("GET /{number} ")), "{seen}");
        }
    });
    futures_util::future::join_all(asks).await;
    assert_eq!(edge.edge.counts().accepted, 1);
    edge.counted(|counts| counts.requests == 50).await;
}

#[tokio::test]
async fn doubt_is_refused_here_too() {
    let edge = TestEdge::to(mirror().await).await;
    let mut sender = client(&edge).await;
    let other =
        Request::get(format!("http://{HOST}/")).header("host", "other.example.com").body(Full::default()).unwrap();
    assert_eq!(ask(&mut sender, other).await.0, 400);
    let unknown = Request::get("http://nobody.example.com/").body(Full::default()).unwrap();
    assert_eq!(ask(&mut sender, unknown).await.0, 404);
    let large = Request::post(format!("http://{HOST}/")).body(Full::from(vec![b'x'; 1001])).unwrap();
    assert_eq!(ask(&mut sender, large).await.0, 413);
}

/// The window of the answer is full long before the upload has ended.
#[tokio::test]
async fn an_upload_goes_on_while_nobody_reads_the_answer() {
    const SIZE: usize = 8 << 20;
    let (address, mut done) = both_ways(SIZE).await;
    let edge = TestEdge::start(config(), None);
    edge.route_up_to(1, Target::Upstream(address), SIZE as u64).await;
    let stream = TcpStream::connect(edge.address).await.unwrap();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(65_535);
    let (mut sender, conn) = builder.handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(conn);
    let request = Request::post(format!("http://{HOST}/")).body(Full::new(Bytes::from(vec![b'x'; SIZE]))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    timeout(TEST_TIMEOUT, done.recv()).await.expect("the upload stands").unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), SIZE);
}

/// Passes bytes on after a while, as a long line does.
async fn delay(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin + Send + 'static, by: Duration) {
    let (sender, mut line) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((due, bytes)) = line.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut room = vec![0; 256 * 1024];
    while let Ok(length @ 1..) = from.read(&mut room).await {
        drop(sender.send((Instant::now() + by, room[..length].to_vec())));
    }
}

/// FAULTS A5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_over_a_long_line_is_not_slow() {
    const SIZE: usize = 20 << 20;
    let taking = upstream(|mut raw, _| async move {
        let head = raw.head().await.unwrap();
        let length: usize = field(&head, "content-length").unwrap().parse().unwrap();
        let mut taken = raw.buf.len();
        let mut room = vec![0; 256 * 1024];
        while taken < length {
            taken += raw.stream.read(&mut room).await.unwrap();
        }
        raw.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    })
    .await;
    let edge = TlsEdge::start(config(), None);
    let mut routes = routes(&[Way(HOST, Target::Upstream(taking), false)]);
    routes.get_mut(HOST).unwrap().limits = RouteLimits::body(SIZE as u64);
    let certificates = Arc::new(vec![edge.authority.certificate(1, &[HOST])]);
    edge.plain.edge.apply(RoutingTable { version: 1, routes, certificates, ..RoutingTable::default() }).await.unwrap();
    let line = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, far) = (line.local_addr().unwrap(), edge.address);
    tokio::spawn(async move {
        let (near, far) = (line.accept().await.unwrap().0, TcpStream::connect(far).await.unwrap());
        let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
        let by = Duration::from_millis(100);
        tokio::join!(delay(near_read, far_write, by), delay(far_read, near_write, by));
    });
    let raw = connect_to(address, edge.authority.client(&["h2"]), HOST).await.unwrap();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.max_send_buf_size(SIZE);
    let (mut sender, conn) = builder.handshake(TokioIo::new(raw.stream)).await.unwrap();
    tokio::spawn(conn);
    let request = Request::post(format!("https://{HOST}/")).body(Full::new(Bytes::from(vec![b'x'; SIZE]))).unwrap();
    let begun = Instant::now();
    assert_eq!(ask(&mut sender, request).await.0, 200);
    // With a window of 1 MiB it takes at least 20 round trips of 0.2 s.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// Sends the first bytes of a connection one by one, each as a segment of its own.
async fn trickling(edge: &TestEdge, first: &str) -> Raw {
    let mut raw = edge.connect().await;
    raw.stream.set_nodelay(true).unwrap();
    for byte in first.bytes() {
        raw.write([byte]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    raw
}

#[tokio::test]
async fn it_may_begin_byte_by_byte() {
    let edge = TestEdge::to(mirror().await).await;
    for first in ["P", "PR", "PRI", "PRI * HTTP"] {
        let mut raw = trickling(&edge, first).await;
        raw.write(&"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[first.len()..]).await;
        raw.write(frame(SETTINGS, 0, 0, &[])).await;
        let mut h2 = H2(raw);
        h2.0.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, &request("GET", HOST, "/"))).await;
        assert_eq!(h2.outcome(1).await, Outcome::Status(200), "after {first:?}");
    }
}

#[tokio::test]
async fn what_only_begins_like_it_is_http1() {
    let edge = TestEdge::to(mirror().await).await;
    for (first, method) in [("P", "PUT"), ("PR", "PROPFIND"), ("G", "GET")] {
        let mut raw = trickling(&edge, first).await;
        let rest = &method[first.len()..];
        raw.write(format!("{rest} / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await;
        let answer = raw.rest().await;
        assert!(status(&answer) == 200 && answer.contains(&format!("\r\n{method} / ")), "{answer}");
    }
}

#[tokio::test]
async fn a_beginning_without_an_end_is_cut() {
    let edge = TestEdge::to(mirror().await).await;
    let mut raw = trickling(&edge, "PR").await;
    raw.stream.shutdown().await.unwrap();
    assert_eq!(raw.rest().await, "");
    let config = impatient(|t| t.header = Duration::from_millis(300));
    let edge = TestEdge::with(config, Target::Upstream(mirror().await)).await;
    assert_eq!(trickling(&edge, "PR").await.rest().await, "");
}
