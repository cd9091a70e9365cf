//! Large heads, odd targets, and what the parser refuses (FAULTS A2, A4).

use std::fs::read_to_string;

use bytes::Bytes;
use http::{Request, header::COOKIE};
use http_body_util::Full;
use stoa_edge::{Config, LogConfig};
use stoa_model::route::Target;

use crate::{
    http2::{ask, client},
    support::{HOST, TestEdge, body, config, field, mirror, status, until},
};

/// As many cookies as make so many bytes, each of a kibibyte.
pub fn cookies(bytes: usize) -> Vec<String> {
    (0..bytes / 1024).map(|number| format!("c{number:03}={}", "x".repeat(1024 - 2 - 5))).collect()
}

/// A request whose head has about `bytes` in one field, in many, or in its target if that is possible.
pub fn requests(bytes: usize) -> Vec<Request<()>> {
    let long = "x".repeat(bytes);
    let target = Request::get(format!("http://{HOST}/?q={long}"));
    let one = Request::get(format!("http://{HOST}/")).header(COOKIE, format!("c={long}"));
    let many = cookies(bytes)
        .into_iter()
        .fold(Request::get(format!("http://{HOST}/")), |request, cookie| request.header(COOKIE, cookie));
    [one, many, target].into_iter().filter_map(|request| request.body(()).ok()).collect()
}

