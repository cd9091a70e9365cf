//! HTTP/2 connections that cost the client little and the server much.

use std::time::Duration;

use stoa_model::route::{RouteLimits, Target};
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    frames::{
        ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, H2, HEADERS, Outcome, PING, RST_STREAM, SETTINGS,
        WINDOW_UPDATE, frame, integer, literal, request, setting,
    },
    innocent, recorded_with,
    standing::CANCEL,
};
use crate::support::{HOST, SHORT_TIMEOUT, TEST_TIMEOUT, TestEdge, config, impatient, mirror, until, upstream};

/// RFC 9113 10.5.
const ENHANCE_YOUR_CALM: u32 = 11;

/// Sends the same bytes again and again without reading a thing; how many went before the other
/// side stopped reading for a while, or closed.
async fn pour(h2: &mut H2, bytes: &[u8], most: usize) -> usize {
    let piece = bytes.repeat((16 * 1024 / bytes.len()).max(1));
    let mut sent = 0;
    while sent < most {
        match timeout(SHORT_TIMEOUT, h2.0.stream.write_all(&piece)).await {
            Ok(Ok(())) => sent += piece.len(),
            _ => break,
        }
    }
    sent
}

/// CVE-2023-44487: requests that are cancelled at once keep the upstream busy, and no limit of
/// open streams sees them.
#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let (edge, recorder) = recorded_with(config()).await;
    let mut h2 = H2::open(&edge, &[]).await;
    let mut refused = 0;
    for number in 0..20_000 {
        let stream = number * 2 + 1;
        let head = frame(HEADERS, END_HEADERS | END_STREAM, stream, &request("GET", HOST, "/reset"));
        let reset = frame(RST_STREAM, 0, stream, &8u32.to_be_bytes());
        if h2.0.stream.write_all(&[head, reset].concat()).await.is_err() {
            break;
        }
        refused = number;
    }
    innocent(&edge, "reset").await;
    assert!(refused < 19_999 || matches!(h2.outcome(0).await, Outcome::Error(_) | Outcome::Closed));
    let got = recorder.requests_with("/reset").len();
    assert!(got < 1000, "{got} of them reached the upstream");
}

/// CVE-2024-27983: a header block that never ends.
#[tokio::test]
async fn endless_continuations_end_the_connection() {
    // No limit on the time of a head: what ends it is that it is too much.
    let (edge, recorder) =
        recorded_with(impatient(|t| (t.header, t.idle) = (TEST_TIMEOUT * 10, TEST_TIMEOUT * 10))).await;
    for payload in [literal("x-a", &"b".repeat(16_000)), literal("x-a", "b"), Vec::new()] {
        let mut h2 = H2::open(&edge, &[]).await;
        h2.0.write(frame(HEADERS, END_STREAM, 1, &request("GET", HOST, "/endless"))).await;
        let (flood, length) = (frame(CONTINUATION, 0, 1, &payload), payload.len());
        pour(&mut h2, &flood, 2 << 20).await;
        innocent(&edge, "endless").await;
        // Nothing more is sent: the verdict falls although the block has not ended.
        let outcome = timeout(TEST_TIMEOUT, h2.outcome(0)).await;
        assert!(matches!(outcome, Ok(Outcome::Error(_) | Outcome::Closed)), "frames of {length}: {outcome:?}");
    }
    assert_eq!(recorder.requests_with("/endless"), [""; 0]);
}

/// RFC 9113 10.5.1: the list counts as it is decoded, not as it is sent.
#[tokio::test]
async fn a_list_of_fields_that_grows_when_decoded_is_refused() {
    let (edge, recorder) = recorded_with(config()).await;
    let large = "b".repeat(3000);
    // One field into the dynamic table (RFC 7541 6.2.1), then its index 62 over and over.
    let mut block = request("GET", HOST, "/bomb");
    block.push(0x40);
    block.extend(integer(3, 7, 0));
    block.extend(b"x-a");
    block.extend(integer(large.len(), 7, 0));
    block.extend(large.as_bytes());
    block.resize(block.len() + 12_000, 0x80 | 62);
    let mut h2 = H2::open(&edge, &[]).await;
    h2.0.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).await;
    let outcome = h2.outcome(1).await;
    assert!(!matches!(outcome, Outcome::Status(200)), "36 MB of fields got {outcome:?}");
    assert_eq!(recorder.requests_with("/bomb"), [""; 0]);
    innocent(&edge, "bomb").await;
}

/// RFC 7541 2.3.1: an indexed field is one byte on the wire and a hundred in memory, and requests
/// wait for their bodies; HTTP/1 has a bound of its own. A browser splits each cookie off (RFC 9113
/// 8.2.3), and there may be 180 of them.
#[tokio::test]
async fn fields_are_not_without_number() {
    let (edge, recorder) = recorded_with(config()).await;
    for (path, number, passes) in [("/cookies", 210, true), ("/fields", 1500, false)] {
        let mut block = request("POST", HOST, path);
        // The name from the static table: `cookie` is 15 + 17.
        block.extend([0x0f, 17, 1, b'a'].repeat(number));
        let mut h2 = H2::open(&edge, &[]).await;
        h2.0.write(frame(HEADERS, END_HEADERS, 1, &block[..])).await;
        h2.0.write(frame(DATA, END_STREAM, 1, b"x")).await;
        let outcome = h2.outcome(1).await;
        assert_eq!(outcome == Outcome::Status(200), passes, "{number} fields: {outcome:?}");
        assert_eq!(recorder.requests_with(path).len(), usize::from(passes), "{number} fields");
    }
}

