//! Fakes of DNS hosting services: a server on a loopback port that behaves as their documentation says.
//! What differs between them is a function from request to response; what they share (the
//! zone, credentials, failures on order) is here.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use stoa_provider::dns::{
    RecordKind, RecordName, RecordSet,
    conformance::{Probe, StoredSet},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// The zone of all fakes.
pub const ZONE: &str = "stoa.example";

/// What a service answers to a request with good credentials.
pub type Behavior = fn(&mut Zone, &Ask) -> Reply;

/// A running fake; dropping it ends it.
pub struct FakeService {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    server: JoinHandle<()>,
}

/// What it holds.
#[derive(Default)]
pub struct Zone {
    /// All records, with whole names and plain contents.
    pub records: Vec<Record>,
    /// The last id that was given.
    pub last_id: u64,
    /// The ids of unfinished actions, for services that continue after their response.
    pub running: Vec<u64>,
    writes: Vec<Method>,
    failures: VecDeque<Reply>,
}

#[derive(Clone, Debug)]
pub struct Record {
    pub id: u64,
    pub name: String,
    pub kind: String,
    pub ttl: u32,
    pub content: String,
}

/// A request.
pub struct Ask {
    pub method: Method,
    /// The parts of its path.
    pub path: Vec<String>,
    pub query: HashMap<String, String>,
    pub body: Value,
}

/// An answer.
#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub headers: HeaderMap,
}

impl Reply {
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, body, headers: HeaderMap::new() }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().expect("a header"));
        self
    }
}

impl Zone {
    pub fn add(&mut self, name: &str, kind: &str, ttl: u32, content: &str) -> Record {
        self.last_id += 1;
        let (name, kind, content) = (name.to_owned(), kind.to_owned(), content.to_owned());
        let record = Record { id: self.last_id, name, kind, ttl, content };
        self.records.push(record.clone());
        record
    }

    pub fn of(&self, name: &str, kind: &str) -> Vec<Record> {
        self.records.iter().filter(|record| record.name == name && record.kind == kind).cloned().collect()
    }

    pub fn remove(&mut self, name: &str, kind: &str) {
        self.records.retain(|record| record.name != name || record.kind != kind);
    }

    pub fn by_id(&mut self, id: &str) -> Option<&mut Record> {
        self.records.iter_mut().find(|record| record.id.to_string() == id)
    }
}

impl FakeService {
    /// Starts one that wants this header; without it, it answers `refusal`.
    pub async fn start(header: (&'static str, &'static str), refusal: Reply, behavior: Behavior) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let zone = Arc::new(Mutex::new(Zone::default()));
        let shared = zone.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (zone, refusal) = (shared.clone(), refusal.clone());
                let service = service_fn(move |request| {
                    let (zone, refusal) = (zone.clone(), refusal.clone());
                    async move { Ok::<_, hyper::Error>(answer(request, header, refusal, behavior, &zone).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, zone, server }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes the next request fail so.
    pub fn fail_next(&self, reply: Reply) {
        lock(&self.zone).failures.push_back(reply);
    }

    /// The requests since the last question that were to change something.
    pub fn writes(&self) -> Vec<Method> {
        std::mem::take(&mut lock(&self.zone).writes)
    }

    /// What it holds.
    pub fn zone(&self) -> MutexGuard<'_, Zone> {
        lock(&self.zone)
    }
}

impl Drop for FakeService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(zone: &Mutex<Zone>) -> MutexGuard<'_, Zone> {
    zone.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    request: Request<Incoming>,
    (header, value): (&str, &str),
    refusal: Reply,
    behavior: Behavior,
    zone: &Mutex<Zone>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let trusted = parts.headers.get(header).is_some_and(|given| given == value);
    let ask = Ask {
        method: parts.method,
        path: parts.uri.path().split('/').skip(1).map(decode).collect(),
        query: parts.uri.query().unwrap_or_default().split('&').filter_map(pair).collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let mut zone = lock(zone);
    if ask.method != Method::GET {
        zone.writes.push(ask.method.clone());
    }
    let reply = match zone.failures.pop_front() {
        Some(failure) => failure,
        None if trusted => behavior(&mut zone, &ask),
        None => refusal,
    };
    let body = if reply.body.is_null() { String::new() } else { reply.body.to_string() };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = reply.status.try_into().expect("a status");
    response.headers_mut().extend(reply.headers);
    response
}

fn pair(text: &str) -> Option<(String, String)> {
    text.split_once('=').map(|(name, value)| (name.to_owned(), decode(value)))
}

/// Undoes percent-encoding.
fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        decoded.push(u8::from_str_radix(&part[..2], 16).expect("two digits").into());
        decoded.push_str(&part[2..]);
    }
    decoded
}

#[async_trait]
impl Probe for FakeService {
    async fn plant(&self, set: &RecordSet) {
        let (name, kind) = (set.name.as_str(), set.kind().as_str());
        let mut zone = self.zone();
        zone.remove(name, kind);
        for content in set.contents() {
            zone.add(name, kind, set.ttl, &content);
        }
    }

    async fn held(&self, name: &RecordName, kind: RecordKind) -> Option<StoredSet> {
        let records = self.zone().of(name.as_str(), kind.as_str());
        let ttl = records.first()?.ttl;
        assert!(records.iter().all(|record| record.ttl == ttl), "one time for all records of a set: {records:?}");
        let mut contents = records.into_iter().map(|record| record.content).collect::<Vec<_>>();
        contents.sort_unstable();
        Some(StoredSet { ttl, contents })
    }
}
