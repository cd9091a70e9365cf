//! The nginx edge: writes nginx's configuration, one file a site, and reloads it.
//!
//! The way of a table, and where to read on: `queue` lets newer tables replace waiting ones, `crate::plan`
//! sorts it, `render` (with `site`, `platform`, `pages`, and `conf`, which lets nothing hostile through)
//! turns it into files, `apply` writes them (`disk`), lets nginx test them (`program`), reloads it and
//! waits until they are live (`live`). What sites have served is read from nginx's access log
//! (`crate::tail`).
//!
//! Rules:
//! * Everything comes from the table and the settings. What is on the disk is compared with what should
//!   be there, so the next table repairs what a crash left.
//! * Only files whose names are ours (`file_name`) are read, changed or removed.
//! * nginx never restarts on files that it has not tested, except during the test itself.
//! * One bad site never delays the others, and no customer can keep a site as it is by something that
//!   nginx refuses.

mod apply;
mod certificates;
mod conf;
mod config;
mod context;
mod disk;
mod file_name;
mod live;
mod pages;
mod platform;
mod program;
mod queue;
mod render;
mod report;
mod site;
mod state;

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

use self::{
    apply::{Refusals, apply},
    config::Settings,
    queue::Queue,
    report::apply_error,
};
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
    settings: Settings,
    applied: AtomicU64,
    queue: Queue,
    /// Held while a table is being applied.
    worker: Arc<Mutex<Worker>>,
    tail: Arc<Tail>,
}

#[derive(Default)]
struct Worker {
    refusals: Refusals,
    last: Option<Served>,
}

/// What became of a table, for every call that it served.
#[derive(Clone)]
struct Served {
    last_ticket: u64,
    version: u64,
    report: Result<Report, String>,
}

impl Nginx {
    /// Checks the settings, and begins to count at the end of the log if it was never read before. nginx
    /// itself is not contacted.
    ///
    /// # Errors
    /// If a setting can't be used, or the log or the position in it can't be read.
    pub fn new(config: NginxConfig) -> io::Result<Self> {
        let tail = Arc::new(Tail::open(config.log.clone(), config.position.clone(), parse_nginx_line)?);
        let settings = Settings::check(config).map_err(io::Error::other)?;
        let (applied, queue, worker) = (AtomicU64::new(0), Queue::default(), Arc::default());
        Ok(Self { inner: Arc::new(Inner { settings, applied, queue, worker, tail }) })
    }

    /// Rewrites all files from this table, also those that are as they should be, and tries again what
    /// nginx has refused. Unlike [`Edge::apply`] it ignores the version: load the table right before, or
    /// a serving process may have applied a newer one.
    ///
    /// # Errors
    /// If nothing was applied. Single refused sites are no error; they are in the report.
    pub async fn regenerate(&self, table: RoutingTable) -> Result<Report, EdgeError> {
        let version = table.version;
        self.detached(move |inner, worker| inner.run(&table, &mut worker.refusals, true))
            .await
            .map_err(|reason| apply_error(version, reason))
    }

    /// Runs when no other table is being applied, and to its end even if the caller stops waiting: half a
    /// change helps nobody.
    async fn detached<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &mut Worker) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let inner = Arc::clone(&self.inner);
        let task = tokio::spawn(async move {
            let mut worker = Arc::clone(&inner.worker).lock_owned().await;
            tokio::task::spawn_blocking(move || work(&inner, &mut worker)).await
        });
        match task.await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) | Err(error) => Err(error.to_string()),
        }
    }
}

impl Inner {
    /// Applies the newest waiting table, unless that was done since the call with this ticket.
    fn serve(&self, ticket: u64, worker: &mut Worker) -> Result<Served, String> {
        if let Some(served) = worker.last.as_ref().filter(|served| served.last_ticket >= ticket) {
            return Ok(served.clone());
        }
        // Without a table, the call that took it has panicked.
        let (last_ticket, Some(table)) = self.queue.take() else { return Err("a concurrent attempt failed".into()) };
        let report = self.run(&table, &mut worker.refusals, false);
        Ok(worker.last.insert(Served { last_ticket, version: table.version, report }).clone())
    }

    fn run(&self, table: &RoutingTable, refusals: &mut Refusals, rewrite_all: bool) -> Result<Report, String> {
        if !rewrite_all && table.version < self.applied.load(Relaxed) {
            return Ok(Report::default());
        }
        let report = apply(&self.settings, table, refusals, rewrite_all).map_err(|failure| failure.to_string())?;
        self.applied.store(table.version, Relaxed);
        Ok(report)
    }
}

#[async_trait]
impl Edge for Nginx {
    async fn apply(&self, table: RoutingTable) -> Result<(), EdgeError> {
        let (own_version, ticket) = (table.version, self.inner.queue.push(table));
        let served = self.detached(move |inner, worker| inner.serve(ticket, worker)).await;
        let Served { version, report, .. } = served.map_err(|reason| apply_error(own_version, reason))?;
        report.map_err(|reason| apply_error(version, reason))?.check(version)
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
