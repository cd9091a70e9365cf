//! Responses in tiny pieces, to a client who opens all windows and reads nothing: what waits for him
//! is bounded in memory, not only in bytes.

use std::time::Duration;

use stoa_model::route::{RouteLimits, Target};
use tokio::io::AsyncWriteExt;

use super::frames::{END_HEADERS, END_STREAM, H2, HEADERS, WINDOW_UPDATE, frame, request, setting};
use crate::{
    memory::{GROWTH, alone, resident},
    support::{HOST, TestEdge, config, upstream},
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
