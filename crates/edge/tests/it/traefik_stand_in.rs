//! A stand-in for Traefik: reads its document as strictly as the documentation describes it, and
//! does with a request what the documentation says that Traefik does. It shows that the document
//! means what it should; it does not show what Traefik itself makes of it.

use std::{
    collections::{BTreeMap, HashMap},
    fs::OpenOptions,
    io::Write,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use serde::Deserialize;
use stoa_edge::traefik::Traefik;
use stoa_model::{certificate::Certificate, host::Hostname, id::CertificateId};
use stoa_provider::edge::conformance::{Answer, Ask, Probe, Secured};
use tokio::net::TcpStream;

use crate::{
    conformance::{exchange, introducing},
    support::Raw,
    tls_support::Authority,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub http: Http,
    #[serde(default)]
    pub tls: Tls,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Http {
    pub routers: BTreeMap<String, Router>,
    pub services: BTreeMap<String, Service>,
    #[serde(default)]
    pub middlewares: BTreeMap<String, Middleware>,
    #[serde(default)]
    pub servers_transports: BTreeMap<String, ServersTransport>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Router {
    pub entry_points: Vec<String>,
    pub rule: String,
    pub priority: Option<usize>,
    #[serde(default)]
    pub middlewares: Vec<String>,
    pub service: String,
    pub tls: Option<RouterTls>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterTls {
    pub options: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Service {
    pub load_balancer: LoadBalancer,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LoadBalancer {
    pub servers: Vec<Server>,
    pub pass_host_header: bool,
    pub servers_transport: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServersTransport {
    pub forwarding_timeouts: ForwardingTimeouts,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ForwardingTimeouts {
    pub response_header_timeout: String,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Middleware {
    RedirectScheme {
        scheme: String,
        permanent: bool,
        port: Option<String>,
    },
    RedirectRegex {
        regex: String,
        replacement: String,
        permanent: bool,
    },
    Headers {
        #[serde(default)]
        custom_request_headers: BTreeMap<String, String>,
        #[serde(default)]
        custom_response_headers: BTreeMap<String, String>,
        sts_seconds: Option<u64>,
    },
    Buffering {
        max_request_body_bytes: i64,
    },
    RateLimit {
        average: u64,
        burst: u64,
        source_criterion: SourceCriterion,
    },
    InFlightReq {
        amount: u64,
        source_criterion: SourceCriterion,
    },
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum SourceCriterion {
    RequestHeaderName(String),
    IpStrategy { depth: u8 },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    #[serde(default)]
    pub certificates: Vec<KeyPair>,
    #[serde(default)]
    pub options: BTreeMap<String, TlsOptions>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KeyPair {
    pub cert_file: String,
    pub key_file: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TlsOptions {
    pub min_version: String,
    pub sni_strict: bool,
}

impl Document {
    /// Reads it, and sees that nothing in it leads nowhere.
    pub fn read(text: &[u8]) -> Self {
        let document: Self = serde_json::from_slice(text).unwrap();
        for (name, router) in &document.http.routers {
            assert!(document.http.services.contains_key(&router.service), "{name} leads to no service");
            for middleware in &router.middlewares {
                assert!(document.http.middlewares.contains_key(middleware), "{name} goes through no middleware");
            }
            assert_eq!(router.tls.is_some(), router.entry_points == ["websecure"], "{name}");
            // Without options of its own Traefik has some that are called so.
            let has = |name: &String| name == "default" || document.tls.options.contains_key(name);
            assert!(router.tls.iter().all(|tls| has(&tls.options)), "{name}");
        }
        for service in document.http.services.values().filter_map(|one| one.load_balancer.servers_transport.as_ref()) {
            assert!(document.http.servers_transports.contains_key(service), "{service}");
        }
        document
    }

    /// Whether a handshake for a name without a certificate is refused: by the options of the routers
    /// that name it in their rules, or by the default ones where none does.
    fn is_strict_about(&self, host: &str) -> bool {
        let rule = format!("Host(`{host}`)");
        let names = |router: &&Router| router.rule.split(" || ").any(|one| one == rule);
        let of_router = self.http.routers.values().filter(names).find_map(|router| router.tls.as_ref());
        let options = of_router.map_or("default", |tls| tls.options.as_str());
        self.tls.options.get(options).is_some_and(|options| options.sni_strict)
    }

    /// The router that takes a request: of those whose rule matches the one with the highest
    /// priority, which is the length of its rule if it has no other.
    fn router(&self, entry: &str, ask: Ask<'_>) -> Option<(&String, &Router)> {
        let routers = self.http.routers.iter();
        let matching = routers.filter(|(_, router)| router.entry_points.iter().any(|one| one == entry));
        let matching = matching.filter(|(_, router)| router.rule.split(" || ").any(|rule| matches(rule, ask)));
        matching.max_by_key(|(_, router)| router.priority.unwrap_or(router.rule.len()))
    }
}

fn matches(rule: &str, ask: Ask<'_>) -> bool {
    let (matcher, value) = rule.split_once("(`").unwrap();
    let value = value.strip_suffix("`)").unwrap();
    let path = ask.path.split('?').next().unwrap();
    match matcher {
        "Host" => ask.host.eq_ignore_ascii_case(value),
        "Path" => path == value,
        "PathPrefix" => path.starts_with(value),
        other => panic!("no matcher of Traefik: {other}"),
    }
}

/// Does what Traefik would.
pub struct StandIn {
    pub edge: Arc<Traefik>,
    upstreams: [SocketAddr; 2],
    authority: Authority,
    /// By their chains.
    made: Mutex<HashMap<String, Arc<Certificate>>>,
    next: AtomicU64,
    log: PathBuf,
}

impl StandIn {
    pub async fn new(edge: Arc<Traefik>, log: PathBuf) -> Self {
        let upstreams = [introducing().await, introducing().await];
        Self { edge, upstreams, authority: Authority::new(), made: Mutex::default(), next: AtomicU64::new(1), log }
    }

    async fn answer(&self, entry: &str, ask: Ask<'_>) -> Answer {
        let document = Document::read(&self.edge.document().body);
        let Some((name, router)) = document.router(entry, ask) else { return Answer::NotFound };
        let scheme = if entry == "web" { "http" } else { "https" };
        for middleware in &router.middlewares {
            if let Some(answer) = pass(&document.http.middlewares[middleware], scheme, ask) {
                return answer;
            }
        }
        let service = &document.http.services[&router.service].load_balancer;
        assert!(service.pass_host_header);
        let address: SocketAddr = service.servers[0].url.strip_prefix("http://").unwrap().parse().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let line = format!("X-Forwarded-Proto: {scheme}\r\n");
        let answer = exchange(&mut Raw { stream, buf: Vec::new() }, ask, &line).await;
        if let Answer::Upstream(address) = answer {
            self.write_log(name, ask.body, address.to_string().len());
        }
        answer
    }

    /// As `accessLog.format: json` writes it.
    fn write_log(&self, router: &str, bytes_in: usize, bytes_out: usize) {
        let number = self.next.fetch_add(1, Relaxed);
        let line = serde_json::json!({
            "DownstreamContentSize": bytes_out, "DownstreamStatus": 200, "Duration": 1_200_000,
            "RequestContentSize": bytes_in, "RequestCount": number, "RouterName": format!("{router}@http"),
            "StartUTC": format!("2026-08-01T10:00:00.{number:09}Z"),
        });
        let mut file = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        writeln!(file, "{line}").unwrap();
    }

    /// The certificate that Traefik would show: of those for the name the one whose names come last
    /// in the alphabet, where an asterisk comes first; of two for the same names the first.
    fn shown(&self, host: &str) -> Option<CertificateId> {
        let document = Document::read(&self.edge.document().body);
        let (host, made) = (Hostname::parse(host).unwrap(), self.made.lock().unwrap());
        let mut best: Option<(String, CertificateId)> = None;
        for pair in &document.tls.certificates {
            let certificate = &made[&pair.cert_file];
            assert!(pair.key_file.starts_with("-----BEGIN"), "the key itself, not a path");
            let names = certificate.names.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            let better = best.as_ref().is_none_or(|(known, _)| names > *known);
            if better && certificate.names.iter().any(|name| name.covers(&host)) {
                best = Some((names, certificate.id));
            }
        }
        best.map(|(_, id)| id)
    }
}

/// What a middleware answers itself.
fn pass(middleware: &Middleware, scheme: &str, ask: Ask<'_>) -> Option<Answer> {
    match middleware {
        Middleware::RedirectScheme { scheme: to, port, permanent: true } => {
            let port = port.as_ref().map(|port| format!(":{port}")).unwrap_or_default();
            (scheme != to).then(|| Answer::Permanent(format!("{to}://{}{port}{}", ask.host, ask.path)))
        }
        Middleware::RedirectRegex { regex, replacement, permanent: false } => {
            assert_eq!(regex, "^https?://[^/]+(.*)$");
            Some(Answer::Temporary(replacement.replace("${1}", ask.path)))
        }
        Middleware::Buffering { max_request_body_bytes } => {
            (ask.body as i64 > *max_request_body_bytes).then_some(Answer::TooLarge)
        }
        Middleware::Headers { .. } | Middleware::RateLimit { .. } | Middleware::InFlightReq { .. } => None,
        other => panic!("not as we mean it: {other:?}"),
    }
}

#[async_trait]
impl Probe for StandIn {
    fn upstreams(&self) -> [SocketAddr; 2] {
        self.upstreams
    }

    async fn send(&self, ask: Ask<'_>) -> Answer {
        self.answer("web", ask).await
    }

    fn certificate(&self, names: &[&str]) -> Option<Certificate> {
        let made = self.authority.certificate(self.next.fetch_add(1, Relaxed).into(), names);
        self.made.lock().unwrap().insert(made.chain.clone(), made.clone());
        Some(Certificate::clone(&made))
    }

    async fn send_tls(&self, ask: Ask<'_>) -> Secured {
        match self.shown(ask.host) {
            None if Document::read(&self.edge.document().body).is_strict_about(ask.host) => Secured::Refused,
            // With a certificate of Traefik's own.
            id => Secured::Answered(id, self.answer("websecure", ask).await),
        }
    }
}
