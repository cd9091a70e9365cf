//! Tasks: single effects without undo, executed at least once and retried with exponential backoff. Currently only
//! e-mail.

pub mod mail;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stoa_db::tasks::{self, Task};
use stoa_integrations::mail::{Email, Mailer};
use stoa_model::id::TaskId;
use stoa_saga::Epoch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{Core, random};

/// A claimed task is available again after this time.
const LEASE_DURATION: Duration = Duration::from_secs(60);
/// Tasks queued by another process wait at most this long.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// After this many attempts a task has failed and is shown to staff.
const MAX_ATTEMPTS: u32 = 12;

/// A task to queue, with its deduplication key.
pub struct QueuedTask {
    /// The task.
    pub task: Task,
    /// Deduplication key: a second task with this key is not queued.
    pub key: String,
}

/// A task that sends this e-mail.
pub fn email_task(email: &Email, now: Timestamp) -> QueuedTask {
    let task = Task {
        id: TaskId::from_uuid(random::uuid_at(now)),
        kind: "mail".to_owned(),
        payload: serde_json::json!(email),
        attempts: 0,
        run_at: now,
        created_at: now,
        last_error: None,
    };
    QueuedTask { task, key: format!("mail/{}", email.key) }
}

/// The task service. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    core: Core,
    mailer: Mailer,
}

impl Tasks {
    /// A service that sends mail with `mailer`. Call [`Tasks::work`] to run it.
    pub fn new(core: Core, mailer: Mailer) -> Self {
        Self { core, mailer }
    }

    /// Executes tasks until `stop`.
    pub async fn work(&self, stop: CancellationToken) {
        let owner = format!("{}-tasks", std::process::id());
        loop {
            let claimed = tasks::task_claim(&self.core.db, &owner, self.core.clock.now(), LEASE_DURATION).await;
            match claimed {
                Ok(Some((task, epoch))) => {
                    self.execute(task, epoch).await;
                    if stop.is_cancelled() {
                        return;
                    }
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "cannot claim a task; will retry"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.core.wakeups.tasks.notified() => {}
                () = sleep(POLL_INTERVAL) => {}
            }
        }
    }

    async fn execute(&self, task: Task, epoch: Epoch) {
        let (id, attempts) = (task.id, task.attempts);
        let written = match self.send_mail(task).await {
            Ok(()) => tasks::task_done(&self.core.db, id, epoch).await,
            Err(error) if attempts >= MAX_ATTEMPTS => {
                tracing::error!(task = %id, error, "task failed permanently");
                tasks::task_give_up(&self.core.db, id, epoch, &error).await
            }
            Err(error) => {
                tracing::warn!(task = %id, attempts, error, "task failed; will retry");
                let delay = SignedDuration::from_secs(1 << attempts.min(11));
                tasks::task_retry(&self.core.db, id, epoch, self.core.clock.now() + delay, &error).await
            }
        };
        if let Err(error) = written {
            tracing::warn!(task = %id, %error, "cannot record the result of a task; it will be repeated");
        }
    }

    async fn send_mail(&self, task: Task) -> Result<(), String> {
        if task.kind != "mail" {
            return Err(format!("unknown kind of task: {:?}", task.kind));
        }
        let email: Email = serde_json::from_value(task.payload).map_err(|e| e.to_string())?;
        let mailer = self.mailer.clone();
        let sent = tokio::task::spawn_blocking(move || mailer.send(&email)).await;
        sent.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
    }
}
