//! Tasks: single effects without undo, executed at least once, each kind with its own policy of retries.
//!
//! A task is queued in the transaction of the change that requires it. What is given up is kept, until staff try it
//! again or discard it.

mod list;
pub mod mail;
mod spec;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use stoa_db::tasks::{self, Task};
use stoa_model::id::TaskId;
use stoa_saga::Epoch;
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

pub use spec::{RetryPolicy, TaskError, TaskRegistry, TaskSpec};

use crate::{Core, Wakeup, random};

/// A claimed task is available again this long after the last heartbeat.
const LEASE_DURATION: Duration = Duration::from_secs(60);
/// Tasks queued by another process wait at most this long.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Tasks that are executed at the same time.
const CONCURRENCY: usize = 4;

/// A task to queue, with its deduplication key.
pub struct QueuedTask {
    /// The task.
    pub task: Task,
    /// Deduplication key: a second task with this key is not queued.
    pub key: String,
}

impl QueuedTask {
    /// A task of kind `S`, due now.
    pub fn new<S: TaskSpec>(payload: &S::Payload, key: String, now: Timestamp) -> Self {
        let task = Task {
            id: TaskId::from_uuid(random::uuid_at(now)),
            kind: S::KIND.to_owned(),
            payload: serde_json::json!(payload),
            attempts: 0,
            run_at: now,
            created_at: now,
            last_error: None,
        };
        Self { task, key }
    }
}

/// The task service. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    core: Core,
    registry: TaskRegistry,
}

impl Tasks {
    /// A service for these kinds of tasks. Call [`Tasks::work`] to run it.
    pub fn new(core: Core, registry: TaskRegistry) -> Self {
        Self { core, registry }
    }

    /// Executes tasks until `stop`; those in progress then are finished.
    pub async fn work(&self, stop: CancellationToken) {
        let owner = random::holder_name(self.core.clock.now());
        let (slots, tracker) = (Arc::new(Semaphore::new(CONCURRENCY)), TaskTracker::new());
        while !stop.is_cancelled() {
            let Ok(slot) = slots.clone().acquire_owned().await else { break };
            match tasks::task_claim(&self.core.db, &owner, self.core.clock.now(), LEASE_DURATION).await {
                Ok(Some((task, epoch))) => {
                    let service = self.clone();
                    tracker.spawn(async move {
                        service.execute(task, epoch).await;
                        drop(slot);
                    });
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "cannot claim a task; will retry"),
            }
            drop(slot);
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.core.bus.wakeup(Wakeup::Tasks).notified() => {}
                () = sleep(POLL_INTERVAL) => {}
            }
        }
        tracker.close();
        tracker.wait().await;
    }

    async fn execute(&self, task: Task, epoch: Epoch) {
        let (id, kind, attempts, since) = (task.id, task.kind.clone(), task.attempts, task.created_at);
        let payload = task.payload.clone();
        let Some(result) = self.attempt(task, epoch).await else {
            return tracing::warn!(task = %id, "another process has taken a task over");
        };
        let (db, now) = (&self.core.db, self.core.clock.now());
        let next = |policy: RetryPolicy| policy.next(attempts, since, now);
        let written = match result {
            Ok(()) => tasks::task_done(db, id, epoch).await,
            Err(TaskError::Retry(error)) => {
                match self.registry.handler(&kind).and_then(|handler| next(handler.retry())) {
                    Some(at) => {
                        tracing::warn!(task = %id, kind, attempts, error, next = %at, "task failed; will retry");
                        tasks::task_retry(db, id, epoch, at, &error).await
                    }
                    None => {
                        tracing::error!(task = %id, kind, attempts, error, "task given up");
                        if let Some(handler) = self.registry.handler(&kind) {
                            handler.on_given_up(payload, &error).await;
                        }
                        tasks::task_give_up(db, id, epoch, &error).await
                    }
                }
            }
            Err(TaskError::Permanent(error)) => {
                tracing::error!(task = %id, kind, error, "task failed permanently");
                tasks::task_give_up(db, id, epoch, &error).await
            }
        };
        if let Err(error) = written {
            tracing::warn!(task = %id, %error, "cannot record the result of a task; it will be repeated");
        }
    }

    /// One attempt, in a task of its own so that a panic is only its failure. `None` if the lease was lost meanwhile.
    async fn attempt(&self, task: Task, epoch: Epoch) -> Option<Result<(), TaskError>> {
        let Task { id, kind, payload, .. } = task;
        let Some(handler) = self.registry.handler(&kind).cloned() else {
            return Some(Err(TaskError::Permanent(format!("this release has no tasks of the kind {kind:?}"))));
        };
        let attempt = AbortOnDropHandle::new(tokio::spawn(async move { handler.execute(payload).await }));
        tokio::select! {
            ended = attempt => Some(ended.unwrap_or_else(|panic| Err(TaskError::Retry(panic.to_string())))),
            () = self.lose_lease(id, epoch) => None,
        }
    }

    /// Renews the lease; returns when it is lost.
    async fn lose_lease(&self, id: TaskId, epoch: Epoch) {
        loop {
            sleep(LEASE_DURATION / 3).await;
            match tasks::task_heartbeat(&self.core.db, id, epoch, self.core.clock.now() + LEASE_DURATION).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(task = %id, %error, "cannot renew a task's lease; will retry"),
            }
        }
    }
}
