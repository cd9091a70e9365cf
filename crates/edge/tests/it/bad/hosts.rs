//! The host of a request (RFC 9112 3.2, RFC 9110 7.2, RFC 3986 3.2.2), and what a client says about itself.

use stoa_model::route::Notice;

use super::{Case, Passes, Refused, recorded, run};
use crate::support::{HOST, TestEdge, field, mirror, status};

macro_rules! host {
    ($host:literal) => {
        concat!("GET /~ HTTP/1.1\r\nConnection: close\r\nHost: ", $host, "\r\n\r\n")
    };
}

const HOSTS: &[Case] = &[
    ("RFC 9110 7.2: a port", host!("shop.example.com:80"), Passes(1)),
    ("RFC 9110 7.2: a port of another listener", host!("shop.example.com:65535"), Passes(1)),
    ("RFC 3986 3.2.3: an empty port", host!("shop.example.com:"), Passes(1)),
    ("RFC 3986 3.2.2: capitals", host!("SHOP.EXAMPLE.COM"), Passes(1)),
    ("RFC 1034 3.1: a final dot", host!("shop.example.com."), Passes(1)),
    ("RFC 1034 3.1: two final dots", host!("shop.example.com.."), Refused(400)),
    ("RFC 3986 3.2.3: a port of six digits", host!("shop.example.com:000080"), Refused(400)),
    ("RFC 3986 3.2.3: a port that is no number", host!("shop.example.com:http"), Refused(400)),
    ("RFC 3986 3.2.3: a negative port", host!("shop.example.com:-1"), Refused(400)),
    ("RFC 3986 3.2.3: two ports", host!("shop.example.com:80:80"), Refused(400)),
    ("RFC 9110 4.2.4: userinfo", host!("user@shop.example.com"), Refused(400)),
    ("RFC 9110 4.2.4: userinfo with a password", host!("a:b@shop.example.com"), Refused(400)),
    ("RFC 9110 4.2.4: the host as userinfo", host!("shop.example.com@evil.example"), Refused(400)),
    ("RFC 9110 4.2.4: a port and userinfo", host!("shop.example.com:80@evil.example"), Refused(400)),
    ("RFC 5891 5.4: a U-label", host!("sh\u{f6}p.example.com"), Refused(400)),
    ("RFC 5891 5.4: a look-alike (Cyrillic)", host!("sh\u{43e}p.example.com"), Refused(400)),
    ("RFC 5891 5.4: a fullwidth dot", host!("shop\u{ff0e}example.com"), Refused(400)),
    ("RFC 5890 2.3.2.1: an A-label that is nobody's", host!("xn--shp-fkay.example.com"), Refused(404)),
    ("RFC 3986 3.2.2: an IPv4 address", host!("127.0.0.1"), Refused(404)),
    ("RFC 3986 3.2.2: an IPv4 address as a number", host!("2130706433"), Refused(404)),
    ("RFC 3986 3.2.2: an IPv6 address", host!("[::1]:80"), Refused(404)),
    ("RFC 6874: an IPv6 address with a zone", host!("[fe80::1%25eth0]"), Refused(400)),
    ("RFC 3986 3.2.2: a future address", host!("[v1.shop]"), Refused(400)),
    ("RFC 3986 3.2.2: half a bracket", host!("[::1"), Refused(400)),
    ("RFC 3986 3.2.2: text behind the bracket", host!("[::1]shop.example.com"), Refused(400)),
    ("RFC 9112 3.2: empty", host!(""), Refused(400)),
    ("RFC 9112 3.2: a blank", host!("   "), Refused(400)),
    ("RFC 9112 3.2: a dot", host!("."), Refused(400)),
    ("RFC 9112 3.2: two fields", host!("shop.example.com\r\nHost: shop.example.com"), Refused(400)),
    (
        "RFC 9112 3.2: two fields of different hosts",
        host!("shop.example.com\r\nHost: neighbour.example.com"),
        Refused(400),
    ),
    (
        "RFC 9112 3.2: two fields of different case",
        host!("shop.example.com\r\nhOsT: neighbour.example.com"),
        Refused(400),
    ),
    ("RFC 9112 3.2: a list", host!("shop.example.com, neighbour.example.com"), Refused(400)),
    ("RFC 9112 3.2: a list with blanks", host!("shop.example.com neighbour.example.com"), Refused(400)),
    ("RFC 9112 3.2: a semicolon", host!("shop.example.com;neighbour.example.com"), Refused(400)),
    ("RFC 9112 3.2: a tab", host!("shop.example.com\tneighbour.example.com"), Refused(400)),
    ("RFC 9112 3.2: a path", host!("shop.example.com/admin"), Refused(400)),
    ("RFC 9112 3.2: a query", host!("shop.example.com?a"), Refused(400)),
    ("RFC 9112 3.2: a fragment", host!("shop.example.com#a"), Refused(400)),
    ("RFC 9112 3.2: a scheme", host!("http://shop.example.com"), Refused(400)),
    ("RFC 9112 3.2: a backslash", host!("shop.example.com\\a"), Refused(400)),
    ("RFC 9110 5.5: NUL", host!("shop.example.com\0.evil.example"), Refused(400)),
    ("RFC 3986 2.1: percent-encoding", host!("shop%2eexample.com"), Refused(400)),
    ("RFC 1034 3.1: a name below", host!("a.shop.example.com"), Refused(404)),
    ("RFC 1034 3.1: a name that ends like it", host!("evilshop.example.com"), Refused(404)),
    ("RFC 1034 3.1: a name that begins like it", host!("shop.example.com.evil.example"), Refused(404)),
    ("RFC 1034 3.1: a parent", host!("example.com"), Refused(404)),
    ("RFC 952: an underscore", host!("shop_.example.com"), Refused(404)),
    (
        "RFC 9112 3.2.2: absolute form contradicts",
        "GET http://neighbour.example.com/~ HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n",
        Refused(400),
    ),
    (
        "RFC 9112 3.2.2: absolute form without Host",
        "GET http://shop.example.com/~ HTTP/1.1\r\nConnection: close\r\n\r\n",
        Passes(1),
    ),
    (
        "RFC 9112 3.2.2: absolute form with userinfo",
        "GET http://a@shop.example.com/~ HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n",
        Refused(400),
    ),
    (
        "RFC 9112 3.2.2: absolute form, the port differs",
        "GET http://shop.example.com:81/~ HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n",
        Refused(400),
    ),
    (
        "RFC 9112 3.2.2: absolute form without an authority",
        "GET http:///~ HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n",
        Refused(400),
    ),
];