/// Answers are not collected for a client that does not read (CVE-2019-9512, 9515).
#[tokio::test]
async fn answers_are_not_collected() {
    let (edge, _recorder) = recorded_with(config()).await;
    for (name, bytes) in [("PING", frame(PING, 0, 0, &[7; 8])), ("SETTINGS", frame(SETTINGS, 0, 0, &setting(3, 100)))] {
        let mut h2 = H2::open(&edge, &[]).await;
        let sent = pour(&mut h2, &bytes, 64 << 20).await;
        assert!(sent < 64 << 20, "{sent} bytes of {name} were taken");
        innocent(&edge, "collect").await;
    }
}

/// CVE-2019-9518 and similar: empty frames. They may be accepted, but delay nobody.
#[tokio::test]
async fn empty_frames_delay_nobody() {
    let (edge, _recorder) = recorded_with(config()).await;
    for (_, bytes) in [
        ("empty DATA", frame(DATA, 0, 1, &[])),
        ("padding", frame(DATA, 8, 1, &[0])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &1u32.to_be_bytes())),
        ("PRIORITY", frame(2, 0, 1, &[0, 0, 0, 0, 1])),
        ("PING acknowledged", frame(PING, ACK, 0, &[7; 8])),
        ("an unknown kind", frame(99, 0, 1, b"?")),
    ] {
        let mut h2 = H2::open(&edge, &[]).await;
        h2.0.write(frame(HEADERS, END_HEADERS, 1, &request("POST", HOST, "/empty"))).await;
        // Whoever is held up has no answer within the patience of the test.
        tokio::join!(
            async {
                for _ in 0..5 {
                    innocent(&edge, "empty").await;
                }
            },
            pour(&mut h2, &bytes, 1 << 20)
        );
    }
}

/// RFC 9113 5.2.2 and CVE-2019-9511: a client that opens no window gets no response, and nothing is
/// kept for it. What needs no window, on the same connection, is served.
#[tokio::test]
async fn a_closed_window_is_cut_and_holds_the_upstream_back() {
    let endless = upstream(|mut raw, _| async move {
        raw.until("\r\n\r\n").await;
        raw.write("HTTP/1.1 200 OK\r\n\r\n").await;
        let mut sent = 0;
        while raw.stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {
            sent += 64 * 1024;
            assert!(sent < 64 << 20, "nobody holds this upstream back");
        }
    })
    .await;
    let edge = TestEdge::start(impatient(|t| t.response = Duration::from_millis(300)), None);
    edge.route_within(1, Target::Upstream(endless), RouteLimits::body(1000)).await;
    let mut h2 = H2::open(&edge, &setting(4, 0)).await;
    for number in 0..20 {
        h2.0.write(frame(HEADERS, END_HEADERS | END_STREAM, number * 2 + 1, &request("GET", HOST, "/stall"))).await;
    }
    let mut cut = 0;
    while cut < 20 {
        let next = timeout(TEST_TIMEOUT, h2.next()).await.expect("they are kept").expect("the connection is cut");
        if next.0 == RST_STREAM {
            assert_eq!(next.3, CANCEL.to_be_bytes());
            cut += 1;
        }
    }
    edge.counted(|counts| counts.requests == 20).await;
    h2.0.write(frame(HEADERS, END_HEADERS | END_STREAM, 41, &request("HEAD", HOST, "/"))).await;
    assert_eq!(h2.outcome(41).await, Outcome::Status(200));
}

/// More streams than allowed are refused (RFC 9113 5.1.2), and bodies that never come are waited
/// for as long as any.
#[tokio::test]
async fn many_open_bodies_are_bounded_and_cut() {
    let edge = TestEdge::start(impatient(|t| t.idle = SHORT_TIMEOUT), None);
    edge.route(1, Target::Upstream(mirror().await)).await;
    let mut h2 = H2::open(&edge, &[]).await;
    for number in 0..300 {
        h2.0.write(frame(HEADERS, END_HEADERS, number * 2 + 1, &request("POST", HOST, "/open"))).await;
    }
    let mut refused = 0;
    while let Some((kind, _, stream, payload)) = h2.next().await {
        if kind == RST_STREAM && stream != 0 && payload == 7u32.to_be_bytes() {
            refused += 1;
        }
    }
    assert!(refused >= 300 - 256, "only {refused} streams were refused");
    assert_eq!(edge.counted(|counts| counts.requests >= 256).await.requests, 256);
    until(|| (edge.edge.counts().open == 0).then_some(())).await;
}

/// The answer to a flood, so that a change of the library is noticed.
#[tokio::test]
async fn a_flood_is_told_to_calm_down() {
    let (edge, _recorder) = recorded_with(config()).await;
    let mut h2 = H2::open(&edge, &[]).await;
    for number in 0..200 {
        let stream = number * 2 + 1;
        let head = frame(HEADERS, END_HEADERS | END_STREAM, stream, &request("GET", HOST, "/calm"));
        let reset = frame(RST_STREAM, 0, stream, &8u32.to_be_bytes());
        if h2.0.stream.write_all(&[head, reset].concat()).await.is_err() {
            break;
        }
    }
    assert_eq!(h2.outcome(0).await, Outcome::Error(ENHANCE_YOUR_CALM));
}
