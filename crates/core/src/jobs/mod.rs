//! Jobs: the workers that carry them out, and what people see of them and may do with them.
//!
//! An area declares each kind of job as a [`JobSpec`]: its plan, its saga, and what its end means.
//! [`Jobs`] runs them all and knows none of them.

mod commands;
#[cfg(debug_assertions)]
mod crash_points;
mod finish;
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
    job::{Job, JobKind, JobState},
};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

pub use finish::JobEnd;
pub use spec::{JobHandler, JobSpec};

use crate::{Core, Error, RequestContext, Result};

/// How many changes a slow watcher may be behind before it misses some.
const CHANGES_BUFFERED: usize = 1024;

/// Every kind of job, as registered by the areas.
#[derive(Default)]
pub struct JobRegistry(HashMap<JobKind, Arc<dyn JobHandler>>);

impl JobRegistry {
    /// Adds a kind of job.
    ///
    /// # Panics
    /// If the kind is registered already.
    #[must_use]
    pub fn with<S: JobSpec>(mut self, spec: S) -> Self {
        let former = self.0.insert(S::KIND, Arc::new(spec));
        assert!(former.is_none(), "the job kind {} is registered twice", S::KIND);
        self
    }

    /// What carries out jobs of this kind.
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

/// What all methods share.
pub struct Inner {
    core: Core,
    registry: JobRegistry,
    /// Jobs that this process runs, and how to cancel them.
    running: Mutex<HashMap<JobId, CancellationToken>>,
    /// Jobs that changed, for watchers.
    changes: broadcast::Sender<JobId>,
}

impl Deref for Jobs {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Jobs {
    /// A service over these kinds of jobs. Nothing runs yet: see [`Jobs::work`].
    pub fn new(core: Core, registry: JobRegistry) -> Self {
        let changes = broadcast::channel(CHANGES_BUFFERED).0;
        Self(Arc::new(Inner { core, registry, running: Mutex::default(), changes }))
    }

    /// Announces jobs of this process as they change; read them with [`Jobs::get`].
    pub fn changes(&self) -> broadcast::Receiver<JobId> {
        self.changes.subscribe()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<JobId, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queues a job in the caller's transaction. Wake the workers after the commit.
///
/// # Errors
/// [`Error::Conflict`] if another job works on the site.
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
        state: JobState::Queued,
        actor: cx.actor,
        plan: serde_json::to_value(plan).map_err(Error::internal)?,
        cancel_requested: false,
        error: None,
        error_detail: None,
        queued_at: cx.now,
        started_at: None,
        ended_at: None,
    };
    Ok(jobs::job_insert(tx, &job).await?)
}
