//! The whole way of a wildcard certificate: our ACME client answers by our updates, and the
//! authority looks at the real name server.

use std::sync::Arc;

use stoa_model::host::Hostname;
use stoa_provider::dns::{RecordName, shared::SharedTexts};
use stoa_vendors::{
    acme::{Acme, AcmeConfig, Answer, Method, Ordered, new_key},
    dns::{DnsAccess, DnsConfig, DnsMaker, Transport, TsigAlgorithm},
    x509,
};

use crate::{
    knot::{Knot, skipped},
    pebble::{Options, Pebble},
};

const ZONE: &str = "stoa.example";

/// Two orders at once, and both have their answers at one name.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_its_wildcard_are_proven_at_once() {
    if skipped() {
        return;
    }
    let knot = Knot::start(ZONE, "");
    let Some(pebble) = Pebble::start(Options { dns: Some(knot.address()), ..Options::default() }) else { return };
    let texts = SharedTexts::new(Arc::new(maker(&knot)));
    let acme = account(&pebble).await;
    let (one, two) = tokio::join!(issue(&acme, &texts, ZONE), issue(&acme, &texts, "*.stoa.example"));
    assert_eq!([one, two], [ZONE, "*.stoa.example"]);
    assert_eq!(knot.held("_acme-challenge.stoa.example", "TXT"), [], "both let go");
}

/// Orders a name and returns the one that the certificate is for.
async fn issue(acme: &Acme, texts: &SharedTexts, name: &str) -> String {
    let names = vec![name.parse().expect("a name")];
    let ordered = acme.order(&names, Method::Dns01, None).await.expect("an order");
    for (name, value) in answers(&ordered) {
        texts.hold(&name, 60, value).await.expect("held");
    }
    acme.ready(&ordered.url, Method::Dns01).await.expect("proven");
    for (name, value) in answers(&ordered) {
        texts.release(&name, 60, value).await.expect("released");
    }
    let chain = acme.finish(&ordered.url, &names, &new_key().expect("a key")).await.expect("a certificate");
    x509::inspect(&chain).expect("a chain").names[0].to_string()
}

fn answers(ordered: &Ordered) -> impl Iterator<Item = (RecordName, &str)> {
    ordered.challenges.iter().map(|challenge| match &challenge.answer {
        Answer::Dns { host, value } => (RecordName::acme_challenge(host), value.as_str()),
        other => panic!("a DNS challenge was asked for, not {other:?}"),
    })
}

async fn account(pebble: &Pebble) -> Acme {
    let patience = std::time::Duration::from_secs(20);
    let (directory, roots) = (pebble.directory(), Some(pebble.roots()));
    let config = AcmeConfig { directory, contact: None, external_account: None, roots, patience };
    Acme::open(config, None).await.expect("an account").0
}

fn maker(knot: &Knot) -> DnsMaker {
    let access = DnsAccess::Rfc2136 {
        server: knot.address(),
        transport: Transport::Udp,
        key: Knot::KEY.name.into(),
        algorithm: TsigAlgorithm::HmacSha256,
        secret: Knot::KEY.secret.to_owned().into(),
    };
    DnsMaker::new(DnsConfig { zone: Hostname::parse(ZONE).expect("a hostname"), ttl: 300, access }).expect("a maker")
}
