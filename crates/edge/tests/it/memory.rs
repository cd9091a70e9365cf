//! Large bodies at constant memory, measured in a process of its own: the peak of what is resident
//! while they pass, over what it was before. Edge, upstream and client are all in it.

use std::{net::SocketAddr, process::Command, time::Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use stoa_model::route::{RouteLimits, Target};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{HOST, Raw, TestEdge, config, field, status, upstream};

const MB: usize = 1 << 20;
/// How much more may be resident at any moment.
pub const GROWTH: usize = 32 * MB;
const PIECE: usize = 64 * 1024;

#[test]
fn large_bodies_take_no_memory() {
    alone("memory::in_a_process_of_its_own");
}

/// Runs an ignored test in a process of its own.
pub fn alone(test: &str) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "it measures the whole process; large_bodies_take_no_memory runs it alone"]
async fn in_a_process_of_its_own() {
    let edge = TestEdge::start(config(), None);
    edge.route_within(1, Target::Upstream(giver_and_taker().await), RouteLimits::body(u64::MAX)).await;
    // What is allocated once is no growth: the first of each kind is not measured.
    for measured in [false, true] {
        let size = |megabytes: usize| if measured { megabytes * MB } else { MB };
        for (name, what, size) in [
            ("an upload", "length", size(100)),
            ("an upload in chunks", "chunks", size(100)),
            ("a download", "download", size(1024)),
            ("a download over HTTP/2", "http2", size(256)),
            ("a tunnel", "tunnel", size(100)),
        ] {
            let before = resident("VmRSS");
            forget_peak();
            let begun = Instant::now();
            match what {
                "download" => download(&edge, size).await,
                "http2" => download_http2(&edge, size).await,
                "tunnel" => tunnel(&edge, size).await,
                how => upload(&edge, size, how == "chunks").await,
            }
            let growth = resident("VmHWM").saturating_sub(before);
            println!("{name} of {} MB: {} KB more, {:?}", size / MB, growth / 1024, begun.elapsed());
            assert!(!measured || growth < GROWTH, "{name}: {} MB more", growth / MB);
        }
    }
}

/// A figure of /proc/self/status in bytes.
pub fn resident(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Makes the present resident size the peak (proc(5), clear_refs).
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// A service that counts what it gets, gives as much as the path says, or echoes.
async fn giver_and_taker() -> SocketAddr {
    upstream(|mut raw, _| async move {
        while let Some(head) = raw.head().await {
            if field(&head, "upgrade").is_some() {
                raw.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n").await;
                let (mut read, mut write) = raw.stream.split();
                return drop(tokio::io::copy(&mut read, &mut write).await);
            } else if head.starts_with("POST") {
                let got = swallow(&mut raw, field(&head, "content-length").map(|text| text.parse().unwrap())).await;
                let text = got.to_string();
                raw.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())).await;
            } else {
                let size: usize = head["GET /".len()..].split(' ').next().unwrap().parse().unwrap();
                raw.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")).await;
                for _ in 0..size / PIECE {
                    raw.stream.write_all(&[7; PIECE]).await.unwrap();
                }
            }
        }
    })
    .await
}

/// Reads a body of this length, or chunks, to the end; how many bytes there were.
async fn swallow(raw: &mut Raw, length: Option<usize>) -> usize {
    let mut got = 0;
    raw.buf.reserve(2 * PIECE);
    while length != Some(got) {
        if raw.buf.is_empty() && raw.stream.read_buf(&mut raw.buf).await.unwrap() == 0 {
            panic!("it broke off after {got}");
        }
        if length.is_some() {
            got += raw.buf.len();
            raw.buf.clear();
            continue;
        }
        let line = raw.until("\r\n").await;
        let size = usize::from_str_radix(line.trim(), 16).unwrap();
        while raw.buf.len() < size + 2 {
            raw.stream.read_buf(&mut raw.buf).await.unwrap();
        }
        raw.buf.drain(..size + 2);
        if size == 0 {
            return got;
        }
        got += size;
    }
    got
}

async fn upload(edge: &TestEdge, size: usize, chunked: bool) {
    let mut raw = edge.connect().await;
    let framing = if chunked { "Transfer-Encoding: chunked".into() } else { format!("Content-Length: {size}") };
    raw.write(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\n{framing}\r\n\r\n")).await;
    for _ in 0..size / PIECE {
        if chunked {
            raw.write(format!("{PIECE:x}\r\n")).await;
        }
        raw.write([7; PIECE]).await;
        if chunked {
            raw.write("\r\n").await;
        }
    }
    raw.write(if chunked { "0\r\n\r\n" } else { "" }).await;
    let answer = raw.message().await;
    assert!(status(&answer) == 200 && answer.ends_with(&format!("\r\n\r\n{size}")), "{answer}");
}

async fn download(edge: &TestEdge, size: usize) {
    let mut raw = edge.connect().await;
    raw.write(format!("GET /{size} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert_eq!(status(&raw.until("\r\n\r\n").await), 200);
    assert_eq!(swallow(&mut raw, Some(size)).await, size);
}

async fn download_http2(edge: &TestEdge, size: usize) {
    let stream = TcpStream::connect(edge.address).await.unwrap();
    let (mut sender, conn) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(conn);
    let request = Request::get(format!("http://{HOST}/{size}")).body(Empty::<Bytes>::new()).unwrap();
    let (mut body, mut got) = (sender.send_request(request).await.unwrap().into_body(), 0);
    while let Some(frame) = body.frame().await {
        got += frame.unwrap().into_data().unwrap().len();
    }
    assert_eq!(got, size);
}

async fn tunnel(edge: &TestEdge, size: usize) {
    let mut raw = edge.connect().await;
    raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")).await;
    assert_eq!(status(&raw.until("\r\n\r\n").await), 101);
    let (mut read, mut write) = raw.stream.split();
    let sending = async {
        for _ in 0..size / PIECE {
            write.write_all(&[7; PIECE]).await.unwrap();
        }
    };
    let receiving = async {
        let (mut buf, mut got) = (vec![0; PIECE], 0);
        while got < size {
            got += read.read(&mut buf).await.unwrap();
        }
    };
    tokio::join!(sending, receiving);
}
