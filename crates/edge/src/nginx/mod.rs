//! The nginx edge: writes nginx's configuration, one file a site, and reloads it.
//!
//! The way of a table, and where to read on: `crate::plan` sorts it, `render` (with `site`, `platform`,
//! `pages`, and `conf`, which nothing hostile gets through) turns it into files, `attempt` brings
//! them to the disk (`disk`) and lets nginx test them (`program`), and `take` reloads and waits until
//! they are live (`live`). What sites have served is read from nginx's access log (`crate::tail`).
//!
//! Rules:
//! * Everything comes from the table and the settings; nothing is kept elsewhere. What lies on the
//!   disk is compared with what should, so any crash is mended by the next table.
//! * Only files whose names are ours (`names`) are read, changed or removed.
//! * nginx never restarts on files that it has not tested, but for the moment of the test itself.
//! * One bad site never holds the others up, and nobody keeps his own as it is by what nginx refuses.

mod apply;
mod attempt;
mod conf;
mod config;
mod disk;
mod file_name;
mod former;
mod live;
mod pages;
mod platform;
mod program;
mod render;
mod report;
mod site;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use stoa_model::{id::SiteId, route::RoutingTable, traffic::Traffic};
use stoa_provider::edge::{Edge, EdgeError};
use tokio::sync::Mutex;

use self::{apply::Known, config::Settings};
pub use self::{
    config::{ConfigError, NginxConfig, commands},
    report::Report,
};
use crate::tail::{Tail, parse_nginx_line};

/// An nginx on this machine.
#[derive(Clone)]
pub struct Nginx {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Arc<Settings>,
    applied: AtomicU64,
    /// Held while a table is brought to nginx; what nginx has refused so far.
    known: Mutex<Known>,
    tail: Arc<Tail>,
}

impl Nginx {
    /// Checks the settings, and begins to count at the end of what is in the log if nobody has read
    /// it before. nginx itself is not spoken to.
    ///
    /// # Errors
    /// If a setting can't be used, or the log or the position in it can't be read.
    pub fn new(config: NginxConfig) -> io::Result<Self> {
        let tail = Arc::new(Tail::open(config.log.clone(), config.position.clone(), parse_nginx_line)?);
        let settings = Arc::new(Settings::check(config).map_err(io::Error::other)?);
        Ok(Self { inner: Arc::new(Inner { settings, applied: AtomicU64::new(0), known: Mutex::default(), tail }) })
    }

    /// Writes all files anew from this table, also those that are as they should be, and tries again
    /// what nginx has refused. Unlike [`Edge::apply`] it asks for no version: load the table right
    /// before, or a serving process may have had a newer one.
    ///
    /// # Errors
    /// If nothing was taken over. That single sites were refused is no error but in the report.
    pub async fn regenerate(&self, table: RoutingTable) -> Result<Report, EdgeError> {
        self.take(table, true).await.map(|(report, _)| report)
    }

    /// Runs to its end also if the caller gives up waiting: half a change helps nobody.
    async fn take(&self, table: RoutingTable, anew: bool) -> Result<(Report, u64), EdgeError> {
        let (inner, version) = (Arc::clone(&self.inner), table.version);
        let task = tokio::spawn(async move {
            let mut known = inner.known.lock().await;
            if !anew && version < inner.applied.load(Relaxed) {
                return Ok(Report::default());
            }
            let report = apply::apply(&inner.settings, Arc::new(table), &mut known, anew).await;
            let report = report.map_err(|failure| report::error(version, failure.to_string()))?;
            inner.applied.store(version, Relaxed);
            Ok(report)
        });
        let done = task.await.unwrap_or_else(|error| Err(report::error(version, error.to_string())));
        done.map(|report| (report, version))
    }
}

#[async_trait]
impl Edge for Nginx {
    async fn apply(&self, table: RoutingTable) -> Result<(), EdgeError> {
        let (report, version) = self.take(table, false).await?;
        report.error(version)
    }

    fn applied(&self) -> u64 {
        self.inner.applied.load(Relaxed)
    }

    async fn traffic(&self) -> Result<Vec<(SiteId, Traffic)>, EdgeError> {
        self.inner.tail.read_in_background().await.map_err(|error| EdgeError {
            maker: "nginx",
            doing: "reading the access log of".into(),
            reason: error.to_string(),
            refused: None,
        })
    }
}
