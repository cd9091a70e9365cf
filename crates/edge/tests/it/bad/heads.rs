//! Request lines and header fields (RFC 9112 2, 3 and 5).

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::{Case, Dropped, Passes, Refused, innocent, recorded, run};
use crate::support::{HOST, TestEdge, impatient, mirror, status};

macro_rules! get {
    ($fields:literal) => {
        concat!("GET /~ HTTP/1.1\r\nHost: shop.example.com\r\n", $fields, "\r\n")
    };
}

const LINES: &[Case] = &[
    ("RFC 9112 2.3: HTTP/0.9", "GET /~\r\n", Refused(400)),
    ("RFC 9112 2.3: HTTP/1.2", "GET /~ HTTP/1.2\r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    ("RFC 9112 2.3: HTTP/2.0", "GET /~ HTTP/2.0\r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    ("RFC 9112 2.3: HTTP/1.10", "GET /~ HTTP/1.10\r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    ("RFC 9112 2.3: http/1.1", "GET /~ http/1.1\r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    ("RFC 9112 2.3: no version", "GET /~ \r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    ("RFC 9112 3.2: HTTP/1.0 without Host", "GET /~ HTTP/1.0\r\n\r\n", Refused(400)),
    ("RFC 9112 3.2: HTTP/1.1 without Host", "GET /~ HTTP/1.1\r\n\r\n", Refused(400)),
    ("RFC 9112 2.2: a response", "HTTP/1.1 200 OK\r\n\r\n", Refused(400)),
    ("RFC 9112 2.2: a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", Refused(400)),
    ("RFC 9112 2.2: SSH", "SSH-2.0-OpenSSH_9.9\r\n\r\n", Refused(400)),
    ("RFC 9112 2.2: blanks before the line", "  GET /~ HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    (
        "RFC 9112 2.2: a blank before the first field",
        "GET /~ HTTP/1.1\r\n Host: shop.example.com\r\n\r\n",
        Refused(400),
    ),
    ("RFC 9112 3: two blanks", "GET  /~ HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    ("RFC 9112 3: a blank in the target", "GET /~ b HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    ("RFC 9112 3: a tab", "GET\t/~\tHTTP/1.1\r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    ("RFC 9112 3.1: a method that is no token", "G(T /~ HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    ("RFC 9112 3.2: a NUL in the target", "GET /~\0 HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    ("RFC 9112 3.2: a CR in the target", "GET /~\rX: y HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    ("RFC 9112 3.2: no slash", "GET ~ HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", Refused(400)),
    (
        "RFC 9112 3.2.3: an authority without CONNECT",
        "GET shop.example.com:80 HTTP/1.1\r\nHost: shop.example.com:80\r\n\r\n",
        Refused(400),
    ),
    ("RFC 9110 9.3.6: CONNECT", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", Refused(405)),
    (
        "RFC 9112 3.2.4: an asterisk without OPTIONS",
        "GET * HTTP/1.1\r\nHost: shop.example.com\r\nX-Case: ~\r\n\r\n",
        Refused(400),
    ),
    ("RFC 9112 3.2.4: OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: shop.example.com\r\nX-Case: ~\r\n\r\n", Passes(1)),
    (
        "RFC 9112 3.2.2: a foreign scheme",
        "GET ftp://shop.example.com/~ HTTP/1.1\r\nHost: shop.example.com\r\n\r\n",
        Refused(400),
    ),
    ("RFC 9113 3.4: half of the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", Dropped),
    ("RFC 9113 3.4: a path after PRI", "PRI /~ HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", Dropped),
    (
        "RFC 9112 2.2: an empty line before is ignored",
        "\r\nGET /~ HTTP/1.1\r\nHost: shop.example.com\r\n\r\n",
        Passes(1),
    ),
    (
        "RFC 9112 3.2.2: absolute form",
        "GET http://shop.example.com/~ HTTP/1.1\r\nHost: shop.example.com\r\n\r\n",
        Passes(1),
    ),
    ("RFC 9112 2.3: HTTP/1.0 with Host", "GET /~ HTTP/1.0\r\nHost: shop.example.com\r\n\r\n", Passes(1)),
];

const FIELDS: &[Case] = &[
    ("RFC 9112 5.1: a blank before the colon", get!("X-A : b\r\n"), Refused(400)),
    ("RFC 9112 5.1: Host and a blank", "GET /~ HTTP/1.1\r\nHost : shop.example.com\r\n\r\n", Refused(400)),
    ("RFC 9112 5.2: obs-fold", get!("X-A: b\r\n c\r\n"), Refused(400)),
    ("RFC 9112 5.2: obs-fold with a tab", get!("X-A: b\r\n\tc\r\n"), Refused(400)),
    ("RFC 9112 5: no colon", get!("X-A\r\n"), Refused(400)),
    ("RFC 9112 5: no name", get!(": b\r\n"), Refused(400)),
    ("RFC 9110 5.1: a name that is no token", get!("X(A): b\r\n"), Refused(400)),
    ("RFC 9110 5.1: a name beyond ASCII", get!("X-\u{e9}: b\r\n"), Refused(400)),
    ("RFC 9110 5.5: NUL", get!("X-A: b\0c\r\n"), Refused(400)),
    ("RFC 9110 5.5: bare CR", get!("X-A: b\rc\r\n"), Refused(400)),
    ("RFC 9110 5.5: DEL", get!("X-A: b\x7fc\r\n"), Refused(400)),
    ("RFC 9112 2.2: CR CR LF", get!("X-A: b\r\r\n"), Refused(400)),
    // RFC 9112 2.2 lets a recipient take a single LF for a line end. What leaves has CRLF only.
    ("RFC 9112 2.2: bare LF", "GET /~ HTTP/1.1\nHost: shop.example.com\nX-A: b\n\n", Passes(1)),
    ("RFC 9110 5.5: bytes beyond ASCII are opaque", get!("X-A: \u{e9}\r\n"), Passes(1)),
    ("RFC 9110 5.5: an empty value", get!("X-A:\r\n"), Passes(1)),
    (
        "RFC 9110 7.6.1: Connection lists what the edge writes",
        get!("Connection: Host, X-Forwarded-For, Content-Length\r\n"),
        Passes(1),
    ),
    ("RFC 9110 10.1.1: an unknown expectation ends here", get!("Expect: the unexpected\r\n"), Passes(1)),
    (
        "RFC 9113 3.1: Upgrade to h2c is no upgrade",
        get!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
        Passes(1),
    ),
    ("RFC 9110 7.8: Upgrade to HTTP/2.0", get!("Connection: Upgrade\r\nUpgrade: websocket, HTTP/2.0\r\n"), Passes(1)),
];

#[tokio::test]
async fn lines() {
    run(LINES).await;
}

#[tokio::test]
async fn fields() {
    run(FIELDS).await;
}

/// What asks for no HTTP never gets the upstream to change to it.
#[tokio::test]
async fn no_upgrade_to_http_reaches_the_upstream() {
    let edge = TestEdge::to(mirror().await).await;
    for protocol in
        ["h2c", "H2C", "HTTP/2.0", "websocket, h2c", "http", "h2c, \u{e9}", "websocket\r\nUpgrade: h2c, \u{e9}"]
    {
        let answer = edge.get(&format!("Upgrade: {protocol}\r\nConnection: Upgrade\r\n")).await;
        assert!(status(&answer) == 200 && !answer.to_ascii_lowercase().contains("upgrade"), "{protocol} got {answer}");
    }
}

/// RFC 6585 5: what does not fit is 431, also if it never ends, and is not kept.
#[tokio::test]
async fn heads_without_end_are_refused_early() {
    let (edge, recorder) = recorded().await;
    for piece in ["a".repeat(999), "X-More: of it\r\n".repeat(70)] {
        let mut raw = edge.connect().await;
        raw.write(format!("GET /endless HTTP/1.1\r\nHost: {HOST}\r\nX-Endless: ")).await;
        let mut sent = 0;
        while sent < 8 << 20 && raw.stream.write_all(piece.as_bytes()).await.is_ok() {
            sent += piece.len();
        }
        innocent(&edge, "endless").await;
        assert_eq!(status(&raw.rest().await), 431);
    }
    assert_eq!(recorder.requests_with("/endless"), [""; 0]);
}

/// RFC 6585 5: the target counts as part of the head.
#[tokio::test]
async fn a_target_that_is_too_long_is_refused() {
    let (edge, _recorder) = recorded().await;
    for (length, code) in [(60_000, 200), (65_530, 414), (100_000, 414)] {
        let target = "a".repeat(length);
        let answer = edge.send(format!("GET /{target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), code, "{length} bytes");
    }
}

/// A head that comes byte by byte has no more time than one that stops.
#[tokio::test]
async fn a_trickling_head_is_cut() {
    let edge = TestEdge::start(impatient(|t| t.header = Duration::from_millis(300)), None);
    edge.route(1, stoa_model::route::Target::Upstream(mirror().await)).await;
    let mut raw = edge.connect().await;
    // Ten seconds of it, and far more than the limit before its end.
    let head = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: {}\r\n", "a".repeat(1000));
    let mut cut = false;
    for byte in head.bytes() {
        cut = raw.stream.write_all(&[byte]).await.is_err();
        if cut {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(cut, "it trickled to its end");
    assert_eq!(raw.rest().await, "");
}
