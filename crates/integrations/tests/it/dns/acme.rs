//! The whole way of a wildcard certificate: our ACME client answers by our updates, and the
//! authority looks at the real name server.

use stoa_integrations::{
    acme::{Acme, AcmeConfig, Answer, Method, Ordered, new_key},
    dns::{DnsAccess, DnsConfig, DnsProvider, Transport, TsigAlgorithm},
    x509,
};
use stoa_model::{certificate::CertName, host::Hostname};
use stoa_provider::dns::{Dns, RecordKind, RecordName, RecordSet, RecordValues};

use crate::{
    knot::{Knot, skipped},
    pebble::{Options, Pebble},
};

const ZONE: &str = "stoa.example";

/// One order for both, as the platform makes it, with both answers in one set of one name.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_its_wildcard_are_proven_together() {
    if skipped() {
        return;
    }
    let knot = Knot::start(ZONE, "");
    let Some(pebble) = Pebble::start(Options { dns: Some(knot.address()), ..Options::default() }) else { return };
    let (dns, acme) = (provider(&knot), account(&pebble).await);
    let names: Vec<CertName> = ["*.stoa.example", ZONE].iter().map(|name| name.parse().expect("a name")).collect();
    let ordered = acme.order(&names, Method::Dns01, None).await.expect("an order");
    let (places, values): (Vec<_>, Vec<_>) = answers(&ordered).map(|(name, value)| (name, value.to_owned())).unzip();
    assert!(values.len() == 2 && places[0] == places[1], "{places:?}");
    let set = RecordSet { name: places[0].clone(), ttl: 60, values: RecordValues::Texts(values) };
    dns.set(&set).await.expect("both answers");
    acme.ready(&ordered.url, Method::Dns01).await.expect("proven");
    dns.remove(&set.name, RecordKind::Txt).await.expect("removed");
    let chain = acme.finish(&ordered.url, &names, &new_key().expect("a key")).await.expect("a certificate");
    let mut certified = x509::inspect(&chain).expect("a chain").names;
    certified.sort_by_key(|name| !name.wildcard);
    assert_eq!(certified, names);
    assert_eq!(knot.held("_acme-challenge.stoa.example", "TXT"), []);
}

fn answers(ordered: &Ordered) -> impl Iterator<Item = (RecordName, &str)> {
    ordered.challenges.iter().map(|challenge| match &challenge.answer {
        Answer::Dns { host, value } => (RecordName::acme_challenge(host), value.as_str()),
        other => panic!("a DNS challenge was asked for, not {other:?}"),
    })
}

async fn account(pebble: &Pebble) -> Acme {
    let patience = std::time::Duration::from_secs(60);
    let (directory, roots) = (pebble.directory(), Some(pebble.roots()));
    let config = AcmeConfig { directory, contact: None, external_account: None, roots, patience };
    Acme::open(config, None).await.expect("an account").0
}

fn provider(knot: &Knot) -> DnsProvider {
    let access = DnsAccess::Rfc2136 {
        server: knot.address(),
        transport: Transport::Udp,
        key: Knot::KEY.name.into(),
        algorithm: TsigAlgorithm::HmacSha256,
        secret: Knot::KEY.secret.to_owned().into(),
    };
    DnsProvider::new(DnsConfig { zone: Hostname::parse(ZONE).expect("a hostname"), ttl: 300, access })
        .expect("a provider")
}
