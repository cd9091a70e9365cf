//! What is changed: an edge in this process, or an nginx beside it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use stoa_edge::{Config, EmbeddedEdge, Timeouts, listen};
use stoa_model::{
    certificate::{CertName, Certificate},
    host::Hostname,
    id::{CertificateId, SiteId},
    route::{Route, RouteLimits, RoutingTable, Target},
};
use stoa_provider::edge::Edge;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Result,
    sites::{Kind, Pem, Site, Sites},
};

pub(crate) enum Changed {
    EmbeddedEdge { edge: Arc<EmbeddedEdge>, table: RoutingTable, address: SocketAddr },
    Nginx { address: SocketAddr, pid: String, sites: PathBuf, certificates: PathBuf, command: Vec<String> },
}

impl Changed {
    pub(crate) async fn embedded(sites: &Sites) -> Result<Self> {
        let mut table = RoutingTable { version: 1, ..RoutingTable::default() };
        for site in sites.iter() {
            table.routes.insert(Hostname::parse(&site.name)?, route(site));
            Arc::make_mut(&mut table.certificates).push(Arc::new(certificate(site, site.first.clone())?));
        }
        // All upstreams are in this process too: with the usual minute of idle connections to each of
        // ten thousand, both ends counted, it would run out of files.
        let timeouts = Timeouts { pooled: Duration::from_secs(5), ..Timeouts::default() };
        let edge = Arc::new(EmbeddedEdge::new(Config { timeouts, ..Config::default() }, None)?);
        edge.apply(table.clone()).await?;
        let listener = listen(([127, 0, 0, 1], 0).into())?;
        let (address, serving) = (listener.local_addr()?, Arc::clone(&edge));
        tokio::spawn(async move { serving.serve_tls(listener, CancellationToken::new()).await });
        Ok(Self::EmbeddedEdge { edge, table, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let (Self::EmbeddedEdge { address, .. } | Self::Nginx { address, .. }) = self;
        *address
    }

    /// Lets the site's present generation be served; returns when the changed one says that it is.
    pub(crate) async fn change(&mut self, site: &Site, kind: Kind, next: &Option<Pem>) -> Result<()> {
        match self {
            Self::EmbeddedEdge { edge, table, .. } => {
                // As the platform does it (crates/control/src/reconcile/routes.rs).
                let mut fresh = RoutingTable { version: table.version + 1, ..table.clone() };
                if kind == Kind::Route {
                    fresh.routes.insert(Hostname::parse(&site.name)?, route(site));
                }
                if let Some(pem) = next {
                    Arc::make_mut(&mut fresh.certificates)[site.number as usize] =
                        Arc::new(certificate(site, pem.clone())?);
                }
                edge.apply(fresh.clone()).await?;
                *table = fresh;
            }
            Self::Nginx { pid, sites, certificates, command, .. } => {
                if kind == Kind::Route {
                    let file = sites.join(format!("{}.conf", site.name));
                    let generation = site.generation(kind);
                    let (old, new) = (site.upstream(generation - 1).to_string(), site.upstream(generation).to_string());
                    std::fs::write(&file, std::fs::read_to_string(&file)?.replace(&old, &new))?;
                }
                if let Some(pem) = next {
                    std::fs::write(certificates.join(format!("{}.crt", site.name)), &pem.chain)?;
                    std::fs::write(certificates.join(format!("{}.key", site.name)), &pem.key)?;
                }
                let test = command.iter().map(String::as_str).chain(["-t", "-q"]).collect();
                let reload = vec!["kill", "-HUP", pid.as_str()];
                for order in [test, reload] {
                    let done = Command::new(order[0]).args(&order[1..]).output().await?;
                    if !done.status.success() {
                        return Err(format!("{order:?}: {}", String::from_utf8_lossy(&done.stderr)).into());
                    }
                }
            }
        }
        Ok(())
    }
}

fn route(site: &Site) -> Route {
    Route {
        site: SiteId::from_uuid(Uuid::from_u128(site.number.into())),
        target: Target::Upstream(site.upstream(site.generation(Kind::Route))),
        limits: RouteLimits::body(100 << 20),
        secure: true,
    }
}

fn certificate(site: &Site, pem: Pem) -> Result<Certificate> {
    // A renewed one has another id.
    let id = u128::from(site.number) << 32 | u128::from(site.generation(Kind::Certificate));
    let names = vec![CertName::host(Hostname::parse(&site.name)?)];
    Ok(Certificate { id: CertificateId::from_uuid(Uuid::from_u128(id)), names, chain: pem.chain, key: pem.key.into() })
}
