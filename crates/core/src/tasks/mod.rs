//! Tasks: single effects without undo, done at least once, tried again with growing pauses. For
//! now: mail.

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

/// A task that nobody reports on is tried again after so long.
const LEASE: Duration = Duration::from_secs(60);
/// Tasks queued by another process are noticed this late at most.
const LOOK: Duration = Duration::from_secs(2);
/// After so many tries a task is given up and shown to staff.
const TRIES: u32 = 12;

/// A task ready to be queued, with the key that keeps it from being queued twice.
pub struct QueuedTask {
    /// The task.
    pub task: Task,
    /// A second task with this key is not queued.
    pub key: String,
}

/// A new email to be sent.
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
    /// A service that sends mail by `mailer`. Nothing runs yet: see [`Tasks::work`].
    pub fn new(core: Core, mailer: Mailer) -> Self {
        Self { core, mailer }
    }

    /// Works until `stop`.
    pub async fn work(&self, stop: CancellationToken) {
        let owner = format!("{}-tasks", std::process::id());
        loop {
            let claimed = tasks::task_claim(&self.core.db, &owner, self.core.clock.now(), LEASE).await;
            match claimed {
                Ok(Some((task, epoch))) => {
                    self.do_one(task, epoch).await;
                    if stop.is_cancelled() {
                        return;
                    }
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "no task could be claimed; trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.core.wakeups.tasks.notified() => {}
                () = sleep(LOOK) => {}
            }
        }
    }

    async fn do_one(&self, task: Task, epoch: Epoch) {
        let (id, attempts) = (task.id, task.attempts);
        let written = match self.effect(task).await {
            Ok(()) => tasks::task_done(&self.core.db, id, epoch).await,
            Err(error) if attempts >= TRIES => {
                tracing::error!(task = %id, error, "a task was given up");
                tasks::task_give_up(&self.core.db, id, epoch, &error).await
            }
            Err(error) => {
                tracing::warn!(task = %id, attempts, error, "a task failed and is tried again later");
                let pause = SignedDuration::from_secs(1 << attempts.min(11));
                tasks::task_retry(&self.core.db, id, epoch, self.core.clock.now() + pause, &error).await
            }
        };
        if let Err(error) = written {
            tracing::warn!(task = %id, %error, "the end of a task could not be written; it will be repeated");
        }
    }

    async fn effect(&self, task: Task) -> Result<(), String> {
        if task.kind != "mail" {
            return Err(format!("{:?} is no kind of task that this version knows", task.kind));
        }
        let email: Email = serde_json::from_value(task.payload).map_err(|e| e.to_string())?;
        let mailer = self.mailer.clone();
        let sent = tokio::task::spawn_blocking(move || mailer.send(&email)).await;
        sent.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
    }
}
