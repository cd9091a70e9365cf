//! How requests reach Stoa: the listeners, and the edge provider that the configuration names.
//!
//! The embedded edge always runs, because it serves the portal: directly to visitors, or behind nginx or
//! Traefik, which then forward the platform's own names to it.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use stoa_control::Roles;
use stoa_edge::{
    Config as EdgeConfig, EmbeddedEdge, Fallback, LogConfig, Shutdown, Timeouts, inherited, listen, nginx::Nginx,
    traefik::Traefik,
};
use stoa_provider::edge::Edge;
use tokio::net::TcpListener;

use crate::config::{Config, EdgeKind};

/// How long requests in flight may take when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The edge provider and the embedded edge.
pub struct Ingress {
    /// Forwards visitors to sites.
    pub provider: Arc<dyn Edge>,
    /// Produces the document that Traefik polls for.
    pub traefik: Option<Arc<Traefik>>,
    embedded: Arc<EmbeddedEdge>,
}

impl Ingress {
    /// Assembles it, without listening yet.
    pub fn new(config: &Config, roles: Roles, portal: Arc<dyn Fallback>) -> Result<Self> {
        let embedded = Arc::new(embedded(config, roles, portal)?);
        let mut traefik = None;
        let provider: Arc<dyn Edge> = match config.edge {
            EdgeKind::Embedded => embedded.clone(),
            EdgeKind::Nginx => Arc::new(nginx_provider(config)?),
            EdgeKind::Traefik => {
                let provider = Arc::new(traefik_provider(config, embedded.clone())?);
                traefik = Some(provider.clone());
                provider
            }
        };
        Ok(Self { provider, embedded, traefik })
    }

    /// Serves until `shutdown`.
    pub async fn serve(&self, listeners: Listeners, shutdown: Shutdown) -> Result<()> {
        let plain = listeners.plain.into_iter().map(|listener| self.embedded.serve(listener, shutdown.clone()));
        let secure = listeners.secure.into_iter().map(|listener| self.embedded.serve_tls(listener, shutdown.clone()));
        let (plain, secure) = tokio::join!(try_join_all(plain), try_join_all(secure));
        plain.and(secure).map(drop).context("serving")
    }
}

/// The open sockets.
#[derive(Default)]
pub struct Listeners {
    plain: Vec<TcpListener>,
    secure: Vec<TcpListener>,
}

impl Listeners {
    /// Takes the service manager's sockets `http` and `https`, or else opens the configured ones.
    pub fn open(config: &Config, roles: Roles) -> Result<Self> {
        if !roles.edge {
            let address = config.web_listen.0.filter(|_| roles.web);
            return Ok(match address {
                Some(address) => Self { plain: listeners(HTTP, Some(address), "web_listen")?, secure: Vec::new() },
                None => Self::default(),
            });
        }
        let secure = match config.edge {
            EdgeKind::Embedded => config.https_listen.0,
            EdgeKind::Nginx | EdgeKind::Traefik => None,
        };
        Ok(Self {
            plain: listeners(HTTP, Some(config.listen), "listen")?,
            secure: listeners(HTTPS, secure, "https_listen")?,
        })
    }

    /// Where it listens first, for the log: the socket's own address, which need not be the configured one.
    pub fn address(&self) -> String {
        let first = self.plain.iter().chain(&self.secure).next().and_then(|listener| listener.local_addr().ok());
        first.map_or_else(String::new, |address| address.to_string())
    }

    /// The same sockets once more, for a successor.
    pub fn sockets(&self) -> Result<Sockets> {
        let plain = self.plain.iter().map(|listener| (HTTP, listener));
        let secure = self.secure.iter().map(|listener| (HTTPS, listener));
        let all = plain.chain(secure).map(|(name, listener)| Ok((name, listener.as_fd().try_clone_to_owned()?)));
        Ok(Sockets(all.collect::<io::Result<_>>().context("duplicating the listening sockets")?))
    }
}

/// The listening sockets, each with the name by which a process inherits it.
pub struct Sockets(Vec<(&'static str, OwnedFd)>);

impl Sockets {
    /// Descriptors of their own of the same sockets.
    pub fn try_clone(&self) -> Result<Vec<(&'static str, OwnedFd)>> {
        let clones = self.0.iter().map(|(name, socket)| Ok((*name, socket.try_clone()?)));
        clones.collect::<io::Result<_>>().context("duplicating the listening sockets")
    }
}

/// The names of the sockets (`FileDescriptorName=` in deploy/systemd).
const HTTP: &str = "http";
const HTTPS: &str = "https";

fn listeners(name: &str, address: Option<SocketAddr>, setting: &str) -> Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    while let Some(listener) = inherited(name)? {
        listeners.push(listener);
    }
    if let Some(address) = address.filter(|_| listeners.is_empty()) {
        listeners.push(listen(address).with_context(|| {
            format!("listening on {address}: another program may use the port, or this user may not be allowed to; see `{setting}` and docs/operate.md")
        })?);
    }
    Ok(listeners)
}

fn embedded(config: &Config, roles: Roles, portal: Arc<dyn Fallback>) -> Result<EmbeddedEdge> {
    let logs = config.data_dir.join("logs");
    std::fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
    let (public_http_port, public_https_port) = config.public_ports()?;
    let mut trusted_proxies = config.trusted_proxies()?;
    // Either nginx, or the edge in another process.
    if config.edge == EdgeKind::Nginx || !roles.edge {
        for address in ["127.0.0.1", "::1"] {
            trusted_proxies.push(address.parse()?);
        }
    }
    match config.edge {
        EdgeKind::Embedded | EdgeKind::Nginx => {}
        EdgeKind::Traefik => {
            for address in &config.traefik.from {
                trusted_proxies.push(address.to_string().parse()?);
            }
        }
    }
    let edge = EdgeConfig {
        platform_hosts: config.platform_hosts(),
        platform_upstream: config.web_listen.0.filter(|_| !roles.web),
        product_name: config.product_name.clone(),
        public_http_port,
        public_https_port,
        hsts_seconds: config.hsts_seconds(),
        proxy_protocol: if roles.edge { config.proxy_protocol_sources()? } else { Vec::new() },
        trusted_proxies,
        timeouts: Timeouts { drain: DRAIN_TIMEOUT, ..Timeouts::default() },
        log: config
            .access_log
            .then(|| LogConfig::new(logs.join(if roles.edge { "access.jsonl" } else { "access-web.jsonl" }))),
        ..EdgeConfig::default()
    };
    EmbeddedEdge::new(edge, Some(portal)).context("starting the edge")
}

/// The provider for nginx; also for the verb that regenerates all files.
pub fn nginx_provider(config: &Config) -> Result<Nginx> {
    let (http, https) = config.public_ports()?;
    let mut settings = config.nginx.settings(config.listen);
    settings.platform_hosts = config.platform_hosts();
    settings.product = config.product_name.clone();
    settings.hsts_seconds = config.hsts_seconds();
    settings.public_ports = (http, https.unwrap_or(443));
    Nginx::new(settings).context("preparing nginx")
}

fn traefik_provider(config: &Config, behind: Arc<EmbeddedEdge>) -> Result<Traefik> {
    let (http, https) = config.public_ports()?;
    let mut settings = config.traefik.settings(config.listen, &config.data_dir)?;
    settings.platform_hosts = config.platform_hosts();
    settings.hsts_seconds = config.hsts_seconds();
    settings.public_ports = (http, https.unwrap_or(443));
    Traefik::new(settings, behind).context("preparing for Traefik")
}
