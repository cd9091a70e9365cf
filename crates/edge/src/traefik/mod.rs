//! The Traefik edge: serves the document that Traefik polls through its HTTP provider.
//!
//! Traefik fetches the whole dynamic configuration from an endpoint of ours (`dynamic_config`, made by
//! `build`), so nothing is written to a disk. Notices, the portal, unknown hosts and the answers to
//! certificate authorities are forwarded to Stoa's own edge, which has the same table.
//!
//! Traefik can't fulfil four parts of the contract, and docs/edges.md tells operators so: it does not report
//! when it has applied a document, so [`Edge::apply`] waits until the document was fetched and a pause has
//! passed; it limits bodies only by buffering whole requests and responses; and it counts rate and open
//! requests per router; and it can't take the domain out of a cookie.
//!
//! No Traefik was available when this was written. The document was checked against the published schema and
//! against a stand-in written from the documentation (`tests/it/traefik.rs`).

mod build;
mod config;
mod dynamic_config;
mod labels;
mod names;

use std::{
    io,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use stoa_model::{id::SiteId, route::RoutingTable, traffic::Traffic};
use stoa_provider::edge::{Edge, EdgeError};
use tokio::{
    sync::{Mutex, watch},
    time::{sleep, timeout},
};

pub use self::{
    config::TraefikConfig,
    labels::{Https, labels},
};
use crate::{
    host,
    tail::{Tail, parse_traefik_line},
};

/// The response of the endpoint.
#[derive(Debug, Clone)]
pub struct Document {
    /// JSON.
    pub body: Bytes,
    /// Changes with the body; quoted, as in an `ETag` field.
    pub etag: String,
    /// The version of the routing table that it was built from; 0 before the first.
    pub version: u64,
}

/// A Traefik that polls its configuration.
pub struct Traefik {
    config: TraefikConfig,
    /// Stoa's own edge, to which Traefik forwards.
    own_edge: Arc<dyn Edge>,
    current: RwLock<Document>,
    /// The version that Traefik fetched last; `None` before its first request.
    fetched: watch::Sender<Option<u64>>,
    applied: AtomicU64,
    applying: Mutex<()>,
    tail: Option<Arc<Tail>>,
}

impl Traefik {
    /// Starts with a document without routes. Every table is applied to `own_edge` first, so that it knows
    /// the sites that Traefik forwards to it.
    ///
    /// # Errors
    /// If a platform host is not a hostname, or the log or the position in it can't be read.
    pub fn new(mut config: TraefikConfig, own_edge: Arc<dyn Edge>) -> io::Result<Self> {
        host::normalize_platform_hosts(&mut config.platform_hosts)?;
        let open = |(log, position)| Tail::open(log, position, parse_traefik_line).map(Arc::new);
        let tail = config.log.clone().map(open).transpose()?;
        let (empty, _) = encode(&RoutingTable::default(), &config).map_err(io::Error::other)?;
        Ok(Self {
            config,
            own_edge,
            current: RwLock::new(empty),
            fetched: watch::Sender::new(None),
            applied: AtomicU64::new(0),
            applying: Mutex::new(()),
            tail,
        })
    }

    /// The current document, which then counts as fetched by Traefik. It contains private keys, so nobody else
    /// may get it.
    pub fn document(&self) -> Document {
        let document = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.fetched.send_replace(Some(document.version));
        document
    }

    /// Waits until Traefik has fetched this version or a later one.
    async fn wait_until_fetched(&self, version: u64) -> Result<(), EdgeError> {
        let mut fetched = self.fetched.subscribe();
        let asked = fetched.wait_for(|last| last.is_some_and(|last| last >= version));
        if timeout(self.config.deadline, asked).await.is_err() {
            let reason = format!(
                "it has not fetched its configuration within {} s; is it running, and does its HTTP provider point here with the right token?",
                self.config.deadline.as_secs()
            );
            return Err(error(version, reason));
        }
        sleep(self.config.pause).await;
        Ok(())
    }
}

/// The error of a table of which nothing was applied.
fn error(version: u64, reason: String) -> EdgeError {
    EdgeError { maker: "Traefik", doing: format!("applying routing table {version} to"), reason, refused: None }
}

/// The document of a table, and what had to be left out.
fn encode(table: &RoutingTable, config: &TraefikConfig) -> serde_json::Result<(Document, Vec<String>)> {
    let (document, left_out) = build::document(table, config);
    let body = Bytes::from(serde_json::to_vec(&document)?);
    let hash = Sha256::digest(&body);
    let etag = format!("\"{}\"", hex::encode(&hash[..16]));
    Ok((Document { body, etag, version: table.version }, left_out))
}

#[async_trait]
impl Edge for Traefik {
    async fn apply(&self, table: RoutingTable) -> Result<(), EdgeError> {
        let _one_at_a_time = self.applying.lock().await;
        let version = table.version;
        if version < self.applied.load(Relaxed) {
            return Ok(());
        }
        let (document, left_out) = encode(&table, &self.config).map_err(|why| error(version, why.to_string()))?;
        self.own_edge.apply(table).await?;
        let previous = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, document.clone())
        };
        // Traefik need not fetch again what it has already.
        if previous.etag != document.etag || previous.version != self.applied.load(Relaxed) {
            self.wait_until_fetched(version).await?;
        }
        self.applied.store(version, Relaxed);
        if left_out.is_empty() {
            return Ok(());
        }
        let reason = format!("{}. Everything else was applied", left_out.join("; "));
        Err(EdgeError { refused: Some(Vec::new()), ..error(version, reason) })
    }

    fn applied(&self) -> u64 {
        self.applied.load(Relaxed)
    }

    async fn traffic(&self) -> Result<Vec<(SiteId, Traffic)>, EdgeError> {
        let Some(tail) = &self.tail else { return Ok(Vec::new()) };
        tail.read_in_background()
            .await
            .map_err(|why| EdgeError { doing: "reading the access log of".into(), ..error(0, why.to_string()) })
    }
}