/// The same in HTTP/1.1, for one connection.
fn text_of(request: &Request<()>) -> String {
    let target = request.uri().path_and_query().unwrap();
    let mut text = format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n");
    for (name, value) in request.headers() {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    text + "\r\n"
}

async fn ask_h2(edge: &TestEdge, request: Request<()>) -> (u16, String) {
    ask(&mut client(edge).await, request.map(|()| Full::<Bytes>::default())).await
}

#[tokio::test]
async fn a_head_of_60_kib_passes_whole() {
    let edge = TestEdge::to(mirror().await).await;
    for bytes in [9, 30, 60].map(|kib| kib * 1024) {
        for request in requests(bytes) {
            let expected = if request.headers().is_empty() {
                request.uri().path_and_query().unwrap().to_string()
            } else {
                let cookies: Vec<_> = request.headers().values().map(|value| value.to_str().unwrap()).collect();
                cookies.join("; ")
            };
            let answer = edge.send(text_of(&request)).await;
            assert!(status(&answer) == 200 && answer.contains(&expected), "HTTP/1, {bytes} bytes");
            let (code, seen) = ask_h2(&edge, request).await;
            assert!(code == 200 && seen.contains(&expected), "HTTP/2, {bytes} bytes");
        }
    }
}

async fn logged(log: &std::path::Path, lines: usize) -> Vec<serde_json::Value> {
    let whole = until(|| read_to_string(log).ok().filter(|text| text.matches('\n').count() >= lines)).await;
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_larger_head_gets_a_page_and_a_log_line() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let mut config = config();
    config.log = Some(LogConfig::new(&log));
    let edge = TestEdge::with(config, Target::Upstream(mirror().await)).await;
    let mut expected = Vec::new();
    for bytes in [66 * 1024, 100 * 1024] {
        for request in requests(bytes) {
            let answer = edge.send(text_of(&request)).await;
            assert!(status(&answer) == 431 && body(&answer).contains("Headers too large"), "HTTP/1: {answer}");
            let (code, page) = ask_h2(&edge, request).await;
            assert!(code == 431 && page.contains("Headers too large"), "HTTP/2: {code} {page}");
            expected.extend([431, 431]);
        }
        let target = "x".repeat(bytes);
        let answer = edge.send(format!("GET /{target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
        assert!(status(&answer) == 414 && body(&answer).contains("Address too long"), "{answer}");
        expected.push(414);
    }
    assert_eq!(edge.edge.counts().refused, expected.len() as u64);
    let mut codes = Vec::new();
    for line in logged(&log, expected.len()).await {
        codes.push(u16::try_from(line["status"].as_u64().unwrap()).unwrap());
        // Of a target that is too long, what follows may not have come.
        assert!(line["method"] == "GET" && (line["host"] == HOST || line["status"] == 414), "{line}");
    }
    codes.sort_unstable();
    expected.sort_unstable();
    assert_eq!(codes, expected);
}

#[tokio::test]
async fn http2_has_the_same_limit_for_targets() {
    let edge = TestEdge::with(Config { max_head: 30 * 1024, ..config() }, Target::Upstream(mirror().await)).await;
    for (kib, expected) in [(29, 200), (31, 414), (50, 414)] {
        let request = Request::get(format!("http://{HOST}/{}", "x".repeat(kib * 1024)));
        let (code, page) = ask_h2(&edge, request.body(()).unwrap()).await;
        assert!(code == expected && (code == 200 || page.contains("Address too long")), "{kib} KiB: {code} {page}");
    }
}

#[tokio::test]
async fn a_large_head_in_small_pieces_is_read() {
    let edge = TestEdge::to(mirror().await).await;
    for request in requests(60 * 1024) {
        let mut raw = edge.connect().await;
        for piece in text_of(&request).as_bytes().chunks(700) {
            raw.write(piece).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(status(&raw.rest().await), 200);
    }
}

#[tokio::test]
async fn a_target_that_is_not_encoded_is_forwarded() {
    let edge = TestEdge::to(mirror().await).await;
    for (target, expected) in [
        (&b"/?s=caf\xe9"[..], "/?s=caf%E9"),
        (b"/?a=\"b\"", "/?a=%22b%22"),
        (b"/<b>", "/%3Cb%3E"),
        (b"/caf\xe9/<x>?^`{|}", "/caf%E9/%3Cx%3E?%5E%60%7B%7C%7D"),
        (b"/^\\", "/^\\"),
        ("/caf\u{e9}?b=\u{e9}".as_bytes(), "/caf\u{e9}?b=\u{e9}"),
        (b"/%3Cb%3E?a=%22", "/%3Cb%3E?a=%22"),
    ] {
        // Twice over one connection, with a body before, whose bytes are none of a head.
        let mut raw = edge.connect().await;
        for _ in 0..2 {
            let body = b"GET /<\xe9> HTTP/1.1\r\n\r\n";
            let head = [&b"POST "[..], target, b" HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 21\r\n\r\n"];
            raw.write([head.concat(), body.to_vec()].concat()).await;
            let seen = raw.until("GET /<").await;
            assert!(seen.contains(&format!("POST {expected} HTTP/1.1\r\n")), "{seen}");
            raw.until("HTTP/1.1\r\n\r\n").await;
        }
    }
}

#[tokio::test]
async fn what_the_parser_refuses_has_a_page_and_a_log_line() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let mut config = config();
    config.log = Some(LogConfig::new(&log));
    let edge = TestEdge::with(config, Target::Upstream(mirror().await)).await;
    let fields = format!("Host: {HOST}\r\nAccept: application/json\r\n");
    let bad = [
        format!("GET /a HTTP/2.0\r\n{fields}\r\n"),
        format!("GET /a?secret b HTTP/1.1\r\n{fields}\r\n"),
        format!("GET /a HTTP/1.1\r\n{fields}X : y\r\n\r\n"),
        format!("GET /a HTTP/1.1\r\n{fields}Content-Length: x\r\n\r\n"),
        format!("GET /a HTTP/1.1\r\n{fields}{}\r\n", "X: y\r\n".repeat(200)),
    ];
    for (number, text) in bad.iter().enumerate() {
        let mut raw = edge.connect().await;
        // What came before is answered, and what comes after is not.
        raw.write(format!("GET /before HTTP/1.1\r\nHost: {HOST}\r\n\r\n{text}GET /after HTTP/1.1\r\n\r\n")).await;
        assert!(raw.message().await.contains("GET /before"), "{text}");
        let answer = raw.rest().await;
        assert_eq!(status(&answer), if number == 4 { 431 } else { 400 }, "{text}");
        assert_eq!(field(&answer, "content-type"), Some("application/problem+json"), "{text}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    assert_eq!(edge.edge.counts().refused, bad.len() as u64);
    let lines = logged(&log, 2 * bad.len()).await;
    let refused: Vec<_> = lines.iter().filter(|line| line["status"] != 200).collect();
    assert_eq!(refused.len(), bad.len());
    assert!(refused.iter().all(|line| line["path"] == "/a" && line["host"] == HOST), "{refused:?}");
}
