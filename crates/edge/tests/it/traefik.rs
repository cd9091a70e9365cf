//! The Traefik edge: what its document says, and that it means what a routing table means.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use stoa_edge::{
    Config,
    traefik::{Traefik, TraefikConfig},
};
use stoa_model::{
    host::Hostname,
    route::{Notice, Route, RouteLimits, RoutingTable, Target},
};
use stoa_provider::edge::{
    Edge,
    conformance::{self, Ask, Probe, Secured},
    fake::FakeEdge,
};
use tempfile::TempDir;

use crate::{
    support::{TestEdge, config, site},
    tls_support::Authority,
    traefik_stand_in::{Document, Middleware, SourceCriterion, StandIn},
};

/// A Traefik edge before a real embedded one, and what keeps asking for its document.
struct Bed {
    edge: Arc<Traefik>,
    behind: TestEdge,
    directory: TempDir,
    polling: tokio::task::JoinHandle<()>,
}

impl Bed {
    fn start(change: impl FnOnce(&mut TraefikConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let trusting =
            Config { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], public_https_port: Some(443), ..config() };
        let behind = TestEdge::start(trusting, None);
        let mut config = TraefikConfig {
            pause: Duration::ZERO,
            log: Some((directory.path().join("access.json"), directory.path().join("position.json"))),
            ..TraefikConfig::new(behind.address)
        };
        change(&mut config);
        let edge = Arc::new(Traefik::new(config, behind.edge.clone()).unwrap());
        let asked = Arc::clone(&edge);
        let polling = tokio::spawn(async move {
            loop {
                asked.document();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Self { edge, behind, directory, polling }
    }

    fn document(&self) -> Document {
        Document::read(&self.edge.document().body)
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

fn route(target: Target, limits: RouteLimits, secure: bool) -> Route {
    Route { site: site(), target, limits, secure }
}

/// A table with one of everything.
fn full() -> RoutingTable {
    let mut table = RoutingTable { version: 7, ..RoutingTable::default() };
    let upstream = Target::Upstream(([10, 213, 0, 5], 8080).into());
    let limits = RouteLimits { rate: 50, burst: 100, in_flight: 20, response_seconds: 60, max_body: 1 << 20 };
    for (name, target, secure) in [
        ("a.example.com", upstream.clone(), true),
        ("b.example.com", upstream, false),
        ("www.a.example.com", Target::Redirect(Hostname::parse("a.example.com").unwrap()), false),
        ("c.example.org", Target::Notice(Notice::Suspended), false),
    ] {
        table.routes.insert(Hostname::parse(name).unwrap(), route(target, limits, secure));
    }
    Arc::make_mut(&mut table.certificates).push(Authority::new().certificate(1, &["*.example.com"]));
    table.answers.insert("/.well-known/acme-challenge/x".into(), "y".into());
    table
}

#[tokio::test]
async fn a_stand_in_for_traefik_conforms() {
    let bed = Bed::start(|_| {});
    let probe = StandIn::new(Arc::clone(&bed.edge), bed.directory.path().join("access.json")).await;
    conformance::run(bed.edge.as_ref(), &probe).await;
}

#[tokio::test]
async fn limits_are_the_sites_own_and_nobody_can_choose_another_count() {
    let bed = Bed::start(|_| {});
    bed.edge.apply(full()).await.unwrap();
    let document = bed.document();
    let router = &document.http.routers[&format!("{}-1-http", site())];
    let by: Vec<_> = router.middlewares.iter().map(|name| &document.http.middlewares[name]).collect();
    let counted = || SourceCriterion::RequestHeaderName("X-Stoa-Site".into());
    let by_client = || SourceCriterion::IpStrategy { depth: 0 };
    let headers = [("X-Stoa-Site".to_owned(), site().to_string())].into();
    assert_eq!(
        by,
        [
            &Middleware::Headers {
                custom_request_headers: headers,
                custom_response_headers: BTreeMap::new(),
                sts_seconds: None
            },
            &Middleware::RateLimit { average: 38, burst: 75, source_criterion: by_client() },
            &Middleware::RateLimit { average: 50, burst: 100, source_criterion: counted() },
            &Middleware::InFlightReq { amount: 15, source_criterion: by_client() },
            &Middleware::InFlightReq { amount: 20, source_criterion: counted() },
            &Middleware::Buffering { max_request_body_bytes: 1 << 20 },
            &Middleware::Headers {
                custom_request_headers: BTreeMap::new(),
                custom_response_headers: [("Clear-Site-Data".to_owned(), String::new())].into(),
                sts_seconds: None
            },
        ],
        "the header is written before it is counted by"
    );
    let service = &document.http.services[&format!("{}-1", site())].load_balancer;
    assert_eq!(service.servers[0].url, "http://10.213.0.5:8080");
    let transport = &document.http.servers_transports[service.servers_transport.as_ref().unwrap()];
    assert_eq!(transport.forwarding_timeouts.response_header_timeout, "60s");
    let secure = &document.http.routers[&format!("{}-0-https", site())];
    assert_eq!(secure.middlewares[0], "stoa-hsts");
    let options = &document.tls.options["default"];
    assert!(options.sni_strict && options.min_version == "VersionTLS12");
}

#[tokio::test]
async fn no_certificate_of_traefiks_own_is_shown() {
    let bed = Bed::start(|_| {});
    let probe = StandIn::new(Arc::clone(&bed.edge), bed.directory.path().join("access.json")).await;
    bed.edge.apply(RoutingTable { certificates: Arc::default(), ..full() }).await.unwrap();
    // A name of a route that nothing covers, and one that nobody has.
    for host in ["c.example.org", "nobody.example.org"] {
        assert_eq!(probe.send_tls(Ask::get(host, "/")).await, Secured::Refused, "{host}");
    }
}

#[tokio::test]
async fn bodies_need_not_be_buffered() {
    let bed = Bed::start(|config| config.limit_bodies = false);
    bed.edge.apply(full()).await.unwrap();
    let middlewares = bed.document().http.middlewares;
    assert!(!middlewares.values().any(|one| matches!(one, Middleware::Buffering { .. })));
}

#[tokio::test]
async fn what_needs_words_goes_to_stoa_and_no_route_takes_a_platform_name() {
    let bed = Bed::start(|config| config.platform_hosts = vec!["B.example.com".into()]);
    bed.edge.apply(full()).await.unwrap();
    let document = bed.document();
    let stoa = format!("http://{}", bed.behind.address);
    assert_eq!(document.http.services["stoa"].load_balancer.servers[0].url, stoa);
    let to_stoa = |rule: &str| {
        let routers = document.http.routers.values().filter(|router| router.rule == rule);
        routers.map(|router| assert_eq!(router.service, "stoa", "{rule}")).count()
    };
    assert_eq!(to_stoa("Host(`c.example.org`)"), 1, "a notice, without HTTPS as nothing covers it");
    assert_eq!(to_stoa("Path(`/.well-known/acme-challenge/x`)"), 2);
    assert_eq!(to_stoa("PathPrefix(`/`)"), 2);
    assert_eq!(to_stoa("Host(`b.example.com`)"), 0);
}

#[tokio::test]
async fn answers_that_can_not_stand_in_a_rule_are_left_out() {
    let bed = Bed::start(|_| {});
    let mut table = full();
    for path in ["/.well-known/`) || Host(`evil.example", "no-slash", "/.well-known/a b", "/.well-known/{x}"] {
        table.answers.insert(path.into(), "x".into());
    }
    let error = bed.edge.apply(table).await.unwrap_err();
    assert_eq!((error.refused.as_deref(), bed.edge.applied()), (Some(&[][..]), 7));
    assert_eq!(error.to_string().matches("is left out").count(), 4, "{error}");
    assert!(!bed.document().http.routers.values().any(|router| router.rule.contains("evil")));
}

#[tokio::test]
async fn a_document_has_a_tag_that_changes_with_it() {
    let bed = Bed::start(|_| {});
    let first = bed.edge.document();
    bed.edge.apply(full()).await.unwrap();
    let second = bed.edge.document();
    bed.edge.apply(RoutingTable { version: 8, ..full() }).await.unwrap();
    assert_ne!(first.etag, second.etag);
    assert!(first.etag.starts_with('"') && first.etag.ends_with('"'));
    assert_eq!((first.version, second.version, bed.edge.document().version), (0, 7, 8));
}

#[tokio::test]
async fn a_traefik_that_does_not_fetch_is_reported() {
    let behind = Arc::new(FakeEdge::default());
    let config =
        TraefikConfig { deadline: Duration::from_millis(50), ..TraefikConfig::new(([127, 0, 0, 1], 9).into()) };
    let edge = Traefik::new(config, behind.clone()).unwrap();
    let error = edge.apply(full()).await.unwrap_err();
    assert_eq!((error.refused.clone(), edge.applied()), (None, 0));
    assert!(error.to_string().contains("has not fetched its configuration"), "{error}");
    assert_eq!(behind.applied(), 7, "what Traefik leads here is known already");
    behind.fail_next("no room");
    let error = edge.apply(RoutingTable { version: 9, ..full() }).await.unwrap_err();
    assert!(error.to_string().contains("no room"), "{error}");
    assert_eq!(edge.document().version, 7, "Traefik forwards nobody to an edge that has not applied the table");
}

/// Checks a full document against a JSON schema for Traefik's file provider, like SchemaStore's
/// `traefik-v3-file-provider.json`, if `STOA_TRAEFIK_SCHEMA` leads to one. Needs Python's jsonschema.
#[tokio::test]
async fn a_published_schema_accepts_it() {
    let Some(schema) = std::env::var_os("STOA_TRAEFIK_SCHEMA") else {
        eprintln!("STOA_TRAEFIK_SCHEMA is not set: nothing was checked against a published schema");
        return;
    };
    let bed = Bed::start(|_| {});
    bed.edge.apply(full()).await.unwrap();
    let path = bed.directory.path().join("document.json");
    std::fs::write(&path, bed.edge.document().body).unwrap();
    let script =
        "import json,sys,jsonschema;jsonschema.validate(json.load(open(sys.argv[1])),json.load(open(sys.argv[2])))";
    let mut command = Command::new("python3");
    let output = command.args(["-c", script]).arg(&path).arg(schema).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
