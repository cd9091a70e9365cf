//! Tasks: single effects without undo, done at least once, tried again with growing pauses. For
//! now: mail.

pub(crate) mod mail;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stoa_db::tasks::{self, Task};
use stoa_integrations::mail::Email;
use stoa_model::id::TaskId;
use stoa_saga::Epoch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{Control, random};

/// A task that nobody reports on is tried again after so long.
const LEASE: Duration = Duration::from_secs(60);
/// Tasks queued by another process are noticed this late at most.
const LOOK: Duration = Duration::from_secs(2);
/// After so many tries a task is given up and shown to staff.
const TRIES: u32 = 12;

/// A task ready to be queued, with the key that keeps it from being queued twice.
pub(crate) struct Queued {
    pub task: Task,
    pub key: String,
}

/// A new email to be sent.
pub(crate) fn email_task(email: &Email, now: Timestamp) -> Queued {
    let task = Task {
        id: TaskId::from_uuid(random::uuid_at(now)),
        kind: "mail".to_owned(),
        payload: serde_json::json!(email),
        attempts: 0,
        run_at: now,
        created_at: now,
        last_error: None,
    };
    Queued { task, key: format!("mail/{}", email.key) }
}

/// Works until `stop`.
pub(crate) async fn work(control: Control, stop: CancellationToken) {
    let owner = format!("{}-tasks", std::process::id());
    loop {
        let claimed = tasks::task_claim(&control.db, &owner, control.clock.now(), LEASE).await;
        match claimed {
            Ok(Some((task, epoch))) => {
                do_one(&control, task, epoch).await;
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
            () = control.nudges.tasks.notified() => {}
            () = sleep(LOOK) => {}
        }
    }
}

async fn do_one(control: &Control, task: Task, epoch: Epoch) {
    let (id, attempts) = (task.id, task.attempts);
    let written = match effect(control, task).await {
        Ok(()) => tasks::task_done(&control.db, id, epoch).await,
        Err(error) if attempts >= TRIES => {
            tracing::error!(task = %id, error, "a task was given up");
            tasks::task_give_up(&control.db, id, epoch, &error).await
        }
        Err(error) => {
            tracing::warn!(task = %id, attempts, error, "a task failed and is tried again later");
            let pause = SignedDuration::from_secs(1 << attempts.min(11));
            tasks::task_retry(&control.db, id, epoch, control.clock.now() + pause, &error).await
        }
    };
    if let Err(error) = written {
        tracing::warn!(task = %id, %error, "the end of a task could not be written; it will be repeated");
    }
}

async fn effect(control: &Control, task: Task) -> Result<(), String> {
    if task.kind != "mail" {
        return Err(format!("{:?} is no kind of task that this version knows", task.kind));
    }
    let email: Email = serde_json::from_value(task.payload).map_err(|e| e.to_string())?;
    let mailer = control.mailer.clone();
    let sent = tokio::task::spawn_blocking(move || mailer.send(&email)).await;
    sent.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}
