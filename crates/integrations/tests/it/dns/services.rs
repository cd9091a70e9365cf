//! What all DNS hosting services share, tested with a fake of each.

use http::Method;
use serde_json::json;
use stoa_integrations::dns::{DnsAccess, DnsConfig, DnsProvider, Token};
use stoa_model::host::Hostname;
use stoa_provider::dns::{Dns, RecordKind, RecordName, RecordSet, RecordValues, conformance};

use super::{
    PROXIED, cloudflare, desec, digitalocean,
    fake::{FakeService, Reply, ZONE},
    hetzner,
};

type Access = fn(Token) -> DnsAccess;

async fn all() -> Vec<(FakeService, Access)> {
    vec![
        (cloudflare::start().await, DnsAccess::Cloudflare),
        (digitalocean::start().await, DnsAccess::DigitalOcean),
        (desec::start().await, DnsAccess::Desec),
        (hetzner::start().await, DnsAccess::Hetzner),
    ]
}

#[tokio::test]
async fn cloudflare_conforms() {
    let fake = cloudflare::start().await;
    conformance::run(&open(&fake, DnsAccess::Cloudflare, "good", ZONE), &fake).await;
}

#[tokio::test]
async fn digitalocean_conforms() {
    let fake = digitalocean::start().await;
    conformance::run(&open(&fake, DnsAccess::DigitalOcean, "good", ZONE), &fake).await;
}

#[tokio::test]
async fn desec_conforms() {
    let fake = desec::start().await;
    conformance::run(&open(&fake, DnsAccess::Desec, "good", ZONE), &fake).await;
}

#[tokio::test]
async fn hetzner_conforms() {
    let fake = hetzner::start().await;
    conformance::run(&open(&fake, DnsAccess::Hetzner, "good", ZONE), &fake).await;
}

#[tokio::test]
async fn a_wrong_token_is_reported_and_not_printed() {
    for (fake, access) in all().await {
        let provider = open(&fake, access, "bad-secret-token", ZONE);
        let error = provider.set(&set(&["192.0.2.1"], 3600)).await.expect_err("the token is wrong");
        let text = format!("{error} {error:?}");
        assert!(!error.transient && text.contains("credentials"), "{text}");
        assert!(!text.contains("bad-secret-token"), "{text}");
        assert!(fake.zone().records.is_empty(), "nothing was changed");
    }
}

#[tokio::test]
async fn a_missing_zone_is_reported() {
    for (fake, access) in all().await {
        let provider = open(&fake, access, "good", "elsewhere.example");
        let name = RecordName::host(provider.zone());
        let error = provider.set(&RecordSet { name, ..set(&["192.0.2.1"], 3600) }).await.expect_err("no such zone");
        assert!(!error.transient && error.to_string().contains("elsewhere.example"), "{error}");
        let error = provider.remove(&RecordName::host(provider.zone()), RecordKind::A).await.expect_err("no such zone");
        assert!(!error.transient, "{error}");
    }
}

#[tokio::test]
async fn transient_failures_can_be_retried() {
    let limited = Reply::new(429, json!({ "message": "slow down" })).with("retry-after", "17");
    let troubles =
        [(limited, "after 17 seconds"), (Reply::new(500, json!("oops")), "500"), (Reply::new(503, json!(null)), "503")];
    for (fake, access) in all().await {
        let provider = open(&fake, access, "good", ZONE);
        for (reply, words) in &troubles {
            fake.fail_next(reply.clone());
            let error = provider.set(&set(&["192.0.2.1"], 3600)).await.expect_err("it was told to fail");
            assert!(error.transient && error.to_string().contains(words), "{error}");
        }
        provider.set(&set(&["192.0.2.1"], 3600)).await.expect("only those fail");
        assert_eq!(fake.zone().records.len(), 1);
    }
}

