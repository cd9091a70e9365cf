//! Responses in tiny pieces, to a client that opens all windows and reads nothing: what waits for it is bounded in
//! memory, not only in bytes.

use std::{net::SocketAddr, time::Duration};

use stoa_model::route::{RouteLimits, Target};
use tokio::{io::AsyncWriteExt, sync::mpsc, time::timeout};

use super::frames::{DATA, END_HEADERS, END_STREAM, H2, HEADERS, WINDOW_UPDATE, frame, request, setting};
use crate::{
    memory::{GROWTH, alone, resident},
    support::{HOST, TEST_TIMEOUT, TestEdge, config, upstream},
};

#[test]
fn tiny_pieces_take_little_memory() {
    alone("bad::pieces::in_a_process_of_its_own");
}

#[tokio::test]
#[ignore = "it measures the whole process; tiny_pieces_take_little_memory runs it alone"]
async fn in_a_process_of_its_own() {
    let tiny = upstream(|mut raw, _| async move {
        raw.until("\r\n\r\n").await;
        raw.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let chunks = "1\r\nx\r\n".repeat(10_000);
        while raw.stream.write_all(chunks.as_bytes()).await.is_ok() {}
    })
    .await;
    let edge = TestEdge::start(config(), None);
    edge.route_within(1, Target::Upstream(tiny), RouteLimits::body(1000)).await;
    let before = resident("VmRSS");
    let mut h2 = H2::open(&edge, &setting(4, 0x7fff_ffff)).await;
    h2.0.write(frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000u32.to_be_bytes())).await;
    for number in 0..50 {
        h2.0.write(frame(HEADERS, END_HEADERS | END_STREAM, number * 2 + 1, &request("GET", HOST, "/"))).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let growth = resident("VmRSS").saturating_sub(before);
    println!("50 responses that nobody reads: {} KB more", growth / 1024);
    assert!(growth < GROWTH, "{} MB more", growth >> 20);
}

/// The framings of a dribbled response: its head, and each of its bytes.
const FRAMINGS: [(&str, &[u8]); 3] =
    [("Transfer-Encoding: chunked\r\n", b"1\r\nx\r\n"), ("Content-Length: 100000000\r\n", b"x"), ("", b"x")];

/// A service that answers `/flood` with enough to fill the client's socket, and other requests with single bytes, in
/// the number and framing that they ask for. It reports each byte that has left.
async fn dribbler() -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let (report, left) = mpsc::unbounded_channel();
    let address = upstream(move |mut raw, _| {
        let report = report.clone();
        async move {
            let head = raw.until("\r\n\r\n").await;
            let path = head.split(' ').nth(1).unwrap();
            if path == "/flood" {
                raw.write("HTTP/1.1 200 OK\r\n\r\n").await;
                while raw.stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
                return;
            }
            let mut numbers = path[1..].split('/').map(|text| text.parse::<usize>().unwrap());
            let (framing, byte) = FRAMINGS[numbers.next().unwrap()];
            raw.stream.set_nodelay(true).unwrap();
            raw.write(format!("HTTP/1.1 200 OK\r\n{framing}\r\n")).await;
            for _ in 0..numbers.next().unwrap() {
                if raw.stream.write_all(byte).await.is_err() {
                    return;
                }
                // The others' turn, and the edge's.
                tokio::task::yield_now().await;
            }
            report.send(()).unwrap();
            std::future::pending().await
        }
    })
    .await;
    (address, left)
}

/// A client whose socket is full and that reads nothing for now.
async fn stuffed(upstream: SocketAddr) -> (TestEdge, H2) {
    let edge = TestEdge::start(config(), None);
    edge.route_within(1, Target::Upstream(upstream), RouteLimits::body(1000)).await;
    let mut h2 = H2::open_wide(&edge).await;
    h2.0.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, &request("GET", HOST, "/flood"))).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    (edge, h2)
}

/// Asks for dribbled responses, in all framings by turns.
async fn ask(h2: &mut H2, responses: u32, bytes: usize) {
    for number in 0..responses {
        let path = format!("/{}/{bytes}", number % 3);
        h2.0.write(frame(HEADERS, END_HEADERS | END_STREAM, number * 2 + 3, &request("GET", HOST, &path))).await;
    }
}

#[test]
fn dribbled_responses_take_little_memory() {
    alone("bad::pieces::dribbled_in_a_process_of_its_own");
}

#[tokio::test]
#[ignore = "it measures the whole process; dribbled_responses_take_little_memory runs it alone"]
async fn dribbled_in_a_process_of_its_own() {
    let (address, mut left) = dribbler().await;
    let (_edge, mut h2) = stuffed(address).await;
    let before = resident("VmRSS");
    ask(&mut h2, 48, 5000).await;
    let all = async {
        for _ in 0..48 {
            left.recv().await.unwrap();
        }
    };
    timeout(TEST_TIMEOUT, all).await.expect("the upstream is held back");
    let growth = resident("VmRSS").saturating_sub(before);
    println!("48 dribbled responses that nobody reads: {} KB more", growth / 1024);
    // Frames without end of a byte each take three times as much, and pages without end fifty times.
    assert!(growth < GROWTH / 4, "{} MB more", growth >> 20);
}

/// Pieces that were held back are sent when the client reads, even if nothing follows them.
#[tokio::test]
async fn what_was_held_back_comes_once_it_is_read() {
    let (address, mut left) = dribbler().await;
    let (_edge, mut h2) = stuffed(address).await;
    ask(&mut h2, 6, 500).await;
    for _ in 0..6 {
        timeout(TEST_TIMEOUT, left.recv()).await.unwrap().unwrap();
    }
    let mut came = [0; 6];
    while came != [500; 6] {
        let next = timeout(TEST_TIMEOUT, h2.next()).await;
        let (kind, _, stream, payload) = next.unwrap_or_else(|_| panic!("only {came:?} came")).unwrap();
        if kind == DATA && stream > 1 {
            came[(stream as usize - 3) / 2] += payload.len();
        }
    }
}
