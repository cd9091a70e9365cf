//! Where a body ends (RFC 9112 6), with fields that contradict each other or are wrong.

use super::{Case, Dropped, Passes, Refused, run};

macro_rules! post {
    ($fields:literal, $rest:literal) => {
        concat!("POST /~ HTTP/1.1\r\nHost: shop.example.com\r\n", $fields, "\r\n", $rest)
    };
}

/// The bytes behind `0\r\n\r\n` of a request with two framings must not be read as another one.
const CL_TE: Case = (
    "RFC 9112 6.3 (3): Content-Length, then Transfer-Encoding, then a request",
    post!(
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "0\r\n\r\nGET /~smuggled HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"
    ),
    Passes(1),
);
const TE_CL: Case = (
    "RFC 9112 6.3 (3): Transfer-Encoding, then Content-Length, then a request",
    post!(
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "0\r\n\r\nGET /~smuggled HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"
    ),
    Passes(1),
);

const CODINGS: &[Case] = &[
    CL_TE,
    TE_CL,
    (
        "RFC 9112 6.3 (3): a Content-Length that is no number, beside chunks",
        post!("Transfer-Encoding: chunked\r\nContent-Length: x\r\n", "0\r\n\r\n"),
        Passes(1),
    ),
    (
        "RFC 9112 6.1: chunked twice",
        post!("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        Refused(501),
    ),
    (
        "RFC 9112 6.1: chunked twice in a list",
        post!("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
        Refused(501),
    ),
    ("RFC 9112 6.1: a coding below chunked", post!("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), Refused(501)),
    (
        "RFC 9112 6.1: gzip, then chunked in a second field",
        post!("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        Refused(501),
    ),
    (
        "RFC 9112 6.3 (4): chunked is not last",
        post!("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        Refused(400),
    ),
    (
        "RFC 9112 6.3 (4): chunked is not last, in two fields",
        post!("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
        Refused(400),
    ),
    ("RFC 9112 6.3 (4): identity", post!("Transfer-Encoding: identity\r\nContent-Length: 3\r\n", "abc"), Refused(400)),
    ("RFC 9112 6.3 (4): xchunked", post!("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), Refused(400)),
    (
        "RFC 9112 6.3 (4): an empty coding",
        post!("Transfer-Encoding:\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
        Refused(400),
    ),
    ("RFC 9112 7: chunked with a parameter", post!("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"), Refused(400)),
    ("RFC 9110 5.6.2: chunked in quotes", post!("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), Refused(400)),
    (
        "RFC 9110 5.5: a vertical tab behind chunked",
        post!("Transfer-Encoding: chunked\x0b\r\n", "0\r\n\r\n"),
        Refused(400),
    ),
    (
        "RFC 9110 5.5: a vertical tab before chunked",
        post!("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
        Refused(400),
    ),
    ("RFC 9112 5.1: a blank before the colon", post!("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), Refused(400)),
    ("RFC 9112 5.1: a tab before the colon", post!("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"), Refused(400)),
    (
        "RFC 9112 5.2: the field in a folded line",
        post!("X-A: b\r\n Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        Refused(400),
    ),
    ("RFC 9112 5.2: a folded coding", post!("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), Refused(400)),
    (
        "RFC 9112 2.2: a bare CR before the field",
        post!("X-A: b\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        Refused(400),
    ),
    ("RFC 9112 5.6.2: a NUL in the name", post!("Transfer\0Encoding: chunked\r\n", "0\r\n\r\n"), Refused(400)),
    (
        "RFC 9112 6.1: chunks in HTTP/1.0",
        "POST /~ HTTP/1.0\r\nHost: shop.example.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    // Not ambiguous, only unusual: the field's value is stripped of blanks and tabs, codings know no case.
    (
        "RFC 9110 5.5: a tab before the value",
        post!("Transfer-Encoding:\tchunked\r\n", "2\r\nab\r\n0\r\n\r\n"),
        Passes(1),
    ),
    (
        "RFC 9110 5.5: blanks around the value",
        post!("Transfer-Encoding:   chunked  \r\n", "2\r\nab\r\n0\r\n\r\n"),
        Passes(1),
    ),
    ("RFC 9112 7: capitals", post!("TRANSFER-ENCODING: CHUNKED\r\n", "2\r\nab\r\n0\r\n\r\n"), Passes(1)),
    // CGI reads it as Transfer-Encoding; it does not get it.
    ("RFC 3875 4.1.18: an underscore", post!("Transfer_Encoding: chunked\r\nContent-Length: 3\r\n", "abc"), Passes(1)),
];

const LENGTHS: &[Case] = &[
    (
        "RFC 9112 6.3 (5): two different lengths",
        post!("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"),
        Refused(400),
    ),
    ("RFC 9112 6.3 (5): two different lengths in a list", post!("Content-Length: 3, 4\r\n", "abc"), Refused(400)),
    ("RFC 9112 6.3 (5): the same length in a list", post!("Content-Length: 3, 3\r\n", "abc"), Refused(400)),
    (
        "RFC 9110 8.6: the same length twice is one",
        post!("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
        Passes(1),
    ),
    ("RFC 9110 8.6: negative", post!("Content-Length: -1\r\n", ""), Refused(400)),
    ("RFC 9110 8.6: plus", post!("Content-Length: +3\r\n", "abc"), Refused(400)),
    ("RFC 9110 8.6: hexadecimal", post!("Content-Length: 0x3\r\n", "abc"), Refused(400)),
    ("RFC 9110 8.6: hexadecimal digits", post!("Content-Length: a\r\n", "abc"), Refused(400)),
    ("RFC 9110 8.6: an exponent", post!("Content-Length: 1e1\r\n", "abc"), Refused(400)),
    ("RFC 9110 8.6: a fraction", post!("Content-Length: 3.0\r\n", "abc"), Refused(400)),
    ("RFC 9110 8.6: a blank within", post!("Content-Length: 3 3\r\n", "abc"), Refused(400)),
    ("RFC 9110 8.6: empty", post!("Content-Length:\r\n", "abc"), Refused(400)),
    ("RFC 9110 8.6: quoted", post!("Content-Length: \"3\"\r\n", "abc"), Refused(400)),
    ("RFC 9110 8.6: more than 64 bits", post!("Content-Length: 18446744073709551619\r\n", "abc"), Refused(400)),
    (
        "RFC 9110 8.6: a hundred digits",
        concat!(
            "POST /~ HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: ",
            "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
            "\r\n\r\nabc"
        ),
        Refused(400),
    ),
    (
        "RFC 9110 8.6: 63 bits are more than the site allows",
        post!("Content-Length: 9223372036854775807\r\n", "abc"),
        Refused(413),
    ),
    ("RFC 9112 5.1: a blank before the colon", post!("Content-Length : 3\r\n", "abc"), Refused(400)),
    ("RFC 9112 5.2: folded", post!("Content-Length:\r\n 3\r\n", "abc"), Refused(400)),
    ("RFC 9112 2.2: a bare CR within", post!("Content-Length: 3\r0\r\n", "abc"), Refused(400)),
    ("RFC 9110 8.6: leading zeros are digits", post!("Content-Length: 0003\r\n", "abc"), Passes(1)),
    // The body never ends, so the probe is its end: it must not be another request.
    ("RFC 9112 6.3 (6): less than declared", post!("Content-Length: 1000\r\n", "abc"), Dropped),
    (
        "RFC 9110 9.3.1: a GET may have a body, which is no request",
        "GET /~ HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 44\r\n\r\nGET /~smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n",
        Passes(1),
    ),
];

#[tokio::test]
async fn codings() {
    run(CODINGS).await;
}

#[tokio::test]
async fn lengths() {
    run(LENGTHS).await;
}
