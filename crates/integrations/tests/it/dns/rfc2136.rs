//! Updates to a real Knot.

use std::net::SocketAddr;

use async_trait::async_trait;
use stoa_integrations::dns::{DnsAccess, DnsConfig, DnsProvider, Transport, TsigAlgorithm};
use stoa_model::host::Hostname;
use stoa_provider::dns::{
    Dns, DnsError, RecordKind, RecordName, RecordSet, RecordValues,
    conformance::{self, Probe, StoredSet},
};

use super::{held, plant};
use crate::knot::{Key, Knot, skipped};

const ZONE: &str = "stoa.example";

#[tokio::test(flavor = "multi_thread")]
async fn conforms_over_udp() {
    if !skipped() {
        let knot = Knot::start(ZONE, "");
        conformance::run(&provider(&knot, Knot::KEY, Transport::Udp), &knot).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_over_tcp_with_the_longer_key() {
    if !skipped() {
        let knot = Knot::start(ZONE, "");
        conformance::run(&provider(&knot, Knot::KEY_512, Transport::Tcp), &knot).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_does_not_fit_into_a_datagram_uses_tcp() {
    if skipped() {
        return;
    }
    let knot = Knot::start(ZONE, "");
    let texts = (0..20).map(|n| format!("{n:0>200}")).collect::<Vec<_>>();
    let set = RecordSet { values: RecordValues::Texts(texts.clone()), ..address("big") };
    provider(&knot, Knot::KEY, Transport::Udp).set(&set).await.expect("a large set");
    assert_eq!(Probe::held(&knot, &set.name, RecordKind::Txt).await.map(|held| held.contents), Some(texts));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_differs_from_a_wrong_secret() {
    if skipped() {
        return;
    }
    let knot = Knot::start(ZONE, "");
    let wrong = [
        (Key { name: "nobody", ..Knot::KEY }, "does not know the TSIG key nobody"),
        (Key { secret: Knot::KEY_OF_OTHERS.secret, ..Knot::KEY }, "another secret for the TSIG key stoa"),
        (Key { algorithm: "hmac-sha512", ..Knot::KEY }, "does not know the TSIG key stoa"),
        // Knot answers so for a key that it knows and that has no rights, too.
        (Knot::KEY_OF_OTHERS, "lets it change nothing (BADKEY)"),
    ];
    for (key, words) in wrong {
        for transport in [Transport::Udp, Transport::Tcp] {
            let error = provider(&knot, key, transport).set(&address("a")).await.expect_err("the key is wrong");
            assert!(!error.transient && error.to_string().contains(words), "{key:?}: {error}");
            assert!(
                error.to_string().starts_with("setting the A records of a.stoa.example at the RFC 2136"),
                "{error}"
            );
        }
    }
    assert_eq!(knot.held("a.stoa.example", "A"), [], "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_of_another_server_is_reported() {
    if skipped() {
        return;
    }
    let knot = Knot::start(ZONE, "");
    let elsewhere = open("elsewhere.example", knot.address(), Knot::KEY, Transport::Udp).expect("a provider");
    let name = RecordName::host(elsewhere.zone());
    let error = elsewhere.set(&RecordSet { name, ..address("a") }).await.expect_err("it is not its zone");
    assert!(!error.transient && error.to_string().contains("primary server of the zone elsewhere.example"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_in_the_way_is_reported() {
    if skipped() {
        return;
    }
    let knot = Knot::start(ZONE, "a CNAME ns\n");
    let provider = provider(&knot, Knot::KEY, Transport::Udp);
    let error = provider.set(&address("a")).await.expect_err("an alias is alone");
    assert!(!error.transient && error.to_string().contains("CNAME"), "{error}");
    provider.remove(&address("a").name, RecordKind::A).await.expect("there is none");
    assert_eq!(knot.held("a.stoa.example", "CNAME"), [(60, "ns.stoa.example.".to_owned())], "it is not ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_can_be_retried() {
    if skipped() {
        return;
    }
    let mut knot = Knot::start(ZONE, "");
    let providers = [Transport::Udp, Transport::Tcp].map(|transport| provider(&knot, Knot::KEY, transport));
    knot.stop();
    for provider in &providers {
        let error = provider.set(&address("a")).await.expect_err("it is down");
        // That nobody listens is known at once: who waits in vain is told that it does not answer.
        assert!(error.transient && error.to_string().contains("can't be reached"), "{error}");
    }
    knot.begin();
    providers[0].set(&address("a")).await.expect("it is back");
    assert_eq!(knot.held("a.stoa.example", "A"), [(3600, "192.0.2.1".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_silent_or_answers_nonsense_is_given_up() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let provider =
        open(ZONE, silent.local_addr().expect("its address"), Knot::KEY, Transport::Udp).expect("a provider");
    let answers = tokio::task::spawn_blocking(move || {
        // Answers of another number are not for us; the last one has the right number and is garbage.
        let mut buffer = [0; 1500];
        let (length, from) = silent.recv_from(&mut buffer).expect("an update");
        let mut other = buffer[..length].to_vec();
        other[0] ^= 1;
        silent.send_to(&other, from).expect("sent");
        let (_, from) = silent.recv_from(&mut buffer).expect("the update again");
        silent.send_to(&[buffer[0], buffer[1], 9, 9, 9, 9, 9, 9, 9, 9, 9, 9], from).expect("sent");
    });
    let error = provider.set(&address("a")).await.expect_err("it talks nonsense");
    answers.await.expect("it asked twice");
    assert!(error.transient && error.to_string().contains("not a DNS message"), "{error}");
}

#[tokio::test]
async fn an_answer_without_a_signature_is_not_believed() {
    let liar = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let provider = open(ZONE, liar.local_addr().expect("its address"), Knot::KEY, Transport::Udp).expect("a provider");
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        let (_, from) = liar.recv_from(&mut buffer).await.expect("an update");
        // An answer (QR) to an update (opcode 5) without any error, and without a signature.
        let done = [buffer[0], buffer[1], 0b1010_1000, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        liar.send_to(&done, from).await.expect("sent");
    });
    let error = provider.set(&address("a")).await.expect_err("anybody could say so");
    assert!(error.transient && error.to_string().contains("not signed with the same key"), "{error}");
}

#[test]
fn unusable_keys_are_reported_at_the_start() {
    let server = SocketAddr::from(([127, 0, 0, 1], 53));
    for key in [Key { secret: "no base64!", ..Knot::KEY }, Key { name: "a..b", ..Knot::KEY }] {
        let error = open(ZONE, server, key, Transport::Udp).err().expect("it can't be used");
        assert!(!error.transient && error.to_string().contains("TSIG key"), "{error}");
        assert!(!error.to_string().contains("no base64!"), "secrets are not told");
    }
}

fn provider(knot: &Knot, key: Key, transport: Transport) -> DnsProvider {
    open(ZONE, knot.address(), key, transport).expect("a provider")
}

fn open(zone: &str, server: SocketAddr, key: Key, transport: Transport) -> Result<DnsProvider, DnsError> {
    let algorithm = if key.algorithm == "hmac-sha512" { TsigAlgorithm::HmacSha512 } else { TsigAlgorithm::HmacSha256 };
    let (key, secret) = (key.name.to_owned(), key.secret.to_owned().into());
    let access = DnsAccess::Rfc2136 { server, transport, key, algorithm, secret };
    DnsProvider::new(DnsConfig { zone: Hostname::parse(zone).expect("a hostname"), ttl: 300, access })
}

fn address(label: &str) -> RecordSet {
    let name = RecordName::host(&Hostname::parse(&format!("{label}.{ZONE}")).expect("a hostname"));
    RecordSet { name, ttl: 3600, values: RecordValues::Addresses(vec!["192.0.2.1".parse().expect("an address")]) }
}

#[async_trait]
impl Probe for Knot {
    async fn plant(&self, set: &RecordSet) {
        self.update(&plant(set));
    }

    async fn held(&self, name: &RecordName, kind: RecordKind) -> Option<StoredSet> {
        held(Knot::held(self, name.as_str(), kind.as_str()))
    }
}
