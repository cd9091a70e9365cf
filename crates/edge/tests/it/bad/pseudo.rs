//! HTTP/2 requests that are malformed (RFC 9113 8.1.1), or that would be another request once they
//! are written as HTTP/1.

use futures_util::future::join_all;

use super::{
    frames::{DATA, END_HEADERS, END_STREAM, H2, HEADERS, Outcome, block, frame},
    innocent, recorded,
};

/// A name with its section, the fields instead of or after the usual ones, the body, the outcome.
type Case = (&'static str, &'static [(&'static str, &'static str)], Option<&'static str>, Expect);

#[derive(Debug, Clone, Copy)]
enum Expect {
    /// Answered with this status.
    Answered(u16),
    /// The stream or the connection is ended.
    Malformed,
}
use Expect::{Answered, Malformed};

const M: (&str, &str) = (":method", "GET");
const POST: (&str, &str) = (":method", "POST");
const S: (&str, &str) = (":scheme", "http");
const A: (&str, &str) = (":authority", "shop.example.com");
const P: (&str, &str) = (":path", "/~");
const NEIGHBOUR: &str = "neighbour.example.com";

const PSEUDO: &[Case] = &[
    ("RFC 9113 8.3.1: the usual", &[M, S, A, P], None, Answered(200)),
    ("RFC 9113 8.3.1: Host alone", &[M, S, P, ("host", "shop.example.com")], None, Answered(200)),
    ("RFC 9113 8.3.1: both, and the same", &[M, S, A, P, ("host", "shop.example.com")], None, Answered(200)),
    ("RFC 9113 8.3.1: capitals and a port", &[M, S, P, (":authority", "SHOP.example.com:80")], None, Answered(200)),
    ("RFC 9113 8.3.1: neither", &[M, S, P], None, Answered(400)),
    ("RFC 9113 8.3.1: Host differs", &[M, S, A, P, ("host", NEIGHBOUR)], None, Answered(400)),
    ("RFC 9113 8.3.1: two Hosts", &[M, S, P, ("host", "shop.example.com"), ("host", NEIGHBOUR)], None, Answered(400)),
    ("RFC 9113 8.3.1: two :authority", &[M, S, A, (":authority", NEIGHBOUR), P], None, Malformed),
    ("RFC 9113 8.3.1: userinfo", &[M, S, P, (":authority", "a@shop.example.com")], None, Answered(400)),
    ("RFC 9113 8.3.1: an empty :authority", &[M, S, P, (":authority", "")], None, Malformed),
    ("RFC 9113 8.3.1: a list", &[M, S, P, (":authority", "shop.example.com,neighbour.example.com")], None, Malformed),
    ("RFC 9113 8.3.1: :authority with a path", &[M, S, P, (":authority", "shop.example.com/x")], None, Malformed),
    ("RFC 9113 8.3.1: no :path", &[M, S, A], None, Malformed),
    ("RFC 9113 8.3.1: an empty :path", &[M, S, A, (":path", "")], None, Malformed),
    ("RFC 9113 8.3.1: two :path", &[M, S, A, P, P], None, Malformed),
    ("RFC 9113 8.3.1: a :path without slash", &[M, S, A, (":path", "~")], None, Malformed),
    ("RFC 9113 8.3.1: an absolute :path", &[M, S, A, (":path", "http://neighbour.example.com/~")], None, Malformed),
    ("RFC 9113 8.3.1: * without OPTIONS", &[M, S, A, (":path", "*")], None, Answered(400)),
    ("RFC 9113 8.3.1: another scheme", &[M, (":scheme", "ftp"), A, P], None, Answered(400)),
    ("RFC 9113 8.3.1: no scheme", &[M, A, P], None, Malformed),
    ("RFC 9113 8.3.1: two methods", &[M, POST, S, A, P], None, Malformed),
    ("RFC 9113 8.3: an unknown pseudo field", &[M, S, A, P, (":x", "y")], None, Malformed),
    ("RFC 9113 8.3: a pseudo field of responses", &[M, S, A, P, (":status", "200")], None, Malformed),
    ("RFC 9113 8.3: a pseudo field after another field", &[M, S, P, ("x-a", "b"), A], None, Malformed),
    (
        "RFC 8441 4: :protocol, which was not offered",
        &[(":method", "CONNECT"), (":protocol", "websocket"), S, A, P],
        None,
        Malformed,
    ),
];

const FIELDS: &[Case] = &[
    ("RFC 9113 8.2.1: an upper-case name", &[M, S, A, P, ("X-A", "b")], None, Malformed),
    ("RFC 9113 8.2.1: a blank in a name", &[M, S, A, P, ("x a", "b")], None, Malformed),
    ("RFC 9113 8.2.1: a colon in a name", &[M, S, A, P, ("x-a: b\r\nx-b", "c")], None, Malformed),
    ("RFC 9113 8.2.1: an empty name", &[M, S, A, P, ("", "b")], None, Malformed),
    (
        "RFC 9113 8.2.1: CR LF in a value",
        &[M, S, A, P, ("x-a", "b\r\n\r\nGET /~smuggled HTTP/1.1\r\nHost: shop.example.com")],
        None,
        Malformed,
    ),
    ("RFC 9113 8.2.1: LF in a value", &[M, S, A, P, ("x-a", "b\nx-real-ip: 6.6.6.6")], None, Malformed),
    ("RFC 9113 8.2.1: NUL in a value", &[M, S, A, P, ("x-a", "b\0")], None, Malformed),
    (
        "RFC 9113 8.2.1: CR LF in :path",
        &[M, S, A, (":path", "/~ HTTP/1.1\r\nHost: neighbour.example.com\r\n\r\nGET /~smuggled")],
        None,
        Malformed,
    ),
    ("RFC 9113 8.2.1: a blank in :path", &[M, S, A, (":path", "/~ HTTP/1.1")], None, Malformed),
    ("RFC 9113 8.2.1: CR LF in :method", &[(":method", "GET /~smuggled HTTP/1.1\r\nX: y"), S, A, P], None, Malformed),
    ("RFC 9113 8.2.1: CR LF in :authority", &[M, S, P, (":authority", "shop.example.com\r\nx-a: b")], None, Malformed),
    ("RFC 9113 8.2.1: CR LF in Host", &[M, S, P, ("host", "shop.example.com\r\nx-a: b")], None, Malformed),
    ("RFC 9113 8.2.2: Connection", &[M, S, A, P, ("connection", "keep-alive")], None, Malformed),
    (
        "RFC 9113 8.2.2: Transfer-Encoding",
        &[POST, S, A, P, ("transfer-encoding", "chunked")],
        Some("0\r\n\r\nGET /~smuggled HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"),
        Malformed,
    ),
    ("RFC 9113 8.2.2: Upgrade", &[M, S, A, P, ("upgrade", "websocket")], None, Malformed),
    ("RFC 9113 8.2.2: Keep-Alive", &[M, S, A, P, ("keep-alive", "timeout=5")], None, Malformed),
    ("RFC 9113 8.2.2: Proxy-Connection", &[M, S, A, P, ("proxy-connection", "keep-alive")], None, Malformed),
    ("RFC 9113 8.2.2: TE other than trailers", &[M, S, A, P, ("te", "gzip")], None, Malformed),
    ("RFC 9113 8.2.2: TE: trailers", &[M, S, A, P, ("te", "trailers")], None, Answered(200)),
    (
        "RFC 9113 8.1.1: data beyond a length of 0",
        &[POST, S, A, P, ("content-length", "0")],
        Some("GET /~smuggled HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"),
        Malformed,
    ),
    (
        "RFC 9113 8.1.1: more than declared",
        &[POST, S, A, P, ("content-length", "3")],
        Some("abcGET /~smuggled HTTP/1.1\r\n\r\n"),
        Malformed,
    ),
    ("RFC 9113 8.1.1: less than declared", &[POST, S, A, P, ("content-length", "30")], Some("abc"), Malformed),
    (
        "RFC 9113 8.1.1: two lengths",
        &[POST, S, A, P, ("content-length", "3"), ("content-length", "4")],
        Some("abc"),
        Malformed,
    ),
    ("RFC 9113 8.1.1: a length that is no number", &[POST, S, A, P, ("content-length", "+3")], Some("abc"), Malformed),
    ("RFC 9113 8.1.1: the declared length", &[POST, S, A, P, ("content-length", "3")], Some("abc"), Answered(200)),
];

/// Each case on a connection of its own; a malformed request is never seen by the upstream.
async fn run(cases: &[Case]) {
    let (edge, recorder) = recorded().await;
    let attacks = cases.iter().enumerate().map(async |(number, (name, fields, body, expect))| {
        let word = format!("case-{number}-");
        let texts: Vec<_> = fields.iter().map(|(name, value)| (*name, value.replace('~', &word))).collect();
        let fields: Vec<_> = texts.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut h2 = H2::open(&edge, &[]).await;
        let ends = if body.is_none() { END_STREAM } else { 0 };
        h2.0.write(frame(HEADERS, END_HEADERS | ends, 1, &block(&fields))).await;
        if let Some(body) = body {
            h2.0.write(frame(DATA, END_STREAM, 1, body.replace('~', &word).as_bytes())).await;
        }
        let outcome = h2.outcome(1).await;
        innocent(&edge, &word).await;
        let got = recorder.requests_with(&word);
        let fine = match (expect, &outcome) {
            (Answered(200), Outcome::Status(200)) => got.len() == 1,
            (Answered(code), Outcome::Status(status)) => code == status && got.is_empty(),
            // hyper answers what is malformed beyond repair with a 400 of its own.
            (Malformed, Outcome::Error(_) | Outcome::Closed | Outcome::Status(400)) => got.is_empty(),
            _ => false,
        };
        (!fine).then(|| format!("{name}: {outcome:?}, the upstream got {got:?}"))
    });
    let wrong: Vec<_> = join_all(attacks).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    recorder.assert_clean();
}

#[tokio::test]
async fn pseudo_fields() {
    run(PSEUDO).await;
}

#[tokio::test]
async fn fields() {
    run(FIELDS).await;
}
