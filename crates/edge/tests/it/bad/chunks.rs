//! The chunked coding of a request (RFC 9112 7.1). A bad chunk comes to light when the head has
//! already left; what counts is that nothing behind it is taken for a request, here or there.

use super::{Case, Dropped, Passes, run};

macro_rules! chunked {
    ($rest:literal) => {
        concat!("POST /~ HTTP/1.1\r\nHost: shop.example.com\r\nTransfer-Encoding: chunked\r\n\r\n", $rest)
    };
}

const CHUNKS: &[Case] = &[
    ("RFC 9112 7.1: no hexadecimal number", chunked!("x\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: no size", chunked!("\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: only an extension", chunked!(";a=b\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: negative", chunked!("-5\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: plus", chunked!("+5\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: 0x", chunked!("0x5\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: an underscore", chunked!("0_5\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: a blank before the size", chunked!(" 5\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1.1: a blank within the size", chunked!("5 5\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: 64 bits, and nobody sends so much", chunked!("ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: one more than 64 bits", chunked!("10000000000000000\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: 64 bits and a 5", chunked!("100000000000000005\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: longer than it says", chunked!("5\r\nhelloworld\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: shorter than it says", chunked!("a\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: no CRLF behind the data", chunked!("5\r\nhello0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: LF behind the data", chunked!("5\r\nhello\n0\r\n\r\n"), Dropped),
    ("RFC 9112 2.2: LF behind the size", chunked!("5\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 2.2: CR behind the size", chunked!("5\rhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1.1: LF in an extension", chunked!("5;a\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1.1: LF ends an empty extension", chunked!("5;\nxx\r\n1e\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1.1: CR in an extension", chunked!("5;a\rb\r\nhello\r\n0\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: the last CRLF is missing", chunked!("5\r\nhello\r\n0\r\n"), Dropped),
    ("RFC 9112 7.1: the last chunk is missing", chunked!("5\r\nhello\r\n"), Dropped),
    ("RFC 9112 7.1.2: a request for a trailer", chunked!("0\r\nGET /~smuggled HTTP/1.1\r\n\r\n"), Dropped),
    ("RFC 9112 5.2: a folded trailer", chunked!("0\r\nX-A: b\r\n c\r\n\r\n"), Dropped),
    ("RFC 9110 5.6.2: a NUL in a trailer", chunked!("0\r\nX\0A: b\r\n\r\n"), Dropped),
    ("RFC 9112 7.1: leading zeros", chunked!("0000005\r\nhello\r\n0\r\n\r\n"), Passes(1)),
    ("RFC 9112 7.1: capitals", chunked!("A\r\nhelloworld\r\n0\r\n\r\n"), Passes(1)),
    ("RFC 9112 7.1.1: extensions are dropped", chunked!("5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n"), Passes(1)),
    ("RFC 9112 7.1: zeros are a last chunk", chunked!("000\r\n\r\n"), Passes(1)),
    (
        "RFC 9110 6.5.1: a trailer that frames",
        chunked!("0\r\nContent-Length: 50\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n"),
        Passes(1),
    ),
];

#[tokio::test]
async fn chunks() {
    run(CHUNKS).await;
}

/// RFC 9112 7.1.1: extensions without end are a way to send bytes that no limit counts.
#[tokio::test]
async fn extensions_and_trailers_have_an_end() {
    let (edge, recorder) = super::recorded().await;
    for (start, piece) in [("1;a=", "b".repeat(1000)), ("0\r\n", "X-Trailer: b\r\n".repeat(80))] {
        let mut raw = edge.connect().await;
        raw.write(format!(
            "POST /endless HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n{start}",
            crate::support::HOST
        ))
        .await;
        let mut sent = 0;
        use tokio::io::AsyncWriteExt;
        while sent < 4 << 20 && raw.stream.write_all(piece.as_bytes()).await.is_ok() {
            sent += piece.len();
            tokio::task::yield_now().await;
        }
        let answer = raw.rest().await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
        super::innocent(&edge, "endless").await;
    }
    assert_eq!(recorder.requests_with("/endless"), [""; 0]);
    recorder.assert_clean();
}
