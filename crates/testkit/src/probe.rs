//! A probe that asks what there is: the fake edge for its routes, the fake engine for containers that
//! run. So a site answers exactly if a real one would; on top of that it can be told to be ill.

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
    ill: Arc<Mutex<Ill>>,
}

/// What it was told, shared by the probes of all processes of a platform.
#[derive(Debug, Default)]
pub(crate) struct Ill {
    for_asks: u32,
    with: Option<StatusCode>,
    asks: u32,
    /// Files on other people's web servers, by address, host and path.
    files: HashMap<(SocketAddr, String, String), String>,
}

impl FakeProbe {
    pub(crate) fn new(engine: Arc<FakeEngine>, edge: Arc<FakeEdge>, at: SocketAddr, ill: Arc<Mutex<Ill>>) -> Self {
        Self { engine, edge, edge_address: at, ill }
    }

    /// Sites answer `status` for the next `asks` asks; with `None` they don't answer at all.
    pub fn ill_for(&self, asks: u32, with: Option<StatusCode>) {
        let mut ill = self.ill();
        (ill.for_asks, ill.with) = (asks, with);
    }

    /// Lets somebody else's web server answer with this file.
    pub fn serve_file(&self, address: SocketAddr, host: &str, path: &str, body: &str) {
        self.ill().files.insert((address, host.to_owned(), path.to_owned()), body.to_owned());
    }

    /// Sites answer as they are.
    pub fn well(&self) {
        self.ill().for_asks = 0;
    }

    /// How often somebody asked.
    pub fn asks(&self) -> u32 {
        self.ill().asks
    }

    fn ill(&self) -> MutexGuard<'_, Ill> {
        self.ill.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who would answer, as the network would decide it.
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
    async fn fetch(&self, address: SocketAddr, host: &str, path: &str, _: Duration) -> Result<Fetched, ProbeError> {
        tokio::task::yield_now().await;
        if let Some(body) = self.ill().files.get(&(address, host.to_owned(), path.to_owned())) {
            return Ok(Fetched { status: 200, body: body.clone() });
        }
        if address != self.edge_address {
            return Err(ProbeError::Connect(address, std::io::ErrorKind::ConnectionRefused.into()));
        }
        match self.edge.table().answers.get(path) {
            Some(body) => Ok(Fetched { status: 200, body: body.clone() }),
            None => {
                let status = self.answer(address, host).map_or(502, |status| status.as_u16());
                Ok(Fetched { status, body: String::new() })
            }
        }
    }

    async fn ask(&self, place: Place<'_>, _: &str, _: Duration) -> Result<StatusCode, ProbeError> {
        let Place { address, host, secure } = place;
        // A real one waits here, and may be dropped here.
        tokio::task::yield_now().await;
        let silence = || ProbeError::Connect(address, std::io::ErrorKind::ConnectionRefused.into());
        let mut ill = self.ill();
        ill.asks += 1;
        if ill.for_asks > 0 {
            ill.for_asks -= 1;
            return ill.with.ok_or_else(silence);
        }
        drop(ill);
        let name = host.split(':').next().unwrap_or(host);
        if !secure && address == self.edge_address && self.edge.routes().get(name).is_some_and(|route| route.secure) {
            return Ok(StatusCode::MOVED_PERMANENTLY);
        }
        let address = if secure { self.edge_address } else { address };
        self.answer(address, host).ok_or_else(silence)
    }
}
