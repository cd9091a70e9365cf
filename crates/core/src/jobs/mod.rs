//! Jobs: the workers that run them, and the views and commands for them.
//!
//! An area declares each kind of job as a [`JobSpec`]: its plan, its saga, and how its end is recorded. [`Jobs`]
//! runs all of them and depends on none.

mod commands;
#[cfg(debug_assertions)]
mod crash_points;
mod finish;
mod slots;
mod spec;
mod view;
mod worker;

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use stoa_db::{Tx, jobs};
use stoa_model::{
    id::{JobId, SiteId},
    job::{Job, JobKind, JobState, Lane},
};
use stoa_saga::Epoch;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

pub use finish::JobEnd;
pub use spec::{JobHandler, JobSpec};
pub use view::JobFilter;

use crate::{Core, Error, RequestContext, Result};

/// The kinds of jobs that the areas have registered.
#[derive(Default)]
pub struct JobRegistry(HashMap<JobKind, Arc<dyn JobHandler>>);

impl JobRegistry {
    /// Adds a kind of job.
    ///
    /// # Panics
    /// If the kind is registered already.
    #[must_use]
    pub fn with<S: JobSpec>(mut self, spec: S) -> Self {
        let previous = self.0.insert(S::KIND, Arc::new(spec));
        assert!(previous.is_none(), "the job kind {} is registered twice", S::KIND);
        self
    }

    /// The handler for jobs of this kind.
    ///
    /// # Errors
    /// [`Error::Internal`] if no area has registered it.
    pub fn handler(&self, kind: JobKind) -> Result<&Arc<dyn JobHandler>> {
        self.0.get(&kind).ok_or_else(|| Error::internal(format!("no area carries out jobs of kind {kind}")))
    }
}

/// The job service. Cheap to clone.
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

/// State shared by all clones.
pub struct Inner {
    core: Core,
    registry: JobRegistry,
    /// The jobs that this process runs.
    running: Mutex<HashMap<JobId, Run>>,
}

/// A run of a job in this process.
#[derive(Clone)]
struct Run {
    epoch: Epoch,
    cancel: CancellationToken,
    lost: CancellationToken,
}

impl Deref for Jobs {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Jobs {
    /// A service for these kinds of jobs. Call [`Jobs::work`] to run them.
    pub fn new(core: Core, registry: JobRegistry) -> Self {
        Self(Arc::new(Inner { core, registry, running: Mutex::default() }))
    }

    /// Ids of jobs as they change; read them with [`Jobs::get`].
    pub fn changes(&self) -> broadcast::Receiver<JobId> {
        self.core.bus.job_changes()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<JobId, Run>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queues a job in the caller's transaction. Wake the workers after the commit.
///
/// # Errors
/// [`Error::Conflict`] if the site has an unfinished job.
pub async fn enqueue(
    tx: &Tx,
    cx: &RequestContext,
    kind: JobKind,
    id: JobId,
    site: SiteId,
    plan: &impl Serialize,
) -> Result<()> {
    let job = Job {
        id,
        site,
        kind,
        lane: Lane::of(kind, cx.actor),
        state: JobState::Queued,
        actor: cx.actor,
        cancel_requested: false,
        error: None,
        error_detail: None,
        queued_at: cx.now,
        started_at: None,
        ended_at: None,
    };
    let plan = serde_json::to_value(plan).map_err(Error::internal)?;
    Ok(jobs::job_insert(tx, &job, &plan).await?)
}
