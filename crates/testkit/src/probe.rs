//! A probe of the fake edge's routes and the fake engine's running containers: a site answers if a real one
//! would. A test can also make sites fail.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use http::StatusCode;
use stoa_integrations::probe::{Fetched, Place, Probe, ProbeError};
use stoa_model::route::Target;
use stoa_provider::{edge::fake::FakeEdge, engine::fake::FakeEngine};

/// The fake.
pub struct FakeProbe {
    engine: Arc<FakeEngine>,
    edge: Arc<FakeEdge>,
    edge_address: SocketAddr,
    failures: Arc<Mutex<Failures>>,
}

/// The failures that a test asked for, shared by the probes of all processes of a platform.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    remaining: u32,
    status: Option<StatusCode>,
    /// What sites answer to everything but their health checks.
    front: Option<StatusCode>,
    edge_front: Option<StatusCode>,
    asks: u32,
    /// Parts of hosts that never answer.
    hanging: Vec<String>,
    /// Files on web servers of others, by address, host and path.
    files: HashMap<(SocketAddr, String, String), String>,
    /// Proxies of others that forward to the edge, and how.
    forwarders: HashMap<IpAddr, Forwarder>,
}

/// How a proxy of somebody else forwards to the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarder {
    /// Over HTTPS what comes over HTTPS.
    EndToEnd,
    /// Everything over plain HTTP, after it has moved visitors to HTTPS.
    PlainBehind,
    /// Nothing; it answers itself.
    Closed,
}

impl FakeProbe {
    pub(crate) fn new(
        engine: Arc<FakeEngine>,
        edge: Arc<FakeEdge>,
        at: SocketAddr,
        failures: Arc<Mutex<Failures>>,
    ) -> Self {
        Self { engine, edge, edge_address: at, failures }
    }

    /// What sites answer to everything but their health checks; `None`: 200.
    pub fn front(&self, status: Option<StatusCode>) {
        self.failures().front = status;
    }

    /// What the edge answers in the place of sites to everything but their health checks.
    pub fn edge_front(&self, status: Option<StatusCode>) {
        self.failures().edge_front = status;
    }

    /// Lets the next `asks` requests fail with this status; with `None` there is no answer at all.
    pub fn ill_for(&self, asks: u32, with: Option<StatusCode>) {
        let mut failures = self.failures();
        (failures.remaining, failures.status) = (asks, with);
    }

    /// Lets a web server of somebody else serve this file.
    pub fn serve_file(&self, address: SocketAddr, host: &str, path: &str, body: &str) {
        self.failures().files.insert((address, host.to_owned(), path.to_owned()), body.to_owned());
    }

    /// Lets a proxy of somebody else answer at this address, as `cloudflare`.
    pub fn proxy(&self, address: IpAddr, forwarder: Forwarder) {
        self.failures().forwarders.insert(address, forwarder);
    }

    /// Lets hosts whose name begins with `prefix` take the connection and never answer.
    pub fn hang(&self, prefix: &str) {
        self.failures().hanging.push(prefix.to_owned());
    }

    /// Ends the failures.
    pub fn well(&self) {
        let mut failures = self.failures();
        failures.remaining = 0;
        failures.hanging.clear();
    }

    /// The number of requests.
    pub fn asks(&self) -> u32 {
        self.failures().asks
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer at this address, as the network would route the request.
    fn answer(&self, address: SocketAddr, host: &str) -> Option<StatusCode> {
        if address != self.edge_address {
            let IpAddr::V4(ip) = address.ip() else { return None };
            return self.engine.answers_at(ip).then_some(StatusCode::OK);
        }
        let name = host.split(':').next().unwrap_or(host);
        match self.edge.routes().get(name).map(|route| route.target.clone()) {
            None => Some(StatusCode::NOT_FOUND),
            Some(Target::Redirect(_)) => Some(StatusCode::MOVED_PERMANENTLY),
            Some(Target::Notice(_)) => Some(StatusCode::SERVICE_UNAVAILABLE),
            Some(Target::Upstream(upstream)) => self.answer(upstream, host).or(Some(StatusCode::BAD_GATEWAY)),
        }
    }
}

#[async_trait]
impl Probe for FakeProbe {
    async fn fetch(&self, place: Place<'_>, path: &str, _: Duration) -> Result<Fetched, ProbeError> {
        tokio::task::yield_now().await;
        let Place { mut address, mut secure, host } = place;
        let fetched = |status, body: &str| Fetched { status, body: body.to_owned(), location: None, server: None };
        if let Some(body) = self.failures().files.get(&(address, host.to_owned(), path.to_owned())) {
            return Ok(fetched(200, body));
        }
        let to_https = |server: Option<&str>| {
            let location = Some(format!("https://{host}{path}"));
            Ok(Fetched { location, server: server.map(str::to_owned), ..fetched(308, "") })
        };
        match self.failures().forwarders.get(&address.ip()) {
            Some(Forwarder::Closed) => return Ok(Fetched { server: Some("cloudflare".into()), ..fetched(403, "") }),
            Some(Forwarder::PlainBehind) if !secure => return to_https(Some("cloudflare")),
            Some(Forwarder::PlainBehind) => (address, secure) = (self.edge_address, false),
            Some(Forwarder::EndToEnd) => address = self.edge_address,
            None => {}
        }
        if address != self.edge_address {
            return Err(ProbeError::Connect(address, std::io::ErrorKind::ConnectionRefused.into()));
        }
        if let Some(body) = self.edge.table().answers.get(path) {
            return Ok(fetched(200, body));
        }
        if !secure && self.edge.routes().get(host).is_some_and(|route| route.secure) {
            return to_https(None);
        }
        Ok(fetched(self.answer(address, host).map_or(502, |status| status.as_u16()), ""))
    }

    async fn ask(&self, place: Place<'_>, path: &str, _: Duration) -> Result<StatusCode, ProbeError> {
        let Place { address, host, secure } = place;
        while self.failures().hanging.iter().any(|prefix| host.starts_with(prefix.as_str())) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // A real probe waits here and may be dropped.
        tokio::task::yield_now().await;
        let silence = || ProbeError::Connect(address, std::io::ErrorKind::ConnectionRefused.into());
        let mut failures = self.failures();
        failures.asks += 1;
        if failures.remaining > 0 {
            failures.remaining -= 1;
            return failures.status.ok_or_else(silence);
        }
        drop(failures);
        let name = host.split(':').next().unwrap_or(host);
        if !secure && address == self.edge_address && self.edge.routes().get(name).is_some_and(|route| route.secure) {
            return Ok(StatusCode::MOVED_PERMANENTLY);
        }
        let address = if secure { self.edge_address } else { address };
        let failures = self.failures();
        let front = failures.edge_front.filter(|_| address == self.edge_address).or(failures.front);
        let front = front.filter(|_| !path.contains("health"));
        drop(failures);
        let answer = self.answer(address, host).ok_or_else(silence)?;
        Ok(front.filter(|_| answer == StatusCode::OK).unwrap_or(answer))
    }
}