#[tokio::test]
async fn hosts() {
    run(HOSTS).await;
}

/// RFC 7239 8.1: what an untrusted peer says about the client is not forwarded, in any spelling.
#[tokio::test]
async fn forged_fields_end_here() {
    const FORGED: &[&str] = &[
        "X-Forwarded-For",
        "x-forwarded-for",
        "X_Forwarded_For",
        "X-Forwarded_For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-Server",
        "X-Forwarded-Prefix",
        "X-Forwarded-Ssl",
        "X-Real-IP",
        "X_Real_IP",
        "X_REAL-IP",
        "Forwarded",
        "Proxy",
        "HTTP_HOST",
        "Content_Length",
        "Proxy-Connection",
    ];
    let edge = TestEdge::to(mirror().await).await;
    for name in FORGED {
        let answer = edge.get(&format!("{name}: 6.6.6.6\r\n{name}: 7.7.7.7\r\n")).await;
        assert_eq!(status(&answer), 200, "{name}");
        assert!(!answer.contains("6.6.6.6") && !answer.contains("7.7.7.7"), "{name} passed: {answer}");
        assert_eq!(answer.matches("x-real-ip: 127.0.0.1\r\n").count(), 1, "{name}: {answer}");
    }
}

/// RFC 6455 4.2.2: a handshake is an ordinary request until it is accepted.
#[tokio::test]
async fn a_websocket_to_nobody_is_a_page() {
    let stopped = TestEdge::showing(Notice::Stopped).await;
    let (live, recorder) = recorded().await;
    for (edge, host, code) in [(&stopped, HOST, 503), (&live, "unknown.example.com", 404), (&stopped, "[::1]", 404)] {
        let mut raw = edge.connect().await;
        raw.write(format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ))
        .await;
        let answer = raw.message().await;
        assert_eq!((status(&answer), field(&answer, "upgrade")), (code, None), "{answer}");
    }
    assert_eq!(recorder.requests_with("/ws"), [""; 0]);
}
