//! Questions to a real Knot.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use stoa_integrations::resolver::{Addresses, Cause, ResolveError, Resolver};
use stoa_model::host::Hostname;
use stoa_provider::dns::RecordName;

use crate::knot::{Knot, skipped};

const ZONE: &str = "stoa.example";

const RECORDS: &str = r#"
both      A     192.0.2.1
both      A     192.0.2.2
both      AAAA  2001:db8::1
four      A     192.0.2.4
one       CNAME two
two       CNAME three
three     CNAME both
dangling  CNAME nowhere
cut       CNAME cut2
cut2      CNAME foreign.elsewhere.example.
odd       CNAME un_der
un_der    CNAME four
*.wild    A     192.0.2.5
loop1     CNAME loop2
loop2     CNAME loop3
loop3     CNAME loop1
self      CNAME self
_stoa.both TXT  "one string"
_stoa.both TXT  "two " "strings" " in one"
_stoa.alias CNAME _stoa.both
"#;

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_both_families() {
    if skipped() {
        return;
    }
    let (_knot, resolver) = start();
    assert_eq!(resolver.addresses(&host("both")).await, found(&["192.0.2.1", "192.0.2.2", "2001:db8::1"], &[]));
    assert_eq!(resolver.addresses(&host("four")).await, found(&["192.0.2.4"], &[]));
    assert_eq!(resolver.addresses(&host("any.wild")).await, found(&["192.0.2.5"], &[]));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_records_are_an_answer() {
    if skipped() {
        return;
    }
    let (_knot, resolver) = start();
    for label in ["missing", "a.missing", "wild"] {
        assert_eq!(resolver.addresses(&host(label)).await, found(&[], &[]), "{label}");
    }
    let name = RecordName::ownership(&host("missing"));
    assert_eq!(resolver.texts(&name).await, Ok(Vec::new()));
    assert_eq!(resolver.texts(&RecordName::host(&host("both"))).await, Ok(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_are_followed_and_returned() {
    if skipped() {
        return;
    }
    let (_knot, resolver) = start();
    let all = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];
    assert_eq!(resolver.addresses(&host("one")).await, found(&all, &["two", "three", "both"]));
    assert_eq!(resolver.addresses(&host("dangling")).await, found(&[], &["nowhere"]), "an alias of nothing is told");
    assert_eq!(resolver.addresses(&host("odd")).await, found(&["192.0.2.4"], &["four"]), "odd names are left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn loops_are_reported() {
    if skipped() {
        return;
    }
    let (_knot, resolver) = start();
    for label in ["loop1", "self"] {
        let error = resolver.addresses(&host(label)).await.expect_err("it goes round");
        assert!(matches!(error, ResolveError::Loop { .. }), "{label}: {error}");
    }
    let error = resolver.addresses(&host("loop1")).await.expect_err("it goes round");
    let way = "loop1.stoa.example → loop2.stoa.example → loop3.stoa.example → loop1.stoa.example";
    assert!(error.to_string().contains(way), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_zone_is_explained() {
    if skipped() {
        return;
    }
    let (_knot, resolver) = start();
    let error = resolver.addresses(&host("a.broken")).await.expect_err("the server fails there");
    assert!(matches!(error, ResolveError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("SERVFAIL") && error.to_string().contains("DNSSEC"), "{error}");
    let error = resolver.texts(&RecordName::ownership(&host("broken"))).await.expect_err("the server fails there");
    assert!(error.to_string().starts_with("looking up _stoa.broken.stoa.example: "), "{error}");
    let outside = Hostname::parse("elsewhere.example").expect("a hostname");
    let error = resolver.addresses(&outside).await.expect_err("it is not its zone");
    assert!(error.to_string().contains("REFUSED"), "{error}");
    assert!(error.owner_text().contains("REFUSED"), "{}", error.owner_text());
    let error = resolver.addresses(&host("cut")).await.expect_err("the way leads out of what it knows");
    assert!(matches!(error, ResolveError::Unavailable { .. }), "{error:?}");
}

/// A validating resolver fails at a zone whose signatures are invalid, and answers if it need not check them.
#[tokio::test(flavor = "multi_thread")]
async fn a_zone_whose_signatures_are_invalid_is_explained() {
    let name = RecordName::ownership(&host("signed"));
    for (unchecked, expected) in [(0, Cause::Dnssec), (3, Cause::Dnssec), (SERVFAIL, Cause::Failing)] {
        let resolver = says(Say::Unchecked(unchecked), Say::Unchecked(unchecked)).await;
        for error in [resolver.addresses(&host("signed")).await.err(), resolver.texts(&name).await.err()] {
            let cause = match error {
                Some(ResolveError::Unavailable { cause, .. }) => cause,
                other => panic!("{unchecked:?}: {other:?}"),
            };
            assert_eq!(cause, expected, "{unchecked:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_absence_is_remembered() {
    if skipped() {
        return;
    }
    let (_knot, resolver) = start();
    for (label, absence) in [("missing", Some(60)), ("four", Some(60)), ("both", None), ("broken", None)] {
        let found = resolver.text_absence(&RecordName::ownership(&host(label))).await;
        assert_eq!(found, absence.map(Duration::from_secs), "{label}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_strings_of_a_text_are_joined() {
    if skipped() {
        return;
    }
    let (_knot, resolver) = start();
    for owner in ["both", "alias"] {
        let mut texts = resolver.texts(&RecordName::ownership(&host(owner))).await.expect("texts");
        texts.sort_unstable();
        assert_eq!(texts, ["one string", "two strings in one"], "{owner}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_cached() {
    if skipped() {
        return;
    }
    let (knot, resolver) = start();
    assert_eq!(resolver.addresses(&host("fresh")).await, found(&[], &[]));
    for address in ["192.0.2.7", "192.0.2.8"] {
        knot.update(&[format!("del fresh.{ZONE}. A"), format!("add fresh.{ZONE}. 3600 A {address}")]);
        assert_eq!(resolver.addresses(&host("fresh")).await, found(&[address], &[]));
    }
    knot.update(&[format!("del fresh.{ZONE}. A")]);
    assert_eq!(resolver.addresses(&host("fresh")).await, found(&[], &[]));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_records_use_tcp_and_are_limited() {
    if skipped() {
        return;
    }
    let records = (0..200).map(|n| format!("many A 192.0.2.{n}\nmany TXT \"{n:0>200}\"\n")).collect::<String>();
    let knot = Knot::start(ZONE, &records);
    let resolver = Resolver::with_servers(vec![knot.address()]).expect("a resolver");
    assert_eq!(resolver.addresses(&host("many")).await.map(|found| found.list.len()), Ok(64));
    assert_eq!(resolver.texts(&RecordName::host(&host("many"))).await.map(|texts| texts.len()), Ok(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_servers_are_given_up_in_time() {
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    for server in [silent.local_addr().expect("its address"), nobody] {
        let resolver = Resolver::with_servers(vec![server]).expect("a resolver");
        // Far more than it may take, for machines that are busy with something else.
        let asked = tokio::time::timeout(Duration::from_secs(60), resolver.addresses(&host("both"))).await;
        let error = asked.expect("it is given up").expect_err("nobody answers");
        assert!(matches!(error, ResolveError::Unavailable { .. }), "{error:?}");
    }
    assert!(Resolver::with_servers(Vec::new()).is_err());
}

/// Many a server fails at the family that it has no records of; Let's Encrypt comes by the other one.
#[tokio::test(flavor = "multi_thread")]
async fn the_addresses_of_one_family_are_enough() {
    let (a, aaaa) = (one_address([192, 0, 2, 9].as_slice()), one_address(&[0x20; 16]));
    let v6 = "2020:2020:2020:2020:2020:2020:2020:2020";
    for broken in [Say::Code(SERVFAIL), Say::Code(REFUSED), Say::Silence] {
        for (v4, v6, known) in [(a, broken, "192.0.2.9"), (broken, aaaa, v6)] {
            let asked = says(v4, v6).await.addresses(&host("half")).await;
            assert_eq!(asked, found(&[known], &[]), "{broken:?}");
        }
        let nothing = says(Say::Code(0), broken).await.addresses(&host("half")).await;
        assert!(matches!(nothing, Err(ResolveError::Unavailable { .. })), "{broken:?}: {nothing:?}");
    }
}

const SERVFAIL: u8 = 2;
const REFUSED: u8 = 5;

/// What a server says about one family.
#[derive(Debug, Clone, Copy)]
enum Say {
    Address([u8; 16], usize),
    Code(u8),
    Silence,
    /// SERVFAIL, but this code to questions that forbid checks of signatures.
    Unchecked(u8),
}

fn one_address(bytes: &[u8]) -> Say {
    let mut address = [0; 16];
    address[..bytes.len()].copy_from_slice(bytes);
    Say::Address(address, bytes.len())
}

/// Asks a server that says this about IPv4, and that about IPv6 and everything else (RFC 1035 4.1).
async fn says(v4: Say, v6: Say) -> Resolver {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let resolver = Resolver::with_servers(vec![socket.local_addr().expect("its address")]).expect("a resolver");
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((_, from)) = socket.recv_from(&mut query).await {
            let name = query[12..].iter().position(|byte| *byte == 0).expect("the name's end") + 13;
            let kind = query[name + 1];
            let mut answer = query[..name + 4].to_vec();
            let (code, records) = match if kind == 1 { v4 } else { v6 } {
                Say::Silence => continue,
                Say::Code(code) => (code, 0),
                Say::Unchecked(code) => (if query[3] & 0x10 == 0 { SERVFAIL } else { code }, 0),
                Say::Address(bytes, length) => {
                    answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, length as u8]);
                    answer.extend(&bytes[..length]);
                    (0, 1)
                }
            };
            answer[2..12].copy_from_slice(&[0x85, 0x80 | code, 0, 1, 0, records, 0, 0, 0, 0]);
            socket.send_to(&answer, from).await.expect("sent");
        }
    });
    resolver
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_of_two_is_enough() {
    if skipped() {
        return;
    }
    let knot = Knot::start(ZONE, RECORDS);
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let resolver = Resolver::with_servers(vec![nobody, knot.address()]).expect("a resolver");
    assert_eq!(resolver.addresses(&host("four")).await, found(&["192.0.2.4"], &[]));
}

fn start() -> (Knot, Resolver) {
    let knot = Knot::start(ZONE, RECORDS);
    let resolver = Resolver::with_servers(vec![knot.address()]).expect("a resolver");
    (knot, resolver)
}

fn host(label: &str) -> Hostname {
    Hostname::parse(&format!("{label}.{ZONE}")).expect("a hostname")
}

fn found(list: &[&str], via: &[&str]) -> Result<Addresses, ResolveError> {
    let list = list.iter().map(|ip| ip.parse::<IpAddr>().expect("an address")).collect();
    Ok(Addresses { list, via: via.iter().map(|label| host(label)).collect() })
}
