//! Every form, every place to cut it, and what must not pass.

use super::*;

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("a short block").to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, rest].concat()
}

const INET: [u8; 12] = [203, 0, 113, 7, 10, 0, 0, 1, 0xdc, 0x04, 0x01, 0xbb];

fn inet6() -> Vec<u8> {
    let source: Ipv6Addr = "2001:db8::7".parse().expect("an address");
    [&source.octets()[..], &[0; 16], &[0xdc, 0x04, 0x01, 0xbb]].concat()
}

/// All good headers, with the client that each names.
fn good() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let tlvs = [&INET[..], &[0xEA, 0, 3, 1, 2, 3, 0x04, 0, 0]].concat();
    let line = |text: &str| text.as_bytes().to_vec();
    vec![
        (line("PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n"), Some("203.0.113.7:56324")),
        (line("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), Some("255.255.255.255:65535")),
        (line("PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n"), Some("[2001:db8::7]:56324")),
        (line("PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n"), Some("[::ffff:203.0.113.7]:1")),
        (line("PROXY UNKNOWN\r\n"), None),
        (line(&format!("PROXY UNKNOWN {0} {0} 65535 65535\r\n", "ffff:".repeat(7) + "ffff")), None),
        (v2(0x21, 0x11, &INET), Some("203.0.113.7:56324")),
        (v2(0x21, 0x11, &tlvs), Some("203.0.113.7:56324")),
        (v2(0x21, 0x21, &inet6()), Some("[2001:db8::7]:56324")),
        (v2(0x21, 0x31, &[0; 216]), None),
        (v2(0x21, 0x12, &INET), None),
        (v2(0x21, 0x00, &[]), None),
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, &INET), None),
        (v2(0x20, 0x11, &[1]), None),
        (v2(0x21, 0x11, &[&INET[..], &[0; MAX_V2_PAYLOAD_BYTES - 12]].concat()), Some("203.0.113.7:56324")),
    ]
}

#[test]
fn every_form_is_read_and_nothing_beyond_it() {
    for (header, client) in good() {
        let source = client.map(|text| text.parse().expect("an address"));
        let done = Ok(Step::Done { length: header.len(), source });
        assert_eq!(parse(&header), done, "{}", header.escape_ascii());
        let followed = [&header[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(parse(&followed), done, "{}", followed.escape_ascii());
    }
}

#[test]
fn cut_anywhere_it_waits_for_more() {
    for (header, _) in good() {
        for end in 0..header.len() {
            assert_eq!(parse(&header[..end]), Ok(Step::More), "{}", header[..end].escape_ascii());
        }
    }
}

#[test]
fn malformed_lines_are_refused() {
    for line in [
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP5 203.0.113.7 10.0.0.1 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 1\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 1 2 3\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 1 2 \r\n",
        "PROXY TCP4  203.0.113.7 10.0.0.1 1 2\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 65536 2\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 -1 2\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 +1 2\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1  2\r\n",
        "PROXY TCP4 203.0.113.256 10.0.0.1 1 2\r\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        "PROXY TCP6 203.0.113.7 10.0.0.1 1 2\r\n",
        "PROXY TCP4 203.0.113.7\t10.0.0.1 1 2\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 1 2\nGET / HTTP/1.1\r\n",
        "proxy TCP4 203.0.113.7 10.0.0.1 1 2\r\n",
        " PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 1 2\u{e9}\r\n",
        "GET / HTTP/1.1\r\n",
        "\u{16}\u{3}\u{1}",
    ] {
        assert!(parse(line.as_bytes()).is_err(), "{line:?} was accepted");
    }
    assert!(parse(b"PROXY UNKNOWN \xff\r\n").is_err());
}

#[test]
fn a_line_may_not_go_on_for_ever() {
    let long = format!("PROXY UNKNOWN {}", "x".repeat(200));
    assert_eq!(parse(&long.as_bytes()[..MAX_V1_BYTES - 1]), Ok(Step::More));
    assert!(parse(&long.as_bytes()[..MAX_V1_BYTES]).is_err(), "107 bytes without an end");
    let late = format!("PROXY UNKNOWN {}\r\n", "x".repeat(MAX_V1_BYTES - 15));
    assert_eq!(late.len(), MAX_V1_BYTES + 1);
    assert!(parse(late.as_bytes()).is_err(), "the end comes one byte too late");
    let just = format!("PROXY UNKNOWN {}\r\n", "x".repeat(MAX_V1_BYTES - 16));
    assert_eq!(parse(just.as_bytes()), Ok(Step::Done { length: MAX_V1_BYTES, source: None }));
}

#[test]
fn malformed_blocks_are_refused() {
    for (header, why) in [
        (v2(0x11, 0x11, &INET), "version 1 in the binary form"),
        (v2(0x31, 0x11, &INET), "version 3"),
        (v2(0x22, 0x11, &INET), "an unknown command"),
        (v2(0x21, 0x11, &INET[..11]), "an IPv4 block cut off"),
        (v2(0x21, 0x21, &inet6()[..35]), "an IPv6 block cut off"),
        (v2(0x21, 0x11, &[0; MAX_V2_PAYLOAD_BYTES + 1]), "too long a block"),
    ] {
        assert!(parse(&header).is_err(), "{why} was accepted");
    }
    assert!(
        parse(&v2(0x21, 0x11, &[0; MAX_V2_PAYLOAD_BYTES + 1])[..16]).is_err(),
        "a block too long is refused before it comes"
    );
    let mut damaged = v2(0x21, 0x11, &INET);
    damaged[11] = 0;
    assert!(parse(&damaged).is_err(), "a signature that breaks off");
}
