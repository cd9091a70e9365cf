//! How the edges of all processes follow the changes of routes: which version each serves, and since when one has failed
//! to apply changes.

use crate::Domains;
use std::{collections::HashMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    Tx,
    domains::edges::{self, EdgeStatus},
};
use stoa_provider::edge::EdgeError;
use tokio::time::{Instant, sleep};

use super::not_applied;
use stoa_core::{Error, Result};

/// An edge whose report has not changed for this long does not serve any more. Edges report every few seconds where
/// others wait for them. Measured by who waits, because clocks of different machines differ.
const EDGE_LIFE: SignedDuration = SignedDuration::from_secs(15);
/// How long a failure is known after an edge last reported it: they try, and report, every minute.
const FAILURE_LIFE: SignedDuration = SignedDuration::from_secs(150);
/// How long a change waits for the edges of other processes.
const EDGE_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks at what they have applied.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// A failure of an edge to apply changes. It serves its previous configuration meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeLag {
    /// The time of the first failure.
    pub since: Timestamp,
    /// The error of the first failure.
    pub why: String,
}

/// The last report of each other edge, and since when it has been that.
#[derive(Debug, Default)]
pub(super) struct EdgeReports(HashMap<String, (Timestamp, Instant)>);

impl EdgeReports {
    /// Removes the edges that have ended without saying so. Of one that was not known before, the clock decides: it must
    /// have reported within `first_life`.
    fn retain_living(&mut self, seen: &mut Vec<EdgeStatus>, now: Timestamp, first_life: SignedDuration) {
        let reports = &mut self.0;
        reports.retain(|process, _| seen.iter().any(|edge| edge.process == *process));
        seen.retain(|edge| match reports.get_mut(&edge.process) {
            Some((report, since)) => {
                if *report != edge.seen_at {
                    (*report, *since) = (edge.seen_at, Instant::now());
                }
                since.elapsed() < EDGE_LIFE.unsigned_abs()
            }
            None => {
                let is_recent = now.duration_since(edge.seen_at).abs() < first_life;
                if is_recent {
                    reports.insert(edge.process.clone(), (edge.seen_at, Instant::now()));
                }
                is_recent
            }
        });
    }
}

impl Domains {
    /// Reloads all certificates and routes, applies them, and records whether the edge accepted them.
    pub async fn reconcile_routes(&self) -> Result<()> {
        if self.edge.is_none() {
            return Ok(());
        }
        let done = self.reload_all().await;
        self.record_edge_result(&done).await?;
        done
    }

    /// Records whether the edge accepted everything, so that staff know and nobody waits for it in vain.
    pub(super) async fn record_edge_result(&self, done: &Result<()>) -> Result<()> {
        let why = match done {
            Ok(()) => None,
            Err(Error::Unavailable { source, .. }) => source.downcast_ref::<EdgeError>().map(ToString::to_string),
            Err(_) => None,
        };
        // Other errors say nothing about the edge.
        if done.is_ok() || why.is_some() {
            let was_behind = self.note_failure(why).await?;
            if was_behind || self.own_lag().is_some() {
                self.write_edge_status().await?;
            }
        }
        Ok(())
    }

    /// Keeps the first failure until the edge succeeds again; also one of the process before, which failed at the same.
    /// Returns whether there was one before.
    async fn note_failure(&self, why: Option<String>) -> Result<bool> {
        let known = self.own_lag();
        let was_behind = known.is_some();
        let lag = match (why, known) {
            (None, _) => None,
            (Some(_), Some(known)) => Some(known),
            (Some(why), None) => {
                let since = self.edge_lag().await?.map_or_else(|| self.core.clock.now(), |former| former.since);
                Some(EdgeLag { since, why })
            }
        };
        *self.routes.behind() = lag;
        Ok(was_behind)
    }

    fn own_lag(&self) -> Option<EdgeLag> {
        self.routes.behind().clone()
    }

    /// The lag of the edge that has failed for longest, if any.
    pub async fn edge_lag(&self) -> Result<Option<EdgeLag>> {
        let since = self.core.clock.now() - FAILURE_LIFE;
        let all = edges::edges_all(&self.core.db).await?;
        let lags = all
            .into_iter()
            .filter(|edge| edge.seen_at >= since)
            .filter_map(|edge| edge.behind)
            .map(|(since, why)| EdgeLag { since, why });
        Ok(lags.min_by_key(|lag| lag.since))
    }

    /// Tells other processes which version the edge of this one serves: other servers, and commands, wait for it.
    pub async fn report_edge(&self) -> Result<()> {
        if self.edge.is_some() { self.write_edge_status().await } else { Ok(()) }
    }

    async fn write_edge_status(&self) -> Result<()> {
        let status = &EdgeStatus {
            process: self.core.leases.owner().to_owned(),
            version: self.routes.followed_version(),
            behind: self.own_lag().map(|lag| (lag.since, lag.why)),
            seen_at: self.core.clock.now(),
        };
        Ok(self.core.db.write(|tx| Box::pin(async move { edges::edge_put(&tx, status).await })).await?)
    }

    /// Says that this process serves no more, so that nobody waits for its edge. A failure stays known for a while.
    pub async fn retire_edge(&self) {
        if self.own_lag().is_some() {
            return;
        }
        let process = self.core.leases.owner();
        let body = async |tx: &Tx| edges::edge_forget(tx, process).await;
        if let Err(error) = self.core.db.write(|tx| Box::pin(async move { body(&tx).await })).await {
            tracing::warn!(%error, "other processes could not be told that this edge ends; they wait for it a moment");
        }
    }

    /// Waits until the edges of all other processes serve this version. A process without an edge also waits until there
    /// is one.
    ///
    /// # Errors
    /// If an edge does not follow, or none runs.
    pub(super) async fn wait_for_edges(&self, version: u64) -> Result<()> {
        let began = Instant::now();
        loop {
            let edges = self.other_edges().await?;
            let late = began.elapsed() >= EDGE_TIMEOUT;
            let behind = edges.iter().find(|edge| edge.version < version);
            let why = match behind {
                None if self.edge.is_some() || !edges.is_empty() || !self.core.db.is_server() => return Ok(()),
                None => "no process with the role edge runs; start one: `stoa serve --roles edge`".to_owned(),
                Some(EdgeStatus { process, behind: Some((_, why)), .. }) => {
                    let why = format!("the edge of process {process} has not applied a change: {why}");
                    return Err(not_applied(why.into()));
                }
                Some(EdgeStatus { process, .. }) => format!("the edge of process {process} does not answer in time"),
            };
            if late {
                return Err(not_applied(why.into()));
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// The edges of other processes that live. On SQLite a server has none but that of its predecessor, which ends soon
    /// or has crashed; only commands have somebody to wait for.
    pub(super) async fn other_edges(&self) -> Result<Vec<EdgeStatus>> {
        if !self.core.db.is_server() && self.edge.is_some() {
            return Ok(Vec::new());
        }
        let mut edges = edges::edges_all(&self.core.db).await?;
        edges.retain(|edge| edge.process != self.core.leases.owner());
        // On SQLite all processes have the clock of this machine.
        let first_life = if self.core.db.is_server() { FAILURE_LIFE } else { EDGE_LIFE };
        self.routes.reports().retain_living(&mut edges, self.core.clock.now(), first_life);
        Ok(edges)
    }
}