#[tokio::test]
async fn redirects_and_nonsense_are_not_followed() {
    for (fake, access) in all().await {
        let provider = open(&fake, access, "good", ZONE);
        fake.fail_next(Reply::new(302, json!(null)).with("location", "https://elsewhere.example/"));
        let error = provider.set(&set(&["192.0.2.1"], 3600)).await.expect_err("it was sent away");
        assert!(!error.transient && error.to_string().contains("302"), "{error}");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_or_silent_can_be_retried() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = silent.local_addr().expect("its address");
    let token = |api| DnsAccess::Cloudflare(Token { token: "good".to_owned().into(), api: Some(api) });
    let zone = Hostname::parse(ZONE).expect("a hostname");
    let open =
        |api| DnsProvider::new(DnsConfig { zone: zone.clone(), ttl: 300, access: token(api) }).expect("a provider");
    let provider = open(format!("http://{address}"));
    let error = provider.set(&set(&["192.0.2.1"], 3600)).await.expect_err("it is silent");
    assert!(error.transient && error.to_string().contains("no answer within"), "{error}");
    let error = open("http://127.0.0.1:1".into()).set(&set(&["192.0.2.1"], 3600)).await.expect_err("it is down");
    assert!(error.transient && error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn nothing_is_written_when_nothing_changes() {
    for (fake, access) in all().await {
        let provider = open(&fake, access, "good", ZONE);
        provider.set(&set(&["192.0.2.1", "192.0.2.2"], 3600)).await.expect("set");
        fake.writes();
        provider.set(&set(&["192.0.2.2", "192.0.2.1"], 3600)).await.expect("set");
        // deSEC takes a whole set without telling first what there is.
        let writes = fake.writes();
        assert!(writes.is_empty() || writes == [Method::PATCH], "{writes:?}");
    }
}

#[tokio::test]
async fn short_ttls_are_raised_to_the_providers_minimum() {
    for ((fake, access), least) in all().await.into_iter().zip([60, 30, 3600, 60]) {
        let provider = open(&fake, access, "good", ZONE);
        for _ in 0..2 {
            provider.set(&set(&["192.0.2.1"], 1)).await.expect("a short time");
            assert_eq!(fake.zone().records[0].ttl, least);
        }
    }
}

#[tokio::test]
async fn new_records_come_before_old_ones_go() {
    for (fake, access) in [
        (cloudflare::start().await, DnsAccess::Cloudflare as Access),
        (digitalocean::start().await, DnsAccess::DigitalOcean),
    ] {
        let provider = open(&fake, access, "good", ZONE);
        provider.set(&set(&["192.0.2.1", "192.0.2.2", "192.0.2.3"], 3600)).await.expect("set");
        fake.writes();
        provider.set(&set(&["192.0.2.3", "192.0.2.4"], 7200)).await.expect("set");
        assert_eq!(fake.writes(), [Method::POST, Method::DELETE, Method::DELETE, Method::PATCH]);
    }
}

#[tokio::test]
async fn a_proxy_that_the_operator_switched_on_stays() {
    let fake = cloudflare::start().await;
    let provider = open(&fake, DnsAccess::Cloudflare, "good", ZONE);
    fake.zone().add(&format!("a.{ZONE}"), "A", 1, PROXIED);
    provider.set(&set(&[PROXIED], 3600)).await.expect("set");
    assert_eq!(fake.writes(), Vec::<Method>::new());
}

fn open(fake: &FakeService, access: Access, token: &str, zone: &str) -> DnsProvider {
    let access = access(Token { token: token.to_owned().into(), api: Some(fake.url()) });
    let zone = Hostname::parse(zone).expect("a hostname");
    DnsProvider::new(DnsConfig { zone, ttl: 300, access }).expect("a provider")
}

fn set(list: &[&str], ttl: u32) -> RecordSet {
    let name = RecordName::host(&Hostname::parse(&format!("a.{ZONE}")).expect("a hostname"));
    let list = list.iter().map(|ip| ip.parse().expect("an address")).collect();
    RecordSet { name, ttl, values: RecordValues::Addresses(list) }
}
